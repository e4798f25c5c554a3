"""Parts of a video: together the frames of all of it, and what they say of it."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from edgeseal.watermark.payload import Payload
from edgeseal.watermark.runtime import LiteRTDetector, LiteRTEmbedder
from edgeseal.watermark.video import (
    PartReading,
    VideoPart,
    count_parts,
    detect_video,
    embed_video,
    join_parts,
)
from edgeseal.watermark.video._parts import part_frames
from edgeseal.watermark.video._reader import VideoReader
from watermark.video.conftest import Clip

FRAMES = 60
OPEN = {"x264-params": "open-gop=1:keyint=7:min-keyint=7:bframes=3:scenecut=0"}
CLOSED = {"g": "7", "bf": "2"}


def frames_of(path: Path, part: VideoPart | None) -> list[tuple[int, bytes]]:
    with VideoReader(path) as reader:
        found = reader.items(strict=False) if part is None else part_frames(reader, part)
        return [(frame.pts, frame.to_ndarray().tobytes()) for frame in found]


@pytest.mark.parametrize("options", [OPEN, CLOSED], ids=["open", "closed"])
@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv"])
@pytest.mark.parametrize("length_s", [0.1, 0.5, 1.0])
def test_parts_hold_each_frame_once(
    clip: Clip, name: str, options: dict[str, str], length_s: float
) -> None:
    path = clip(name, frames=FRAMES, options=options)
    count = count_parts(path, length_s)
    assert int(2.3 / length_s) <= count <= int(2.4 / length_s)
    parts = [frames_of(path, VideoPart(index, count, length_s)) for index in range(count)]
    assert list(itertools.chain(*parts)) == frames_of(path, None)
    assert sum(map(bool, parts)) > 1


def test_video_is_one_part_when_its_times_are_not_listed_or_it_is_short(clip: Clip) -> None:
    assert count_parts(clip("clip.avi", frames=20), 0.1) == 1
    assert count_parts(clip("clip.ts", frames=20), 0.1) == 1
    assert count_parts(clip("clip.mp4", frames=20), 10) == 1


def readings(
    detector: LiteRTDetector, path: Path, count: int, fpr: float | None
) -> list[PartReading]:
    found = [
        detect_video(detector, path, fpr=fpr and fpr / count, part=VideoPart(index, count, 0.5))
        for index in range(count)
    ]
    return [
        PartReading(
            one.detection.logits,
            one.frames,
            one.is_early,
            None if one.detection.reading is None else one.detection.reading.log10_p_value,
        )
        for one in found
    ]


def test_parts_together_say_what_the_whole_says(clip: Clip, detector: LiteRTDetector) -> None:
    path = clip(frames=FRAMES, options=CLOSED)
    whole = detect_video(detector, path, fpr=1e-6)
    joined = join_parts(readings(detector, path, 4, 1e-6), expect=None, fpr=1e-6)
    np.testing.assert_allclose(joined.logits, whole.detection.logits, rtol=1e-4, atol=1e-5)
    assert joined.reading is not None
    assert whole.detection.reading is not None
    assert joined.reading.status is whole.detection.reading.status
    assert joined.reading.log10_p_value == pytest.approx(
        whole.detection.reading.log10_p_value, abs=1e-3
    )


def test_mark_is_read_when_one_part_has_it(
    clip: Clip, detector: LiteRTDetector, embedder: LiteRTEmbedder, tmp_path: Path
) -> None:
    marked = tmp_path / "marked.mp4"
    embed_video(embedder, clip(frames=FRAMES, options=CLOSED), marked, Payload.from_id(17))
    found = readings(detector, marked, 1, 1e-6 / 4)
    assert found[0].is_early
    unmarked = readings(detector, clip("other.mp4", frames=FRAMES, options=CLOSED), 4, 1e-6)
    joined = join_parts([*unmarked[:3], *found], expect=None, fpr=1e-6)
    assert joined.reading is not None
    assert str(joined.reading.payload) == "17"
    assert found[0].log10_p_value is not None
    assert joined.reading.log10_p_value == pytest.approx(found[0].log10_p_value + np.log10(4))
    expected = join_parts([*unmarked[:3], *found], expect=joined.message, fpr=1e-6)
    assert expected.matching_bits == 96
