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
from edgeseal.evaluate._engines import OpenDetector, open_detector, sha256
from edgeseal.evaluate._metrics import psnr_db, ssim
from edgeseal.evaluate._plan import Plan, Settings
from edgeseal.evaluate._record import PictureRecord
from edgeseal.runtime import LiteRTEmbedder, Message, load_embedder, read_image, resize

__all__ = ["Bench", "draw_message", "mark_picture", "read_stored"]

Stored = NDArray[np.uint8]


class Bench:
    """The opened models of a plan; everything that a picture needs."""

    def __init__(self, plan: Plan) -> None:
        """Open the models.

        Raises:
            EdgesealError: as :func:`edgeseal.evaluate.make_plan`.
        """
        self._settings = plan.settings
        self._embedder = load_embedder(plan.embedder.path)
        card = plan.settings.card
        self._readers = {m.name: open_detector(m.path, card=card) for m in plan.models}

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
            stored = read_stored(path, max_side=self._settings.max_side)
        except FileError as error:
            return PictureRecord(path.name, "", error=str(error))
        record = replace(record, height=stored.shape[0], width=stored.shape[1])
        unmarked = self._read(_unit(stored))
        record = replace(record, unmarked={name: read.hex for name, read in unmarked.items()})
        return self._mark(record, stored) if mark else record

    def _mark(self, record: PictureRecord, stored: Stored) -> PictureRecord:
        message = draw_message(self._settings, self._embedder.info.bits, record.sha256)
        marked = mark_picture(self._embedder, stored, message)
        quality = psnr_db(stored, marked)
        return replace(
            record,
            message=message.hex,
            psnr_db=quality if math.isfinite(quality) else None,
            ssim=ssim(stored, marked),
            matching=self._attack(marked, message, record.sha256),
        )

    def _attack(
        self, marked: Stored, message: Message, checksum: str
    ) -> dict[str, tuple[int, ...]]:
        matching: dict[str, list[int]] = {name: [] for name in self._readers}
        for attack in self._settings.attacks:
            rng = _generator(self._settings.seed, attack.name, checksum)
            for name, read in self._read(attack.apply(_unit(marked), rng)).items():
                matching[name].append(read.matching_bits(message))
        return {name: tuple(counts) for name, counts in matching.items()}

    def _read(self, picture: NDArray[np.float32]) -> dict[str, Message]:
        """Let every model read a picture of any size, float32 [H, W, 3]."""
        return dict(_read_all(self._readers, picture))


def read_stored(path: Path, *, max_side: int) -> Stored:
    """Read a picture as 8 bits, shrunk if it is larger than wanted.

    Returns:
        uint8 [H, W, 3], RGB.

    Raises:
        FileError, ImageError: the picture cannot be read.
    """
    picture = read_image(path)
    height, width = picture.shape[:2]
    factor = max_side / max(height, width)
    if 0 < factor < 1:
        picture = resize(picture, max(1, round(factor * height)), max(1, round(factor * width)))
    stored: Stored = np.rint(picture * np.float32(255)).astype(np.uint8)
    return stored


def draw_message(settings: Settings, bits: int, checksum: str) -> Message:
    """Return the message of a picture, which its checksum and the seed decide."""
    if settings.message is not None:
        return Message.from_hex(settings.message, bits)
    rng = _generator(settings.seed, "message", checksum)
    return Message(tuple(rng.integers(0, 2, bits).tolist()))


def mark_picture(embedder: LiteRTEmbedder, stored: Stored, message: Message) -> Stored:
    """Return the marked picture as it is stored: uint8 [H, W, 3]."""
    return np.asarray(embedder.embed(stored, message).image.convert("RGB"))


def _read_all(
    readers: dict[str, OpenDetector], picture: NDArray[np.float32]
) -> Iterator[tuple[str, Message]]:
    inputs: dict[int, NDArray[np.float32]] = {}  # models of one size see one array
    for name, reader in readers.items():
        size = reader.info.image_size
        if size not in inputs:
            inputs[size] = resize(picture, size, size)[None]
        logits = reader.detector.logits(inputs[size])[0]
        yield name, Message(tuple((logits > 0).astype(int).tolist()))


def _generator(seed: int, purpose: str, checksum: str) -> np.random.Generator:
    """Return randomness that does not depend on which picture is evaluated when, or where."""
    digest = hashlib.sha256(f"{seed}|{purpose}|{checksum}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def _unit(stored: Stored) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = stored.astype(np.float32) / np.float32(255)
    return unit
