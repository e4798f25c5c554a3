"""What lies beside the frames of a video: boxes, names, chapters, other streams, depth."""

from __future__ import annotations

import io
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseal.errors import VideoError
from edgeseal.watermark.payload import Payload
from edgeseal.watermark.runtime import LiteRTEmbedder
from edgeseal.watermark.video import Encoding, embed_video
from edgeseal.watermark.video._beside import Beside, read_beside
from edgeseal.watermark.video._losses import lost_notes, lost_pixels
from watermark.video.conftest import Clip

HELLO = Payload.from_text("hello")
XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac") + b"<x:xmpmeta>trainedAlgorithmicMedia"
C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481") + b"manifest"
ALIEN = bytes(range(16)) + b"something else"


def box(kind: bytes, *contents: bytes) -> bytes:
    data = b"".join(contents)
    return struct.pack(">I4s", 8 + len(data), kind) + data


def boxes_of(path: Path) -> list[tuple[bytes, bytes]]:
    """Read the outermost boxes of a file, without Edgeseal."""
    file, found = io.BytesIO(path.read_bytes()), []
    while head := file.read(8):
        size, kind = struct.unpack(">I4s", head)
        found.append((kind, file.read(size - 8)))
    return found


def remuxed(source: Path, target: Path, **options: str) -> Any:
    """Begin a copy of a clip; return both open containers."""
    given = {name: value for name, value in options.items() if value}
    plain, container = av.open(str(source)), av.open(str(target), "w", options=given)
    container.add_stream_from_template(plain.streams.video[0])
    return plain, container


def finish(plain: Any, container: Any) -> None:
    for packet in plain.demux(video=0):
        if packet.size:
            packet.stream = container.streams[0]
            container.mux(packet)
    container.close()
    plain.close()


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_label_is_kept_and_signature_said_when_boxes_hold_them(
    suffix: str, clip: Clip, embedder: LiteRTEmbedder, tmp_path: Path
) -> None:
    source, target = clip(f"a{suffix}", frames=2), tmp_path / f"marked{suffix}"
    extra = [box(b"uuid", XMP), box(b"uuid", C2PA), box(b"uuid", ALIEN), box(b"thng", b"x")]
    source.write_bytes(source.read_bytes() + b"".join(extra))
    done = embed_video(embedder, source, target, HELLO)
    assert done.dropped == ("C2PA manifest", "box thng")
    assert [data for kind, data in boxes_of(target) if kind == b"uuid"] == [XMP, ALIEN]
    done = embed_video(embedder, source, tmp_path / "marked.mkv", HELLO)
    assert {"C2PA manifest", "XMP", f"box uuid {ALIEN[:16].hex()}"} <= set(done.dropped)


def test_boxes_of_a_movie_are_read_when_they_hold_xmp_or_what_nobody_knows(tmp_path: Path) -> None:
    path = tmp_path / "a.mov"
    header = box(b"mvhd", bytes(12), struct.pack(">I", 600), bytes(80))
    track = box(b"tkhd", bytes(12), struct.pack(">I", 7), bytes(68))
    edits = box(b"edts", box(b"elst", bytes(4), struct.pack(">I6i", 2, 300, -1, 1, 900, 0, 1)))
    user = box(b"udta", box(b"XMP_", XMP[16:]), box(b"\xa9nam", b"title"), box(b"smta", b"x"))
    keys = box(b"meta", box(b"hdlr", bytes(8), b"mdta"))
    path.write_bytes(box(b"moov", header, box(b"trak", track, edits), user, keys))
    assert read_beside(path, 7) == Beside((XMP,), ("box smta",), True, Fraction(2))
    assert read_beside(path, 8).ends_s is None


