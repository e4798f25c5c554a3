"""Reads one item of a scan; what every process that takes part in one calls."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from edgeseal._leftovers import scratch_folder
from edgeseal.errors import EdgesealError, UsageError
from edgeseal.pictures._sources import is_address
from edgeseal.watermark.payload import DEFAULT_FPR, payload_code
from edgeseal.watermark.runtime import (
    LiteRTDetector,
    Message,
    MessageInput,
    load_detector,
    to_message,
)
from edgeseal.watermark.scan._choice import Item
from edgeseal.watermark.scan._scan_row import PartRow, ScanRow, failed_row, row_of
from edgeseal.watermark.scan._stores import download, fetch
from edgeseal.watermark.video import VideoDetection, VideoPart, detect_video

__all__ = ["Reading", "read_item"]


@dataclass(frozen=True, slots=True)
class Reading:
    """How items are read.

    Attributes:
        model: the detector's file.
        bits: of its messages.
        expect: the message that should be there, or None.
        fpr: share of unmarked items that may be called present.
        exact: whether to decode large JPEG files at full size.
        every: read one of so many frames of videos.
    """

    model: str
    bits: int
    expect: Message | None
    fpr: float
    exact: bool
    every: int

    @classmethod
    def with_model(
        cls,
        model: str | Path,
        *,
        expect: MessageInput | None = None,
        fpr: float = DEFAULT_FPR,
        exact: bool = False,
        every: int = 1,
    ) -> Reading:
        """Load a model to see what its messages hold, and say how to read with it.

        Raises:
            UsageError: the message does not fit the model.
            FileError, ModelError: the model cannot be loaded.
        """
        bits = load_detector(model, exact=exact).info.bits
        message = None if expect is None else to_message(expect, bits)
        return cls(str(model), bits, message, fpr, exact, every)

    @property
    def payload_rate(self) -> float | None:
        """The rate to look for a payload with; None where none is looked for."""
        if self.expect is not None:
            return None
        try:
            payload_code(self.bits)
        except UsageError:  # messages of the model have no room for one
            return None
        return self.fpr


def read_item(reading: Reading, item: Item) -> ScanRow | PartRow:
    """Return the row of an item, whatever is wrong with it.

    Raises:
        FileError, ModelError: the model cannot be loaded.
    """
    if item.problem is not None:
        return failed_row(item, item.problem)
    detector = _detector(reading.model, reading.exact)
    began = time.perf_counter()

    def seconds() -> float:
        return time.perf_counter() - began

    try:
        if item.is_video:
            video = _detect_video(detector, reading, str(item.content), item.part)
            if item.part is not None:
                return PartRow.of(item, video, seconds=seconds())
            # the other half of the rate was for looks before the end
            return row_of(item.name, video.detection, rate=reading.fpr / 2, seconds=seconds())
        is_remote = isinstance(item.content, str) and is_address(item.content)
        picture = fetch(str(item.content)) if is_remote else item.content
        found = detector.detect(picture, reading.expect, fpr=reading.payload_rate)
        return row_of(item.name, found, rate=reading.fpr, seconds=seconds())
    except EdgesealError as error:
        return failed_row(item, str(error), seconds=seconds())
    except Exception as error:  # one item of millions; what it was is in its row
        return failed_row(item, f"{type(error).__name__}: {error}", seconds=seconds())


def _detect_video(
    detector: LiteRTDetector, reading: Reading, content: str, part: VideoPart | None
) -> VideoDetection:
    fpr = reading.fpr if reading.expect is not None else reading.payload_rate
    if fpr is not None and part is not None:
        fpr /= part.count
    with scratch_folder() as folder:
        return detect_video(
            detector,
            download(content, folder) if is_address(content) else Path(content),
            expect=reading.expect,
            fpr=fpr,
            every=reading.every,
            part=part,
            workers=1,
        )


@lru_cache(maxsize=1)
def _detector(model: str, exact: bool) -> LiteRTDetector:
    return load_detector(model, exact=exact)
