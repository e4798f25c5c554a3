"""Reading the message of a video."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal._problems import Problems
from edgeseal.pictures import map_in_order
from edgeseal.watermark.payload import (
    DEFAULT_FPR,
    MarkStatus,
    PayloadCode,
    PayloadReading,
    payload_code,
)
from edgeseal.watermark.runtime import (
    Detection,
    LiteRTDetector,
    Message,
    MessageInput,
    log10_p_value,
    shrink,
    to_message,
)
from edgeseal.watermark.video._aggregate import AGGREGATIONS, Aggregate
from edgeseal.watermark.video._ahead import ahead
from edgeseal.watermark.video._parts import VideoPart, part_frames
from edgeseal.watermark.video._pixels import to_pixels
from edgeseal.watermark.video._reader import VideoReader
from edgeseal.watermark.video._video_files import import_av

__all__ = [
    "DEFAULT_AGGREGATION",
    "PartReading",
    "VideoDetection",
    "check_reading",
    "detect_video",
    "join_parts",
]

DEFAULT_AGGREGATION = "avg"

_FIRST_LOOK = 8  # frames
_AHEAD = 4


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class VideoDetection:
    """What a detector read in the frames of a video.

    Attributes:
        detection: of the frames together.
        frames: number of frames read.
        expected_frames: number of frames that the file promises, or that its duration suggests;
            None if it says nothing.
        is_early: whether reading stopped because the message was certain.
        aggregation: how the frames' logits were put together.
        problem: what is damaged or missing in the file, or None.
    """

    detection: Detection
    frames: int
    expected_frames: int | None
    is_early: bool
    aggregation: str
    problem: str | None

    def to_json(self) -> dict[str, Any]:
        """Return it for ``json.dumps``."""
        return {
            **self.detection.to_json(),
            "frames": self.frames,
            "expected_frames": self.expected_frames,
            "stopped_early": self.is_early,
            "aggregation": self.aggregation,
            "problem": self.problem,
        }


@dataclass(frozen=True, slots=True, eq=False)
class PartReading:
    """What a detector read in one of the parts of a video.

    Attributes:
        logits: float32 [bits], their mean over the frames.
        frames: number of frames read; there may be none.
        is_early: whether reading stopped because the message was certain.
        log10_p_value: of a payload in it, all looks counted; None if none was looked for.
    """

    logits: NDArray[np.float32]
    frames: int
    is_early: bool
    log10_p_value: float | None


def detect_video(
    detector: LiteRTDetector,
    source: str | Path,
    *,
    expect: MessageInput | None = None,
    fpr: float | None = None,
    aggregation: str = DEFAULT_AGGREGATION,
    every: int = 1,
    all_frames: bool = False,
    part: VideoPart | None = None,
    workers: int | None = None,
    report: Callable[[int, int | None], None] | None = None,
) -> VideoDetection:
    """Read the message that the frames of a video have in common.

    The bits are the signs of an average of the frames' logits. After 8 frames and whenever their
    number has doubled, the message may be certain enough to stop: a payload's p-value, or that of
    the expected message, is below its share of the false-positive rate. Half of the rate is spent
    on these looks and half on the last, so that the rate holds for all of them together.

    Args:
        detector: the model.
        source: a video file. One that is damaged or cut short is read as far as it goes.
        expect: the message that should be there.
        fpr: look for a payload, such that at most this share of unmarked videos has one. With
            ``expect``, the rate at which the expected message is certain, 1e-6 unless given.
        aggregation: one of :data:`AGGREGATIONS`.
        every: read one of so many frames.
        all_frames: whether to read to the end in any case.
        part: what to read of it; all if None.
        workers: frames under way at the same time, each with its own interpreter; as the
            detector's :attr:`~edgeseal.watermark.runtime.LiteRTDetector.workers` says if None.
        report: called after each frame with the number done, and of all where it is known.

    Raises:
        MissingExtraError: PyAV is not installed.
        UsageError: an argument is out of range, or the message does not fit the model.
        FileError, VideoError: the file cannot be read, or has no frames.
        RuntimeRefusalError: LiteRT fails while running.
    """
    workers = detector.workers if workers is None else workers
    check_reading(aggregation, every, workers)
    bits = detector.info.bits
    expected = None if expect is None else to_message(expect, bits)
    judge = _Judge(bits, expected, fpr, looks=not all_frames)
    total = Aggregate(aggregation, bits)
    with VideoReader(source) as reader:
        frames = ahead(_frames(reader, every, part), _AHEAD)
        with contextlib.closing(frames):
            for logits in map_in_order(_logits_of(detector, reader), frames, workers=workers):
                total.add(logits)
                if report is not None:
                    report(total.frames, _divided(reader.expected_frames, every))
                if judge.is_certain(total):
                    break
        return VideoDetection(
            detection=judge.verdict(total),
            frames=total.frames,
            expected_frames=reader.expected_frames,
            is_early=judge.stopped,
            aggregation=aggregation,
            problem=reader.problem,
        )


def join_parts(
    parts: Sequence[PartReading], *, expect: Message | None, fpr: float | None
) -> Detection:
    """Return what the parts of a video say together.

    Half of the rate is spent on the parts, each of which may stop early at its share, and half on
    the mean of all frames.

    Args:
        parts: of one video, all of them; at least one has frames.
        expect: the message that should be there.
        fpr: as for :func:`detect_video`; each part was read with this divided by their number.
    """
    logits = np.average([part.logits for part in parts], 0, [part.frames for part in parts])
    judge = _Judge(logits.size, expect, fpr, looks=False)
    certain = [part for part in parts if part.is_early]
    if not certain:
        return judge.detection(logits.astype(np.float32), 0.5)
    best = min(certain, key=lambda part: part.log10_p_value or 0.0)
    found = judge.detection(best.logits, 1.0)
    if found.reading is None or best.log10_p_value is None:
        return found
    p_value = min(0.0, best.log10_p_value + math.log10(len(parts)))
    reading = dataclasses.replace(found.reading, log10_p_value=p_value)
    return dataclasses.replace(found, reading=reading)


def check_reading(aggregation: str, every: int | None, workers: int | None = None) -> None:
    """Refuse arguments of :func:`detect_video` before any work; None is not given.

    Raises:
        UsageError: saying all that is wrong.
    """
    problems = Problems()
    if aggregation not in AGGREGATIONS:
        problems.add(
            f"`aggregation`: expected one of {', '.join(AGGREGATIONS)}, got {aggregation!r}"
        )
    problems.expect_at_least(1, every=every, workers=workers)
    problems.check()


class _Judge:
    """Decides when to stop, within a false-positive rate for all looks together."""

    def __init__(
        self, bits: int, expected: Message | None, fpr: float | None, *, looks: bool
    ) -> None:
        self._expected = expected
        self._code = None if fpr is None or expected is not None else payload_code(bits)
        self._fpr = DEFAULT_FPR if fpr is None else fpr
        PayloadCode.check_rate(self._fpr)
        self._looks = looks and (expected is not None or self._code is not None)
        self._next, self._share = _FIRST_LOOK, 0.5
        self.stopped = False

    def is_certain(self, total: Aggregate) -> bool:
        """Look, if it is time to."""
        if not self._looks or total.frames < self._next:
            return False
        self._next *= 2
        self._share /= 2
        limit = self._fpr * self._share
        logits = total.logits()
        if self._expected is not None:
            matching = _message(logits).matching_bits(self._expected)
            self.stopped = log10_p_value(matching, len(logits)) <= math.log10(limit)
        elif self._code is not None:
            self.stopped = self._code.read(logits, fpr=limit).status is MarkStatus.PRESENT
        return self.stopped

    def verdict(self, total: Aggregate) -> Detection:
        """Return the result; a payload's p-value counts all looks."""
        share = 1.0
        if self._looks:
            share = self._share if self.stopped else 0.5
        return self.detection(total.logits(), share)

    def detection(self, logits: NDArray[np.float32], share: float) -> Detection:
        """Return what logits say at a share of the rate."""
        logits.setflags(write=False)
        return Detection(_message(logits), logits, self._expected, self._reading(logits, share))

    def _reading(self, logits: NDArray[np.float32], share: float) -> PayloadReading | None:
        if self._code is None:
            return None
        reading = self._code.read(logits, fpr=self._fpr * share)
        p_value = min(0.0, reading.log10_p_value - math.log10(share))
        return dataclasses.replace(reading, fpr=self._fpr, log10_p_value=p_value)


def _message(logits: NDArray[np.float32]) -> Message:
    return Message(tuple((logits > 0).astype(int).tolist()))


def _divided(count: int | None, every: int) -> int | None:
    return None if count is None else -(-count // every)


def _frames(reader: VideoReader, every: int, part: VideoPart | None) -> Generator[Any]:
    if part is None:
        frame_type = import_av().VideoFrame
        frames = (item for item in reader.items(strict=False) if isinstance(item, frame_type))
    else:
        frames = reader.stepwise(part_frames(reader, part))
    for index, frame in enumerate(frames):
        if index % every == 0:
            yield frame


def _logits_of(
    detector: LiteRTDetector, reader: VideoReader
) -> Callable[[Any], NDArray[np.float32]]:
    def work(frame: Any) -> NDArray[np.float32]:
        small = reader.held.upright(shrink(to_pixels(frame), detector.info.image_size))
        logits: NDArray[np.float32] = detector.logits(np.ascontiguousarray(small)[None])[0]
        return logits

    return work
