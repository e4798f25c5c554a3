"""Messages of videos: averages of frames, and when to stop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from edgeseal.errors import UsageError, VideoError
from edgeseal.watermark.payload import MarkStatus, Payload
from edgeseal.watermark.runtime import LiteRTDetector, LiteRTEmbedder
from edgeseal.watermark.video import detect_video, embed_video
from watermark.video.conftest import Clip

HELLO = Payload.from_text("hello")


@pytest.fixture
def marked(clip: Clip, embedder: LiteRTEmbedder, tmp_path: Path) -> Callable[..., Path]:
    def make(frames: int = 40) -> Path:
        target = tmp_path / "marked.mp4"
        embed_video(embedder, clip(frames=frames), target, HELLO)
        return target

    return make


def test_reading_stops_when_the_payload_is_certain(
    marked: Callable[..., Path], detector: LiteRTDetector
) -> None:
    path = marked()
    found = detect_video(detector, path, fpr=1e-6)
    assert found.is_early
    assert found.frames == 8
    assert found.expected_frames == 40
    reading = found.detection.reading
    assert reading is not None
    assert reading.payload == HELLO
    every = detect_video(detector, path, fpr=1e-6, all_frames=True)
    assert (every.frames, every.is_early) == (40, False)
    assert every.detection.reading is not None
    assert every.detection.reading.payload == HELLO
    # the early one pays for its looks
    assert every.detection.reading.log10_p_value < reading.log10_p_value <= -6


def test_reading_stops_when_the_expected_message_is_certain(
    marked: Callable[..., Path], detector: LiteRTDetector
) -> None:
    path = marked()
    message = detect_video(detector, path, all_frames=True).detection.message
    found = detect_video(detector, path, expect=message)
    assert (found.frames, found.is_early) == (8, True)
    other = "0" * 24
    assert not detect_video(detector, path, expect=other).is_early


def test_all_frames_are_read_when_nothing_is_there(clip: Clip, detector: LiteRTDetector) -> None:
    found = detect_video(detector, clip(frames=35), fpr=1e-6)
    assert (found.frames, found.is_early) == (35, False)
    assert found.detection.reading is not None
    assert found.detection.reading.status is MarkStatus.ABSENT


@pytest.mark.parametrize("workers", [1, 3])
def test_logits_are_the_mean_of_frames_when_all_are_read(
    workers: int, marked: Callable[..., Path], detector: LiteRTDetector
) -> None:
    path = marked(11)
    with av.open(str(path)) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    expected = np.mean([detector.detect(one).logits for one in pictures], axis=0)
    found = detect_video(detector, path, workers=workers)
    np.testing.assert_allclose(found.detection.logits, expected, rtol=1e-4, atol=1e-3)
    third = detect_video(detector, path, workers=workers, every=3)
    assert third.frames == 4
    some = np.mean([detector.detect(one).logits for one in pictures[::3]], axis=0)
    np.testing.assert_allclose(third.detection.logits, some, rtol=1e-4, atol=1e-3)


def test_video_is_read_as_far_as_it_goes_when_it_is_cut_short(
    clip: Clip, detector: LiteRTDetector, tmp_path: Path
) -> None:
    options = {"g": "5"}
    whole = clip("whole.mkv", frames=100, options=options).read_bytes()
    path = tmp_path / "cut.mkv"
    path.write_bytes(whole[: len(whole) // 3])
    found = detect_video(detector, path)
    assert 10 < found.frames < 60
    assert found.problem is not None
    assert "cut short" in found.problem


def test_video_is_refused_when_it_has_no_frames(
    clip: Clip, detector: LiteRTDetector, tmp_path: Path
) -> None:
    path = tmp_path / "none.mkv"
    whole = clip("whole.mkv", frames=3).read_bytes()
    path.write_bytes(whole[:700])
    with pytest.raises(VideoError, match=r"none\.mkv: "):
        detect_video(detector, path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"aggregation": "median"}, "expected one of avg, squared_avg"),
        ({"every": 0}, "`every`: expected 1 or more"),
        ({"workers": 0}, "`workers`: expected 1 or more"),
        ({"fpr": 2.0}, "above 0 and below 1"),
        ({"expect": "12"}, "24 hexadecimal digits"),
    ],
)
def test_arguments_are_refused_when_they_cannot_be_used(
    options: dict[str, object], message: str, clip: Clip, detector: LiteRTDetector
) -> None:
    with pytest.raises(UsageError, match=message):
        detect_video(detector, clip(), **options)  # type: ignore[arg-type]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's figures")
def test_frames_are_freed_when_they_were_read(
    clip: Clip, detector: LiteRTDetector, tmp_path: Path
) -> None:
    path = clip(frames=150, size=(480, 640), options={"preset": "ultrafast"})
    used: list[int] = []

    def note(done: int, _: int | None) -> None:
        status = Path("/proc/self/status").read_text()
        used.append(int(status.partition("VmRSS:")[2].split()[0]))

    detect_video(detector, path, report=note)
    assert used[-1] - used[30] < 120 * 460 / 4  # kB; a frame has 460
