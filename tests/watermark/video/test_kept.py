"""What a marked video keeps of its source beside the picture, and what is said of the rest."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from edgeseal.errors import VideoError
from edgeseal.watermark.payload import Payload
from edgeseal.watermark.runtime import LiteRTDetector, LiteRTEmbedder
from edgeseal.watermark.video import Encoding, detect_video, embed_video
from watermark.video.conftest import Clip

HELLO = Payload.from_text("hello")
SLIDES = [0, 1000, 2000, 3500]
LAST = 5000
DISPLAY = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
BT2020, PQ, HLG, BT2020_NCL = 9, 16, 18, 9


def durations_ms(path: Path) -> list[float]:
    """Return how long each frame lasts, in the order shown."""
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(video=0) if p.size]
    packets.sort(key=lambda packet: packet.pts or 0)
    return [float(1000 * (p.duration or 0) * (p.time_base or 0)) for p in packets]


def length_ms(path: Path) -> float:
    with av.open(str(path)) as container:
        return (container.duration or 0) / 1000


def first_frame(path: Path) -> Any:
    with av.open(str(path)) as container:
        return next(container.decode(video=0))


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
@pytest.mark.parametrize("options", [{}, {"bf": "0"}], ids=["reordered", "in order"])
def test_every_frame_lasts_as_long_when_slides_differ(
    suffix: str, options: dict[str, str], clip: Clip, embedder: LiteRTEmbedder, tmp_path: Path
) -> None:
    source = clip("slides.mkv", times=SLIDES, last=LAST, frames=4, options=options)
    target = tmp_path / f"marked{suffix}"
    embed_video(embedder, source, target, HELLO)
    assert durations_ms(source) == [1000, 1000, 1500, 5000]
    assert durations_ms(target) == pytest.approx(durations_ms(source), abs=1)
    assert length_ms(target) == pytest.approx(8500, abs=1)


@pytest.mark.parametrize(
    "codec", ["libx264", "libx265", "libsvtav1", "libvpx-vp9", "ffv1", "mpeg4"]
)
def test_last_frame_lasts_as_long_with_every_encoder(
    codec: str, clip: Clip, embedder: LiteRTEmbedder, tmp_path: Path
) -> None:
    source, target = clip("a.mkv", times=[0, 40, 80], last=700), tmp_path / "marked.mkv"
    embed_video(embedder, source, target, HELLO, encoding=Encoding(codec=codec))
    assert durations_ms(target) == pytest.approx([40, 40, 700], abs=1)


def test_frames_are_reordered_when_all_last_equally_long(
    clip: Clip, embedder: LiteRTEmbedder, tmp_path: Path
) -> None:
    source, target = clip(frames=12), tmp_path / "marked.mp4"
    embed_video(embedder, source, target, HELLO)
    with av.open(str(target)) as container:
        stamps = [p.pts for p in container.demux(video=0) if p.size]
    assert stamps != sorted(p for p in stamps if p is not None)  # smaller files
    assert durations_ms(target) == pytest.approx([40] * 12, abs=1)
    assert length_ms(target) == pytest.approx(length_ms(source), abs=1)


def light_of(path: Path) -> dict[str, bytes]:
    notes = first_frame(path).side_data
    kinds = ("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL")
    return {kind: bytes(notes[kind]) for kind in kinds if kind in [n.type.name for n in notes]}


def chromaticities(data: bytes) -> list[Fraction]:
    numbers = np.frombuffer(data, np.int32)[:20].tolist()
    return [Fraction(*pair) for pair in zip(numbers[::2], numbers[1::2], strict=True)]


@pytest.mark.parametrize("codec", [None, "libx264", "libsvtav1"])
def test_light_is_noted_when_the_source_is_hdr10(
    codec: str | None, clip: Clip, embedder: LiteRTEmbedder, tmp_path: Path
) -> None:
    words = f"log-level=error:master-display={DISPLAY}:max-cll=1000,400"
    source = clip(
        codec="libx265",
        pix_fmt="yuv420p10le",
        frames=3,
        colours=(BT2020, PQ, BT2020_NCL),
        options={"x265-params": words},
    )
    target = tmp_path / "marked.mp4"
    done = embed_video(embedder, source, target, HELLO, encoding=Encoding(codec=codec))
    assert done.codec == (codec or "libx265")
    assert done.pix_fmt == "yuv420p10le"
    assert done.dropped == ()
    before, after = light_of(source), light_of(target)
    assert len(before) == len(after) == 2
    assert after["CONTENT_LIGHT_LEVEL"] == before["CONTENT_LIGHT_LEVEL"]
    (was, found) = (chromaticities(x["MASTERING_DISPLAY_METADATA"]) for x in (before, after))
    assert [float(x) for x in found] == pytest.approx([float(x) for x in was], rel=1e-3)
    frame = first_frame(target)
    assert (frame.color_primaries, frame.color_trc, frame.colorspace) == (BT2020, PQ, BT2020_NCL)


def test_light_is_said_to_go_when_the_encoder_cannot_note_it(
    clip: Clip, embedder: LiteRTEmbedder, tmp_path: Path
) -> None:
    words = f"log-level=error:master-display={DISPLAY}:max-cll=1000,400"
    source = clip(codec="libx265", frames=2, options={"x265-params": words})
    done = embed_video(embedder, source, tmp_path / "marked.webm", HELLO)
    assert done.dropped == ("mastering display", "content light level")


def test_colours_are_noted_when_the_source_is_hlg(
    clip: Clip, embedder: LiteRTEmbedder, tmp_path: Path
) -> None:
    for codec in ("libx264", "libx265"):
        source = clip(
            codec=codec, pix_fmt="yuv420p10le", colours=(BT2020, HLG, BT2020_NCL), frames=2
        )
        target = tmp_path / f"{codec}.mp4"
        done = embed_video(embedder, source, target, HELLO)
        assert (done.codec, done.pix_fmt) == (codec, "yuv420p10le")
        frame = first_frame(target)
        assert (frame.color_primaries, frame.color_trc, frame.colorspace) == (9, HLG, 9)
        with av.open(str(target)) as container:
            tag = container.streams.video[0].codec_context.codec_tag
        assert tag == {"libx264": "avc1", "libx265": "hvc1"}[codec]


def test_fields_stay_fields_when_the_source_is_interlaced(
    clip: Clip, embedder: LiteRTEmbedder, detector: LiteRTDetector, tmp_path: Path
) -> None:
    source, target = clip(interlaced=True), tmp_path / "marked.mp4"
    done = embed_video(embedder, source, target, HELLO)
    with av.open(str(target)) as container:
        assert all(frame.interlaced_frame for frame in container.decode(video=0))
    assert detect_video(detector, target, expect=done.message).detection.matching_bits == 96
    with pytest.raises(VideoError, match="interlaced, which libx265 does not encode"):
        embed_video(embedder, source, tmp_path / "x.mp4", HELLO, encoding=Encoding(codec="libx265"))
    assert not (tmp_path / "x.mp4").exists()


def test_source_is_refused_when_it_turns_interlaced(
    clip: Clip, embedder: LiteRTEmbedder, tmp_path: Path
) -> None:
    parts = [clip(f"{i}.ts", interlaced=bool(i), format="mpegts") for i in range(2)]
    source = tmp_path / "both.ts"
    source.write_bytes(b"".join(part.read_bytes() for part in parts))
    with pytest.raises(VideoError, match="interlaced from frame 10 on"):
        embed_video(embedder, source, tmp_path / "marked.ts", HELLO)


@pytest.mark.parametrize("codec", ["mpeg4", "libx264"])
def test_frames_come_in_order_when_an_avi_stores_them_otherwise(
    codec: str, clip: Clip, embedder: LiteRTEmbedder, tmp_path: Path
) -> None:
    source = clip("a.avi", codec=codec, options={"bf": "2", "b": "2000000"}, frames=12)
    for name in ("marked.avi", "marked.mp4"):
        target = tmp_path / name
        done = embed_video(embedder, source, target, HELLO)
        plain, marked = (pictures(path) for path in (source, target))
        assert len(plain) == len(marked) == done.frames == 12
        for one, other in zip(plain, marked, strict=True):
            nearest = min(range(12), key=lambda i: float(np.abs(plain[i] - other).mean()))
            np.testing.assert_array_equal(plain[nearest], one)
        with av.open(str(target)) as container:
            stored = [packet.dts * packet.time_base for packet in container.demux() if packet.size]
        assert np.diff([float(time) for time in stored]) == pytest.approx(0.04, abs=1e-3)


@pytest.mark.parametrize("source", ["sound.avi", "sound.mp4"])
def test_sound_has_its_times_when_an_avi_is_marked(
    source: str, clip: Clip, embedder: LiteRTEmbedder, tmp_path: Path
) -> None:
    plain = clip(source, codec="mpeg4", sound=True, frames=4)
    embed_video(embedder, plain, tmp_path / "marked.avi", HELLO)
    was, is_now = sounds(plain), sounds(tmp_path / "marked.avi")
    assert [data for _, data in was] == [data for _, data in is_now]
    begins = [times[0][0] for times in (was, is_now)]  # AVI has no times before 0
    for (before, _), (after, _) in zip(was, is_now, strict=True):
        assert after - begins[1] == pytest.approx(before - begins[0], abs=1e-3)


def sounds(path: Path) -> list[tuple[float, bytes]]:
    """Return the times and bytes of a file's packets of sound."""
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(audio=0) if packet.size]
        return [(float(p.pts * p.time_base), bytes(p)) for p in packets]


