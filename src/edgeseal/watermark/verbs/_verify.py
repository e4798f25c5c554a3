"""Reading a mark back from the file that was written."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from edgeseal.errors import UsageError
from edgeseal.watermark.payload import DEFAULT_FPR, MarkStatus, Payload
from edgeseal.watermark.runtime import (
    Detection,
    LiteRTDetector,
    Message,
    MessageInput,
    load_detector,
)
from edgeseal.watermark.video import detect_video

__all__ = ["Verification", "Verifier"]


@dataclass(frozen=True, slots=True)
class Verification:
    """What was read back from a marked file.

    Attributes:
        is_there: whether the mark is: its payload is read as certainly as ``detect`` asks for; of
            a message without one, so many bits are right as one unmarked picture in a million has.
        matching_bits: bits that are right.
        bits: bits of the message.
    """

    is_there: bool
    matching_bits: int
    bits: int

    def to_json(self) -> dict[str, Any]:
        """Return it for ``json.dumps``."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Verifier:
    """Says whether a mark is in a file.

    Attributes:
        detector: that reads it.
        message: the bits that were embedded.
        payload: what they say, or None for bits as they are.
    """

    detector: LiteRTDetector
    message: Message
    payload: Payload | None

    @staticmethod
    def load(
        path: str | Path, wanted: MessageInput, message: Message, *, threads: int = 1
    ) -> Verifier:
        """Load a detector that reads a message.

        Args:
            path: the detector's file.
            wanted: what was asked for, a payload for one.
            message: the same as bits.
            threads: threads per picture or frame.

        Raises:
            UsageError: its messages have another length.
            FileError, ModelError, RuntimeRefusalError: the detector cannot be loaded.
        """
        detector = load_detector(path, threads=threads)
        if detector.info.bits != len(message):
            raise UsageError(
                f"{path}: reads messages of {detector.info.bits} bits, the embedder writes "
                f"{len(message)}; verify with the detector of the same pair"
            )
        return Verifier(detector, message, wanted if isinstance(wanted, Payload) else None)

    @property
    def fpr(self) -> float | None:
        """The false-positive rate to look for the payload with; None for bits as they are."""
        return None if self.payload is None else DEFAULT_FPR

    def picture(self, path: Path) -> Verification:
        """Read a picture.

        Raises:
            FileError, ImageError, RuntimeRefusalError: it cannot be read.
        """
        return self.judge(self.detector.detect(path, self.message, fpr=self.fpr))

    def video(self, path: Path) -> Verification:
        """Read a video as far as ``detect`` does: until its message is certain.

        Raises:
            FileError, VideoError, RuntimeRefusalError: it cannot be read.
        """
        expect = self.message if self.payload is None else None
        found = detect_video(self.detector, path, expect=expect, fpr=self.fpr).detection
        return self.judge(replace(found, expected=self.message))

    def judge(self, detection: Detection) -> Verification:
        """Return what a detection says, made with :attr:`message` expected and :attr:`fpr`."""
        bits, reading = len(self.message), detection.reading
        if reading is not None:
            is_there = reading.status is MarkStatus.PRESENT and reading.payload == self.payload
        else:
            p_value = detection.p_value
            is_there = p_value is not None and p_value <= max(DEFAULT_FPR, 2.0**-bits)
        return Verification(is_there, detection.matching_bits or 0, bits)