@settings(max_examples=50)
@given(data=st.binary(max_size=60), at=st.integers(0, 200))
def test_boxes_are_read_as_far_as_they_go_when_they_are_damaged(
    data: bytes, at: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    header = box(b"mvhd", bytes(12), struct.pack(">I", 600))
    track = box(b"trak", box(b"tkhd", bytes(24)), box(b"edts", box(b"elst", bytes(8), data)))
    whole = box(b"moov", header, track, box(b"udta", data)) + data
    path = tmp_path_factory.getbasetemp() / "damaged.mp4"
    path.write_bytes(whole[:at] + data + whole[at:])
    read_beside(path, 0)


def test_video_is_refused_when_ffmpeg_would_leave_its_transparency_out(
    clip: Clip, embedder: LiteRTEmbedder, tmp_path: Path
) -> None:
    source = clip("a.webm", codec="libvpx-vp9", pix_fmt="yuva420p", frames=2)
    with pytest.raises(VideoError, match="has transparency"):
        embed_video(embedder, source, tmp_path / "marked.webm", HELLO)


@pytest.mark.parametrize("flags", ["", "use_metadata_tags"])
@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_names_are_kept_when_tracks_and_the_movie_have_some(
    flags: str, suffix: str, clip: Clip, embedder: LiteRTEmbedder, tmp_path: Path
) -> None:
    source, target = tmp_path / f"source{suffix}", tmp_path / f"marked{suffix}"
    plain, container = remuxed(clip("plain.mkv", frames=2), source, movflags=flags)
    tags = {"title": "A film", "artist": "Jane", "comment": "words"}
    more = {"com.apple.quicktime.make": "Apple", "com.example.prompt": "a cat"}
    container.metadata.update(tags | (more if flags else {}))
    container.streams[0].metadata["title"] = "the main view"
    container.set_chapters(
        [
            {
                "id": 1,
                "start": 0,
                "end": 50,
                "time_base": Fraction(1, 1000),
                "metadata": {"title": "I"},
            }
        ]
    )
    finish(plain, container)
    assert embed_video(embedder, source, target, HELLO).dropped == ()
    with av.open(str(source)) as before, av.open(str(target)) as after:
        assert before.streams[0].metadata["name"] == "the main view"
        assert after.streams[0].metadata["name"] == "the main view"
        assert after.metadata == before.metadata
        assert len(before.metadata) >= len(tags) + bool(flags) * len(more)
        assert after.chapters() == before.chapters()


def test_tags_and_languages_are_said_to_go_when_a_format_has_no_room(
    clip: Clip, embedder: LiteRTEmbedder, tmp_path: Path
) -> None:
    source = tmp_path / "source.mkv"
    plain, container = remuxed(clip("plain.mkv", frames=2), source)
    container.metadata["PROMPT"] = "a cat"
    container.streams[0].metadata["language"] = "fra"
    finish(plain, container)
    dropped = embed_video(embedder, source, tmp_path / "marked.mp4", HELLO).dropped
    assert dropped == ("tag PROMPT",)
    dropped = embed_video(embedder, source, tmp_path / "marked.flv", HELLO).dropped
    assert "language of stream 0" in dropped


def test_last_frame_lasts_as_long_when_frames_are_not_stored_in_order(
    clip: Clip, embedder: LiteRTEmbedder, tmp_path: Path
) -> None:
    times, last = [0, 40, 90, 91, 300, 1000, 1001, 1400], 777
    source = clip("a.mp4", times=times, last=last, options={"bf": "3"})
    for suffix in (".mp4", ".mkv"):
        target = tmp_path / f"marked{suffix}"
        embed_video(embedder, source, target, HELLO)
        with av.open(str(target)) as container:
            packets = sorted(
                (p for p in container.demux(video=0) if p.size), key=lambda p: p.pts or 0
            )
            lasts = [round(1000 * (p.duration or 0) * (p.time_base or 0)) for p in packets]
        assert lasts == [b - a for a, b in zip(times, [*times[1:], times[-1] + last], strict=True)]


def test_second_video_is_copied_when_its_first_packets_have_one_time_only(
    clip: Clip, embedder: LiteRTEmbedder, tmp_path: Path
) -> None:
    source, target = tmp_path / "source.mkv", tmp_path / "marked.mkv"
    paths = [clip("a.mkv"), clip("b.mkv", options={"bf": "3"})]
    with av.open(str(source), "w") as container:
        clips = [av.open(str(path)) for path in paths]
        streams = [container.add_stream_from_template(one.streams.video[0]) for one in clips]
        for one, stream in zip(clips, streams, strict=True):
            for packet in one.demux(video=0):
                if packet.size:
                    packet.stream = stream
                    container.mux(packet)
            one.close()
    embed_video(embedder, source, target, HELLO)
    contents = []
    for path in (source, target):
        with av.open(str(path)) as container:
            found = container.demux(container.streams.video[1])
            contents.append([(packet.pts, bytes(packet)) for packet in found if packet.size])
    assert contents[0] == contents[1]
    assert len(contents[0]) == 10


@pytest.mark.parametrize(
    ("codec", "source", "size", "expected", "lost"),
    [
        ("libx264", "yuv420p", 64, "yuv420p", []),
        ("libx264", "yuv420p", 63, "yuv444p", []),
        ("libx264", "gray", 64, "yuv420p", []),
        ("libx264", "rgb24", 64, "yuv444p", []),
        ("libx264", "yuv411p", 64, "yuv422p", []),
        ("libx264", "yuv410p", 64, "yuv420p", []),
        ("libx264", "gbrp10le", 64, "yuv444p10le", []),
        ("libx264", "yuv420p12le", 64, "yuv420p10le", ["12 bits a colour (10 now)"]),
        ("libx265", "yuv444p16le", 64, "yuv444p12le", ["16 bits a colour (12 now)"]),
        ("libx265", "gray16le", 64, "yuv420p12le", ["16 bits a colour (12 now)"]),
        ("libsvtav1", "yuv444p", 64, "yuv420p", ["colour resolution of yuv444p (yuv420p now)"]),
    ],
)
def test_pixels_lose_the_least_when_an_encoder_does_not_take_the_sources(
    codec: str, source: str, size: int, expected: str, lost: list[str]
) -> None:
    frame = av.VideoFrame(size, size, source)
    made = Encoding().pix_fmt_for(codec, frame)
    assert made == expected
    assert lost_pixels(frame.format, made) == lost


def test_notes_are_said_to_go_when_an_encoder_does_not_write_them() -> None:
    kinds = ["SEI_UNREGISTERED", "A53_CC", "DOVI_METADATA", "DOVI_RPU_BUFFER", "SPHERICAL"]
    assert lost_notes(kinds, "libx264") == ["Dolby Vision", "360-degree projection"]
    assert "captions within the picture" in lost_notes(kinds, "libvpx-vp9")