def pictures(path: Path) -> list[np.ndarray[Any, np.dtype[np.float64]]]:
    with av.open(str(path)) as container:
        return [f.to_ndarray(format="rgb24").astype(float) for f in container.decode(video=0)]


def test_frames_are_those_there_are_when_a_video_begins_late(
    clip: Clip, embedder: LiteRTEmbedder, detector: LiteRTDetector, tmp_path: Path
) -> None:
    late = clip("late.mkv", times=[5000 + 40 * i for i in range(20)])
    seen: list[tuple[int, int | None]] = []
    embed_video(embedder, late, tmp_path / "marked.mkv", HELLO, report=lambda *x: seen.append(x))
    assert {expected for _, expected in seen} == {20}
    found = detect_video(detector, late, all_frames=True)
    assert (found.frames, found.expected_frames, found.problem) == (20, 20, None)
    early = detect_video(detector, tmp_path / "marked.mkv", fpr=1e-6)
    assert (early.frames, early.expected_frames) == (8, 20)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi", ".ts"])
def test_frames_are_those_read_when_all_were_read(
    suffix: str, clip: Clip, embedder: LiteRTEmbedder, detector: LiteRTDetector, tmp_path: Path
) -> None:
    target = tmp_path / f"marked{suffix}"
    embed_video(embedder, clip(frames=2), target, HELLO)
    found = detect_video(detector, target)
    assert (found.frames, found.expected_frames) == (2, 2)


