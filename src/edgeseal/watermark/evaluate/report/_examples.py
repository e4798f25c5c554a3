"""Pictures for a report: marked ones with what the mark changed, and what attacks look like."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgeseal.errors import FileError
from edgeseal.watermark.evaluate._engines import sha256
from edgeseal.watermark.evaluate._evaluate_picture import draw_message, mark_source, read_source
from edgeseal.watermark.evaluate._evaluation_plan import EvaluationPlan
from edgeseal.watermark.evaluate.attacks import Attack
from edgeseal.watermark.runtime import load_embedder

__all__ = ["AMPLIFICATION", "Examples", "Marked", "Thumbnail", "make_examples"]

AMPLIFICATION = 10
"""Of the difference between a marked picture and the original."""

_SHOWN = 3
_SIDE = 360
_CROP = 240, 360  # rows and columns
_THUMBNAIL = 150

Stored = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Marked:
    """A picture before and after it was marked.

    Attributes:
        name: its file.
        original: ``data:`` address of the picture, made smaller.
        marked: the same after marking.
        difference: their amplified difference in the middle of the picture, pixel by pixel.
    """

    name: str
    original: str
    marked: str
    difference: str


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """What an attack makes of a picture.

    Attributes:
        attack: its name.
        picture: ``data:`` address.
    """

    attack: str
    picture: str


@dataclass(frozen=True, slots=True)
class Examples:
    """The pictures of a report.

    Attributes:
        marked: the first pictures.
        attacked: the first picture after the strongest attack of each family.
    """

    marked: tuple[Marked, ...]
    attacked: tuple[Thumbnail, ...]


def make_examples(plan: EvaluationPlan) -> Examples:
    """Mark the first pictures that can be read once more, exactly as they were evaluated.

    Raises:
        ModelError: the embedder fails.
    """
    embedder = load_embedder(plan.embedder.path)
    marked: list[Marked] = []
    attacked: tuple[Thumbnail, ...] = ()
    for path, original in _readable(plan):
        message = draw_message(plan.settings, plan.bits, sha256(path))
        changed = mark_source(embedder, original, message)
        if not marked:
            attacked = tuple(_thumbnails(changed, plan))
        marked.append(_marked(path.name, _still(original), _still(changed)))
        if len(marked) == _SHOWN:
            break
    return Examples(tuple(marked), attacked)


def _readable(plan: EvaluationPlan) -> Iterator[tuple[Path, Stored]]:
    for path in plan.pictures:
        try:
            yield path, read_source(path, plan.settings)
        except FileError:
            continue  # the report names it


def _marked(name: str, original: Stored, changed: Stored) -> Marked:
    height, width = original.shape[:2]
    rows, columns = _CROP
    top, left = max(0, (height - rows) // 2), max(0, (width - columns) // 2)
    window = np.s_[top : top + rows, left : left + columns]
    difference = changed[window].astype(np.int16) - original[window]
    shown = (128 + AMPLIFICATION * difference).clip(0, 255).astype(np.uint8)
    return Marked(name, _jpeg(original, _SIDE), _jpeg(changed, _SIDE), _jpeg(shown, max(_CROP)))


def _thumbnails(changed: Stored, plan: EvaluationPlan) -> Iterator[Thumbnail]:
    strongest: dict[str, Attack] = {}
    for attack in plan.settings.attacks:
        best = strongest.get(attack.family)
        if best is None or _severity(attack) > _severity(best):
            strongest[attack.family] = attack
    for attack in strongest.values():
        attacked = attack(changed, np.random.default_rng(plan.settings.seed))
        yield Thumbnail(attack.name, _jpeg(_still(attacked), _THUMBNAIL))


def _still(stored: Stored) -> Stored:
    """Return a picture, or the first frame of a clip."""
    return stored[0] if stored.ndim == 4 else stored


def _severity(attack: Attack) -> float:
    """Order the strengths of a family; small sizes, qualities and factors are severe."""
    falls = ("resize", "crop", "jpeg", "brightness", "contrast", "saturation")
    strength = attack.strength or 0
    return -strength if attack.steps[0].family in falls else strength


def _jpeg(pixels: Stored, side: int) -> str:
    image = Image.fromarray(pixels)
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    stored = io.BytesIO()
    image.save(stored, "JPEG", quality=88, subsampling="4:4:4")
    return "data:image/jpeg;base64," + base64.b64encode(stored.getvalue()).decode()
