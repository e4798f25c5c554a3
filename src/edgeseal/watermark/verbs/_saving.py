"""Saving a marked picture, and saying what became of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeseal.pictures import ImageInput, Quality
from edgeseal.pictures._psnr import psnr_between
from edgeseal.watermark.runtime import Embedding

__all__ = ["PIXELS", "Saving"]

PIXELS = "pixels before encoding"
_FILE = "file"
_MOST_PIXELS = 50_000_000  # of larger ones, source and file together need too much memory


@dataclass(frozen=True, slots=True)
class Saving:
    """How marked pictures are saved; see :meth:`edgeseal.Embedding.save`."""

    quality: Quality
    lossless: bool
    overwrite: bool

    def settings(self) -> dict[str, object]:
        """Return what files depend on, for JSON."""
        return {"quality": self.quality, "lossless": self.lossless}

    def save(self, embedding: Embedding, source: ImageInput, path: Path) -> dict[str, Any]:
        """Save a picture and return the facts, its PSNR read from the file where that differs.

        Raises:
            FileError: it cannot be written.
        """
        saved = embedding.save(
            path, overwrite=self.overwrite, quality=self.quality, lossless=self.lossless
        )
        facts = embedding.to_json() | {"dropped": list(saved.dropped), "psnr_of": _FILE}
        height, width = embedding.pixels.shape[:2]
        if saved.is_exact or math.isinf(embedding.psnr_db):
            return facts
        if hasattr(source, "read") or height * width > _MOST_PIXELS:
            return facts | {"psnr_of": PIXELS}
        psnr_db = psnr_between(source, path)
        return facts | {"psnr_db": psnr_db if math.isfinite(psnr_db) else None}