def test_chapters_and_attachments_are_copied_when_there_are_some(
    clip: Clip, embedder: LiteRTEmbedder, tmp_path: Path
) -> None:
    source, target = tmp_path / "source.mkv", tmp_path / "marked.mkv"
    with av.open(str(clip("plain.mkv"))) as plain, av.open(str(source), "w") as container:
        video = container.add_stream_from_template(plain.streams.video[0])
        container.add_attachment("font.ttf", "font/ttf", b"shapes of letters")
        unit, words = Fraction(1, 1000), {"title": "One"}
        container.set_chapters(
            [{"id": 1, "start": 0, "end": 200, "time_base": unit, "metadata": words}]
        )
        for packet in plain.demux(video=0):
            if packet.size:
                packet.stream = video
                container.mux(packet)
    done = embed_video(embedder, source, target, HELLO)
    assert done.dropped == ()
    with av.open(str(target)) as container:
        (chapter,) = container.chapters()
        unit = chapter["time_base"]
        assert (chapter["start"] * unit, chapter["end"] * unit) == (0, Fraction(1, 5))
        assert chapter["metadata"] == {"title": "One"}
        (font,) = [stream for stream in container.streams if stream.type == "attachment"]
        assert (font.name, font.mimetype, font.data) == (
            "font.ttf",
            "font/ttf",
            b"shapes of letters",
        )


def test_low_bit_rate_is_said_when_few_bits_are_left(
    clip: Clip, embedder: LiteRTEmbedder, tmp_path: Path
) -> None:
    source = clip("a.mkv", codec="ffv1", size=(240, 320), frames=3)
    lavish = Encoding(codec="ffv1")
    for name, encoding, expected in (("l.mkv", lavish, False), ("p.mp4", Encoding(crf=40), True)):
        done = embed_video(embedder, source, tmp_path / name, HELLO, encoding=encoding)
        with av.open(str(tmp_path / name)) as container:
            sizes = [packet.size for packet in container.demux(video=0)]
        assert done.bits_per_pixel == pytest.approx(8 * sum(sizes) / (240 * 320 * 3), rel=0.05)
        assert done.has_low_bit_rate is expected
        assert done.to_json()["low_bit_rate"] is expected


def test_quality_is_higher_when_frames_are_small() -> None:
    encoding = Encoding()
    small, large = (encoding.options("libx264", size)["crf"] for size in ((640, 360), (640, 480)))
    assert float(small) < float(large)
    assert Encoding(crf=30).options("libx264", (640, 360))["crf"] == "30"
