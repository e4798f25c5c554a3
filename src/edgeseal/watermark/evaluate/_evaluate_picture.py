"""Evaluates one picture: mark it, attack it, let every model read it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeseal.errors import FileError
from edgeseal.pictures import read_image, resize
from edgeseal.watermark.evaluate._clip import clip_ssim, mark_clip, read_clip
from edgeseal.watermark.evaluate._engines import OpenDetector, open_detector, sha256
from edgeseal.watermark.evaluate._evaluation_plan import EvaluationPlan, EvaluationSettings
from edgeseal.watermark.evaluate._metrics import picture_psnr_db, ssim
from edgeseal.watermark.evaluate._picture_record import PictureRecord
from edgeseal.watermark.evaluate._stored_pixels import to_stored
from edgeseal.watermark.runtime import LiteRTEmbedder, Message, load_embedder
from edgeseal.watermark.video import is_video

__all__ = ["Bench", "draw_message", "mark_source", "read_source"]

Stored = NDArray[np.uint8]


class Bench:
    """The opened models of a plan; everything that a picture needs."""

    def __init__(self, plan: EvaluationPlan) -> None:
        """Open the models.

        Raises:
            EdgesealError: as :func:`edgeseal.watermark.evaluate.make_plan`.
        """
        self._settings = plan.settings
        self._embedder = load_embedder(plan.embedder.path)
        card, device = plan.settings.card, plan.settings.device
        self._readers = {
            m.name: open_detector(m.path, card=card, device=device) for m in plan.models
        }

    def evaluate(self, path: Path, *, mark: bool) -> PictureRecord:
        """Evaluate a picture; one that cannot be read gives a record that says why.

        Args:
            path: the picture.
            mark: whether to mark and attack it, or only to read it as it is.

        Raises:
            EdgesealError: a model fails.
        """
        try:
            record = PictureRecord(path.name, sha256(path))
            stored = read_source(path, self._settings)
        except FileError as error:
            return PictureRecord(path.name, "", error=str(error))
        frames = len(stored) if stored.ndim == 4 else 1
        record = replace(record, height=stored.shape[-3], width=stored.shape[-2], frames=frames)
        unmarked = self._read(_unit(stored))
        record = replace(record, unmarked={name: read.hex for name, read in unmarked.items()})
        return self._mark(record, stored) if mark else record

    def _mark(self, record: PictureRecord, stored: Stored) -> PictureRecord:
        message = draw_message(self._settings, self._embedder.info.bits, record.sha256)
        marked = mark_source(self._embedder, stored, message)
        quality = picture_psnr_db(stored, marked)
        return replace(
            record,
            message=message.hex,
            psnr_db=quality if math.isfinite(quality) else None,
            ssim=(clip_ssim if stored.ndim == 4 else ssim)(stored, marked),
            matching=self._attack(marked, message, record.sha256),
        )

    def _attack(
        self, marked: Stored, message: Message, checksum: str
    ) -> dict[str, tuple[int, ...]]:
        matching: dict[str, list[int]] = {name: [] for name in self._readers}
        for attack in self._settings.attacks:
            rng = _generator(self._settings.seed, attack.name, checksum)
            apply = attack.apply_to_clip if marked.ndim == 4 else attack.apply
            for name, read in self._read(apply(_unit(marked), rng)).items():
                matching[name].append(read.matching_bits(message))
        return {name: tuple(counts) for name, counts in matching.items()}

    def _read(self, picture: NDArray[np.float32]) -> dict[str, Message]:
        """Let every model read a picture, float32 [H, W, 3], or a clip, [T, H, W, 3]."""
        return dict(_read_all(self._readers, picture))


def read_source(path: Path, settings: EvaluationSettings) -> Stored:
    """Read a picture, uint8 [H, W, 3], or the first frames of a video, uint8 [T, H, W, 3].

    Raises:
        FileError, ImageError: it cannot be read.
        MissingExtraError: it is a video, and PyAV is not installed.
    """
    if is_video(path):
        return read_clip(path, frames=settings.frames, max_side=settings.max_side)
    return read_stored(path, max_side=settings.max_side)


def read_stored(path: Path, *, max_side: int) -> Stored:
    """Read a picture as 8 bits, shrunk if it is larger than wanted.

    Returns:
        uint8 [H, W, 3], RGB.

    Raises:
        FileError, ImageError: the picture cannot be read, or has several frames.
    """
    return to_stored(read_image(path, one_frame=True), max_side)


def draw_message(settings: EvaluationSettings, bits: int, checksum: str) -> Message:
    """Return the message of a picture, which its checksum and the seed decide."""
    if settings.message is not None:
        return Message.from_hex(settings.message, bits)
    rng = _generator(settings.seed, "message", checksum)
    return Message(tuple(rng.integers(0, 2, bits).tolist()))


def mark_source(embedder: LiteRTEmbedder, stored: Stored, message: Message) -> Stored:
    """Return a marked picture or clip as it is stored: uint8 of the same shape."""
    if stored.ndim == 4:
        return mark_clip(embedder, stored, message)
    return np.asarray(embedder.embed(stored, message).image.convert("RGB"))


def _read_all(
    readers: dict[str, OpenDetector], picture: NDArray[np.float32]
) -> Iterator[tuple[str, Message]]:
    inputs: dict[int, NDArray[np.float32]] = {}  # models of one size see one array
    for name, reader in readers.items():
        size = reader.info.image_size
        if size not in inputs:
            frames = picture if picture.ndim == 4 else picture[None]
            inputs[size] = np.stack([resize(frame, size, size) for frame in frames])
        logits = reader.detector.logits(inputs[size]).mean(axis=0, dtype=np.float64)
        yield name, Message(tuple((logits > 0).astype(int).tolist()))


def _generator(seed: int, purpose: str, checksum: str) -> np.random.Generator:
    """Return randomness that does not depend on which picture is evaluated when, or where."""
    digest = hashlib.sha256(f"{seed}|{purpose}|{checksum}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def _unit(stored: Stored) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = stored.astype(np.float32) / np.float32(255)
    return unit
