"""Reading messages out of pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.errors import FileError, UsageError
from edgeseal.pictures._read_image import ImageInput, name_of
from edgeseal.pictures._small import read_small
from edgeseal.pictures._workers import map_in_order
from edgeseal.watermark.payload import PayloadReading, payload_code
from edgeseal.watermark.runtime._message import Message, MessageInput, to_message
from edgeseal.watermark.runtime._model_info import DETECTOR, ModelInfo
from edgeseal.watermark.runtime._pvalue import log10_p_value, p_value
from edgeseal.watermark.runtime._session import Session, open_session

__all__ = ["Detection", "DetectionOutcome", "LiteRTDetector", "load_detector"]


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """What a detector read in a picture.

    There is no confidence: the network's own (its output 0) was never trained. Whether a picture
    is marked is told by :attr:`p_value` against the message that it should carry, or by the
    :attr:`reading` of a payload.

    Attributes:
        message: the bits read; every picture gives some, marked or not.
        logits: float32 [bits], read-only; a bit is 1 where its logit is above 0.
        expected: the message that was expected, or None.
        reading: whether a payload is there, and which; None if it was not asked for.
    """

    message: Message
    logits: NDArray[np.float32]
    expected: Message | None = None
    reading: PayloadReading | None = None

    @property
    def bits(self) -> tuple[int, ...]:
        """The bits read, 0 or 1 each."""
        return self.message.bits

    @property
    def hex(self) -> str:
        """The message read, in hexadecimal form."""
        return self.message.hex

    @property
    def matching_bits(self) -> int | None:
        """Number of bits as expected; None if nothing was expected."""
        return None if self.expected is None else self.message.matching_bits(self.expected)

    @property
    def bit_accuracy(self) -> float | None:
        """Share of bits as expected, 0..1; None if nothing was expected."""
        matching = self.matching_bits
        return None if matching is None else matching / len(self.message)

    @property
    def p_value(self) -> float | None:
        """Probability of as many matching bits by chance; None if nothing was expected."""
        matching = self.matching_bits
        return None if matching is None else p_value(matching, len(self.message))

    @property
    def log10_p_value(self) -> float | None:
        """Decimal logarithm of :attr:`p_value`, without underflow; None if nothing was expected."""
        matching = self.matching_bits
        return None if matching is None else log10_p_value(matching, len(self.message))

    def to_json(self) -> dict[str, Any]:
        """Return the result for ``json.dumps``."""
        return {
            "message": self.hex,
            "bits": len(self.message),
            "logits": self.logits.tolist(),
            "expected": None if self.expected is None else self.expected.hex,
            "matching_bits": self.matching_bits,
            "bit_accuracy": self.bit_accuracy,
            "p_value": self.p_value,
            "log10_p_value": self.log10_p_value,
            "reading": None if self.reading is None else self.reading.to_json(),
        }


@dataclass(frozen=True, slots=True, eq=False)
class DetectionOutcome:
    """One picture of many: a detection, or why there is none.

    Attributes:
        index: place of the picture in what was given, from 0.
        source: path of the picture, or None for a picture in memory.
        detection: what was read, or None.
        error: why the picture could not be read, or None.
    """

    index: int
    source: Path | None
    detection: Detection | None = None
    error: FileError | None = None

    @property
    def warning(self) -> str | None:
        """What is wrong with the detection; nothing, for a picture."""
        return None

    @property
    def is_good(self) -> bool:
        """Whether it could be read."""
        return self.error is None

    def to_json(self) -> dict[str, Any]:
        """Return the outcome for ``json.dumps``."""
        return {
            "source": None if self.source is None else str(self.source),
            "detection": None if self.detection is None else self.detection.to_json(),
            "error": None if self.error is None else str(self.error),
        }


class LiteRTDetector:
    """A detector that runs in LiteRT; made by :func:`load_detector`, safe to share by threads."""

    def __init__(self, session: Session, *, exact: bool = False) -> None:
        """Wrap an open session of a detector; see :func:`load_detector`."""
        self._session = session
        self._exact = exact

    @property
    def info(self) -> ModelInfo:
        """What the file says about itself."""
        return self._session.info

    @property
    def workers(self) -> int:
        """Pictures at the same time that suit this machine.

        One for each processor that the process may use (for each ``threads`` of them), at most 8,
        and no more than have their weights in 1 GiB of memory together.
        """
        return self._session.workers

    def detect(
        self, image: ImageInput, expect: MessageInput | None = None, *, fpr: float | None = None
    ) -> Detection:
        """Read the message of a picture of any size.

        The picture is resized to the model's size, not keeping its aspect ratio, with an
        antialiased bilinear filter; transparency is ignored.

        Args:
            image: a path, bytes or an array, for some; see :data:`edgeseal.pictures.ImageInput`.
            expect: the message that should be there, for the accuracy and the p-value.
            fpr: look for a payload, such that at most this share of unmarked pictures has one.

        Raises:
            UsageError: the expected message cannot be parsed or has another length, the rate is
                out of range, or the model's messages are too short for payloads.
            FileError, ImageError: the picture cannot be read.
            RuntimeRefusalError: LiteRT fails while running.
        """
        return self._detect(image, self._expected(expect), self._rate(fpr))

    def detect_many(
        self,
        images: Iterable[ImageInput],
        *,
        expect: MessageInput | None = None,
        fpr: float | None = None,
        workers: int | None = None,
    ) -> Iterator[DetectionOutcome]:
        """Read the messages of many pictures, in their order.

        A picture that cannot be read gives an outcome with its error, and the work goes on. At
        most a few pictures per worker are in memory; ``images`` may be endless.

        Args:
            images: as for :meth:`detect`.
            expect: one message for all.
            fpr: as for :meth:`detect`.
            workers: pictures under way at the same time, each with its own interpreter; with 1
                the caller's thread does everything. As :attr:`workers` says if None.

        Raises:
            UsageError: at once, for a wrong message, rate or number of workers.
            RuntimeRefusalError: while iterating, if LiteRT fails while running.
        """
        expected, rate = self._expected(expect), self._rate(fpr)

        def work(item: tuple[int, ImageInput]) -> DetectionOutcome:
            return self._outcome(*item, expected, rate)

        workers = self.workers if workers is None else workers
        return map_in_order(work, enumerate(images), workers=workers)

    def logits(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run the network on pictures that have the model's size already.

        Args:
            batch: float32 [N, image_size, image_size, 3], RGB, 0..1.

        Returns:
            float32 [N, bits]; a bit is 1 where its logit is above 0. The network's output 0, which
            means nothing, is left out.

        Raises:
            UsageError: the array has another type or shape.
            RuntimeRefusalError: LiteRT fails while running.
        """
        size = self.info.image_size
        if batch.dtype != np.float32 or batch.ndim != 4 or batch.shape[1:] != (size, size, 3):
            raise UsageError(
                f"batch: expected float32 [N, {size}, {size}, 3], got {batch.dtype} "
                f"{list(batch.shape)}"
            )
        if len(batch) == 0:
            return np.empty((0, self.info.bits), np.float32)
        return self._session.run({"image": batch})["logits"][:, 1:]

    def _expected(self, expect: MessageInput | None) -> Message | None:
        return None if expect is None else to_message(expect, self.info.bits)

    def _rate(self, fpr: float | None) -> float | None:
        """Return a false-positive rate after checking it and that there can be payloads."""
        if fpr is not None:
            payload_code(self.info.bits).check_rate(fpr)
        return fpr

    def _detect(self, image: ImageInput, expected: Message | None, fpr: float | None) -> Detection:
        picture = read_small(image, self.info.image_size, exact=self._exact)
        logits = self.logits(picture[None])[0].copy()
        logits.setflags(write=False)
        message = Message(tuple((logits > 0).astype(int).tolist()))
        reading = None if fpr is None else payload_code(len(logits)).read(logits, fpr=fpr)
        return Detection(message, logits, expected, reading)

    def _outcome(
        self, index: int, image: ImageInput, expected: Message | None, fpr: float | None
    ) -> DetectionOutcome:
        name = name_of(image)
        source = None if name is None else Path(name)
        try:
            return DetectionOutcome(index, source, detection=self._detect(image, expected, fpr))
        except FileError as error:
            return DetectionOutcome(index, source, error=error)


def load_detector(path: str | Path, *, threads: int = 1, exact: bool = False) -> LiteRTDetector:
    """Load a detector from a ``.tflite`` file written by Edgeseal; nothing else is needed.

    Args:
        path: the file.
        threads: threads per picture.
        exact: whether large JPEG files are decoded at full size, which takes longer; else at a
            fraction of it that is at least 2.75 times the model's.

    Raises:
        UsageError: ``threads`` is below 1.
        FileError: the file cannot be read.
        ModelError: it is no model, was not written by Edgeseal, or is no detector.
        RuntimeRefusalError: LiteRT cannot prepare it; the message has LiteRT's own words.
    """
    return LiteRTDetector(open_session(path, DETECTOR, threads=threads), exact=exact)
