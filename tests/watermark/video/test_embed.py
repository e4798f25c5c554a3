"""Marked videos keep what the source has, and half of one is never left."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import av
import numpy as np
import pytest

from edgeseal.errors import FileError, OutputExistsError, UsageError, VideoError
from edgeseal.watermark.payload import Payload
from edgeseal.watermark.runtime import LiteRTDetector, LiteRTEmbedder
from edgeseal.watermark.video import Encoding, detect_video, embed_video
from pairs import Pair
from patience import HANG_S
from watermark.video.conftest import Clip

HELLO = Payload.from_text("hello")


def frames_of(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def test_every_frame_is_marked_when_the_last_group_is_not_full(
    clip: Clip, embedder: LiteRTEmbedder, detector: LiteRTDetector, tmp_path: Path
) -> None:
    source, target = clip(frames=10), tmp_path / "marked.mp4"
    seen: list[tuple[int, int | None]] = []
    done = embed_video(embedder, source, target, HELLO, report=lambda *x: seen.append(x))
    assert (done.frames, done.key_frames) == (10, 4)
    assert 10 < done.psnr_db < 60
    assert seen[-1] == (10, 10)
    marked, plain = frames_of(target), frames_of(source)
    assert len(marked) == len(plain) == 10
    for one in marked:
        image = one.to_ndarray(format="rgb24")
        assert detector.detect(image, done.message).matching_bits == 96
    assert [f.pts * f.time_base for f in marked] == [f.pts * f.time_base for f in plain]


def test_times_are_kept_when_the_rate_varies(
    clip: Clip, embedder: LiteRTEmbedder, tmp_path: Path
) -> None:
    times = [0, 40, 45, 130, 131, 400, 1000, 1001, 1500, 1533]
    for name in ("a.mp4", "a.mkv"):
        target = tmp_path / f"marked_{name}"
        embed_video(embedder, clip(name, times=times), target, HELLO)
        found = [float(f.pts * f.time_base) * 1000 for f in frames_of(target)]
        assert np.diff(found) == pytest.approx(np.diff(times), abs=1)


def test_other_streams_and_tags_are_copied_when_there_are_some(
    clip: Clip, embedder: LiteRTEmbedder, tmp_path: Path
) -> None:
    source, target = clip("a.mkv", sound=True, words=True), tmp_path / "marked.mkv"
    embed_video(embedder, source, target, HELLO)
    kept = []
    for path in (source, target):
        with av.open(str(path)) as container:
            assert container.metadata["title"] == "A clip"
            packets = [p for p in container.demux() if p.stream.type != "video" and p.size]
            kept.append([(p.stream.type, p.pts * p.time_base, bytes(p)) for p in packets])
    assert {kind for kind, *_ in kept[0]} == {"audio", "subtitle"}
    assert sorted(kept[0]) == sorted(kept[1])


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_mark_is_upright_when_the_video_is_rotated(
    rotation: int, clip: Clip, embedder: LiteRTEmbedder, detector: LiteRTDetector, tmp_path: Path
) -> None:
    target = tmp_path / "marked.mp4"
    done = embed_video(embedder, clip(rotation=rotation), target, HELLO)
    for frame in frames_of(target):
        assert frame.rotation in (rotation, -180 if rotation == 180 else rotation)
        shown = np.rot90(frame.to_ndarray(format="rgb24"), rotation // 90)
        assert detector.detect(np.ascontiguousarray(shown), done.message).matching_bits == 96
    assert detect_video(detector, target, expect=done.message).detection.matching_bits == 96


@pytest.mark.parametrize(
    ("name", "codec", "size", "pix_fmt", "expected"),
    [
        ("odd.mkv", "ffv1", (47, 63), "yuv420p", "yuv444p"),
        ("odd.webm", "libvpx-vp9", (47, 63), "yuv420p", "yuv420p"),
        ("deep.mkv", "ffv1", (48, 64), "yuv420p10le", "yuv420p10le"),
        ("grey.mkv", "ffv1", (48, 64), "gray", "yuv420p"),
        ("large.mp4", "libx264", (300, 400), "yuv422p", "yuv422p"),
    ],
)
def test_size_and_depth_are_kept_when_the_encoder_takes_them(
    name: str,
    codec: str,
    size: tuple[int, int],
    pix_fmt: str,
    expected: str,
    clip: Clip,
    embedder: LiteRTEmbedder,
    detector: LiteRTDetector,
    tmp_path: Path,
) -> None:
    source = clip(name, codec=codec, size=size, pix_fmt=pix_fmt, frames=4)
    target = tmp_path / f"marked_{name}"
    done = embed_video(embedder, source, target, HELLO)
    frame = frames_of(target)[-1]
    assert (frame.height, frame.width) == size
    assert frame.format.name == done.pix_fmt == expected
    assert detect_video(detector, target, expect=done.message).detection.matching_bits == 96


def test_frames_are_those_in_memory_when_coding_loses_nothing(
    clip: Clip, embedder: LiteRTEmbedder, tmp_path: Path
) -> None:
    from edgeseal.watermark.video._embed_video import mark_frames

    source, target = clip("a.mkv", codec="ffv1", pix_fmt="bgr0"), tmp_path / "marked.mkv"
    done = embed_video(embedder, source, target, HELLO, encoding=Encoding(codec="ffv1"))
    pixels = [frame.to_ndarray(format="rgb24") for frame in frames_of(source)]
    expected = list(mark_frames(embedder, pixels, done.message))
    found = [frame.to_ndarray(format="rgb24") for frame in frames_of(target)]
    np.testing.assert_array_equal(np.stack(found), np.stack(expected))


def test_options_reach_the_encoder_when_they_are_given(
    clip: Clip, embedder: LiteRTEmbedder, tmp_path: Path
) -> None:
    source, sizes = clip(size=(240, 320)), []
    for crf in (5, 45):
        target = tmp_path / f"{crf}.mp4"
        encoding = Encoding(codec="libx265", crf=crf, preset="ultrafast", pix_fmt="yuv420p10le")
        embed_video(embedder, source, target, HELLO, encoding=encoding)
        assert frames_of(target)[0].format.name == "yuv420p10le"
        sizes.append(target.stat().st_size)
    assert sizes[0] > 3 * sizes[1]


@pytest.mark.parametrize(
    ("encoding", "message"),
    [
        (Encoding(codec="nothing"), "no encoder 'nothing'"),
        (Encoding(codec="aac"), "encodes audio"),
        (Encoding(crf=99), "libx264 takes 0 to 51, got 99"),
        (Encoding(codec="ffv1", crf=3), "ffv1 has no such option"),
        (Encoding(codec="ffv1", preset="slow"), "ffv1 has none"),
        (Encoding(pix_fmt="bgr48be"), "libx264 does not take 'bgr48be'"),
    ],
)
def test_options_are_refused_when_the_encoder_has_none_such(
    encoding: Encoding, message: str, clip: Clip, embedder: LiteRTEmbedder, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        embed_video(embedder, clip(), tmp_path / "marked.mp4", HELLO, encoding=encoding)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def bad_sources(clip: Clip, tmp_path: Path) -> dict[str, Path]:
    whole = clip("whole.mp4", frames=40, sound=True, options={"g": "5"}).read_bytes()
    names = ("cut.mp4", "cut.mkv", "cut.ts", "empty.mp4", "text.mp4", "noise.mkv")
    paths = {name: tmp_path / name for name in names}
    paths["cut.mp4"].write_bytes(whole[: len(whole) * 2 // 3])
    mkv = clip("whole.mkv", frames=100, options={"g": "5"}).read_bytes()
    paths["cut.mkv"].write_bytes(mkv[: len(mkv) // 3])
    paths["empty.mp4"].write_bytes(b"")
    paths["text.mp4"].write_text("no video\n" * 50)
    paths["noise.mkv"].write_bytes(mkv[:300] + bytes(5000))
    del paths["cut.ts"]
    paths["missing.mp4"] = tmp_path / "missing.mp4"
    paths["folder.mp4"] = tmp_path / "folder.mp4"
    paths["folder.mp4"].mkdir()
    return paths


def test_source_is_refused_when_it_cannot_be_read(
    clip: Clip, embedder: LiteRTEmbedder, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for name, path in bad_sources(clip, tmp_path).items():
        with pytest.raises(FileError) as refusal:
            embed_video(embedder, path, out / f"marked_{name}", HELLO)
        assert str(refusal.value).startswith(f"{path}: "), refusal.value
        assert "\n" not in str(refusal.value)
    assert list(out.iterdir()) == []


def test_source_is_refused_when_it_has_no_moving_picture(
    embedder: LiteRTEmbedder, tmp_path: Path
) -> None:
    source = tmp_path / "sound.mp4"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), "fltp", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(VideoError, match="no moving picture, only audio"):
        embed_video(embedder, source, tmp_path / "marked.mp4", HELLO)


def test_source_is_refused_when_its_size_changes(
    clip: Clip, embedder: LiteRTEmbedder, detector: LiteRTDetector, tmp_path: Path
) -> None:
    parts = [clip(f"{i}.ts", size=s, format="mpegts") for i, s in enumerate([(48, 64), (96, 80)])]
    source, target = tmp_path / "both.ts", tmp_path / "marked.ts"
    source.write_bytes(b"".join(part.read_bytes() for part in parts))
    with pytest.raises(VideoError, match="from 64 x 48 to 80 x 96 at frame 10"):
        embed_video(embedder, source, target, HELLO)
    assert not target.exists()
    assert detect_video(detector, source).frames == 20


def test_source_is_refused_when_it_is_transparent(
    clip: Clip, embedder: LiteRTEmbedder, tmp_path: Path
) -> None:
    source = clip("a.mkv", codec="ffv1", pix_fmt="yuva420p")
    with pytest.raises(VideoError, match="transparency"):
        embed_video(embedder, source, tmp_path / "marked.mkv", HELLO)


def test_target_is_refused_when_it_cannot_hold_the_source(
    clip: Clip, embedder: LiteRTEmbedder, tmp_path: Path
) -> None:
    source = clip("a.mkv", words=True)
    expected = {"m.mp4": "cannot hold stream 1", "m.xyz": "xyz"}
    for name, message in expected.items():
        with pytest.raises(VideoError, match=message):
            embed_video(embedder, source, tmp_path / name, HELLO)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mkv"]


def test_files_are_kept_when_they_are_in_the_way(
    clip: Clip, embedder: LiteRTEmbedder, tmp_path: Path
) -> None:
    source, target = clip(), tmp_path / "marked.mp4"
    target.write_text("precious")
    with pytest.raises(OutputExistsError):
        embed_video(embedder, source, target, HELLO)
    assert target.read_text() == "precious"
    with pytest.raises(UsageError, match="is the source itself"):
        embed_video(embedder, source, source, HELLO, overwrite=True)
    embed_video(embedder, source, target, HELLO, overwrite=True)
    assert len(frames_of(target)) == 10


def test_nothing_is_left_when_interrupted(
    clip: Clip, embedder: LiteRTEmbedder, tmp_path: Path
) -> None:
    def interrupt(done: int, _: int | None) -> None:
        if done == 5:
            raise KeyboardInterrupt

    source = clip(frames=60)
    with pytest.raises(KeyboardInterrupt):
        embed_video(embedder, source, tmp_path / "marked.mp4", HELLO, report=interrupt)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]
    assert not [t for t in threading.enumerate() if t.name.startswith("edgeseal-video")]


FULL_DISK = """
import resource, signal, sys
from edgeseal.cli import main
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4_000, 4_000))
sys.exit(main(["embed", sys.argv[1], "--model", sys.argv[2], "--id", "1", "-o", sys.argv[3]]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
def test_nothing_is_left_when_the_disk_is_full(clip: Clip, pair96: Pair, tmp_path: Path) -> None:
    source, out = clip(frames=20, size=(240, 320)), tmp_path / "out"
    command = [sys.executable, "-c", FULL_DISK, str(source), str(pair96.embedder), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANG_S)
    assert done.returncode == 2
    assert "marked" not in done.stdout
    assert "cannot be written (File too large)" in done.stderr, done.stderr
    assert not out.exists()


@pytest.mark.parametrize("step_size", [0, -1])
def test_step_is_refused_when_it_is_below_1(
    step_size: int, clip: Clip, embedder: LiteRTEmbedder, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="1 or more"):
        embed_video(embedder, clip(), tmp_path / "m.mp4", HELLO, step_size=step_size)


def test_data_that_nobody_sees_is_left_out_when_a_video_has_some(
    clip: Clip, embedder: LiteRTEmbedder, tmp_path: Path
) -> None:
    source = tmp_path / "data.ts"
    with av.open(str(clip())) as plain, av.open(str(source), "w") as container:
        video = container.add_stream_from_template(plain.streams.video[0])
        data = container.add_data_stream()
        for packet in plain.demux(video=0):
            if packet.size:
                packet.stream = video
                container.mux(packet)
        reading = av.Packet(b"sensor")
        reading.stream, reading.pts, reading.dts = data, 0, 0
        container.mux(reading)
    done = embed_video(embedder, source, tmp_path / "marked.mp4", HELLO)
    assert len(frames_of(tmp_path / "marked.mp4")) == done.frames == 10
    assert len(done.dropped) == 1


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.avi", "mpeg4"), ("a.ts", "libx264"), ("a.wmv", "wmv2"), ("a.ogv", "libvpx")],
)
def test_mark_is_read_when_the_format_is_another(
    name: str,
    codec: str,
    clip: Clip,
    embedder: LiteRTEmbedder,
    detector: LiteRTDetector,
    tmp_path: Path,
) -> None:
    target = tmp_path / f"marked_{name}"
    options = {"b": "2000000"} if codec != "libx264" else {}
    done = embed_video(embedder, clip(name, codec=codec, options=options), target, HELLO)
    assert done.frames == len(frames_of(target)) == 10
    found = detect_video(detector, target, fpr=1e-6).detection.reading
    assert found is not None
    assert found.payload == HELLO


INTERRUPTED = """
import os, signal, sys, threading, time
from edgeseal.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background of a shell
def interrupt():
    while not any(name.startswith(".edgeseal-") for name in os.listdir(sys.argv[3])):
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=interrupt, daemon=True).start()
sys.exit(main(["embed", sys.argv[1], "--model", sys.argv[2], "--id", "1", "-o", sys.argv[3]]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_program_stops_and_leaves_nothing_when_interrupted(
    clip: Clip, pair96: Pair, tmp_path: Path
) -> None:
    source, out = clip(frames=600, size=(96, 128)), tmp_path / "out"
    out.mkdir()
    command = [sys.executable, "-c", INTERRUPTED, str(source), str(pair96.embedder), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANG_S)
    assert (done.returncode, done.stderr) == (2, "interrupted\n")
    assert list(out.iterdir()) == []
