"""Reads one item of a scan; what every process that takes part in one calls."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from edgeseal._leftovers import scratch_folder
from edgeseal.errors import EdgesealError
from edgeseal.pictures._sources import is_address
from edgeseal.watermark.runtime import Detection, LiteRTDetector, Message, load_detector
from edgeseal.watermark.scan._choice import Item
from edgeseal.watermark.scan._scan_row import ScanRow, failed_row, row_of
from edgeseal.watermark.scan._stores import download, fetch, suffix_path
from edgeseal.watermark.video import detect_video, is_video

__all__ = ["Reading", "read_item"]


@dataclass(frozen=True, slots=True)
class Reading:
    """How items are read.

    Attributes:
        model: the detector's file.
        expect: the message that should be there, or None.
        fpr: share of unmarked items that may be called present.
        has_payloads: whether messages of the model have room for one.
        exact: whether to decode large JPEG files at full size.
        every: read one of so many frames of videos.
    """

    model: str
    expect: Message | None
    fpr: float
    has_payloads: bool
    exact: bool
    every: int

    @property
    def payload_rate(self) -> float | None:
        """The rate to look for a payload with; None where none is looked for."""
        return self.fpr if self.has_payloads and self.expect is None else None


def read_item(reading: Reading, item: Item) -> ScanRow:
    """Return the row of an item, whatever is wrong with it.

    Raises:
        FileError, ModelError: the model cannot be loaded.
    """
    if item.problem is not None:
        return failed_row(item.name, item.problem)
    detector = _detector(reading.model, reading.exact)
    began = time.perf_counter()
    try:
        found, rate = _detect(detector, reading, item.content)
    except EdgesealError as error:
        return failed_row(item.name, str(error), seconds=time.perf_counter() - began)
    except Exception as error:  # one item of millions; what it was is in its row
        text = f"{type(error).__name__}: {error}"
        return failed_row(item.name, text, seconds=time.perf_counter() - began)
    return row_of(item.name, found, rate=rate, seconds=time.perf_counter() - began)


def _detect(
    detector: LiteRTDetector, reading: Reading, content: bytes | str
) -> tuple[Detection, float]:
    """Return what was read, and the share of the rate that an expected message has."""
    is_path = isinstance(content, str) and not is_address(content)
    if isinstance(content, str) and is_video(suffix_path(content)):
        with scratch_folder() as folder:
            path = Path(content) if is_path else download(content, folder)
            video = detect_video(
                detector,
                path,
                expect=reading.expect,
                fpr=reading.fpr if reading.expect is not None else reading.payload_rate,
                every=reading.every,
                workers=1,
            )
        return video.detection, reading.fpr / 2  # the other half was for looks before the end
    picture = fetch(content) if isinstance(content, str) and not is_path else content
    found = detector.detect(picture, reading.expect, fpr=reading.payload_rate)
    return found, reading.fpr


@lru_cache(maxsize=1)
def _detector(model: str, exact: bool) -> LiteRTDetector:
    return load_detector(model, exact=exact)
