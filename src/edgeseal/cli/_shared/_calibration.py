"""Calibration from the options of a command, with its progress."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from edgeseal.cli._shared._console import busy, note
from edgeseal.errors import UsageError

if TYPE_CHECKING:
    from edgeseal.tflite.calibration import Calibration
    from edgeseal.tflite.graph import Model
    from edgeseal.tflite.quantization import Recipe

__all__ = ["calibrating", "check_options"]


def check_options(
    recipe: Recipe, pictures: list[Path] | None, ranges: Path | None, save_ranges: Path | None
) -> None:
    """Refuse options that contradict each other or the recipe.

    Raises:
        UsageError: saying which.
    """
    if ranges is not None and (pictures or save_ranges is not None):
        raise UsageError(
            "--ranges takes what was observed before, so --calibration and --save-ranges "
            "contradict it; give one or the other"
        )
    if (pictures or ranges is not None or save_ranges is not None) and not recipe.uses_calibration:
        raise UsageError(
            f"recipe {recipe.name} uses no calibration; leave out --calibration, --ranges and "
            "--save-ranges"
        )


@contextlib.contextmanager
def calibrating(
    model: Model,
    recipe: Recipe,
    pictures: list[Path] | None,
    ranges: Path | None,
    save_ranges: Path | None,
) -> Iterator[Calibration | None]:
    """Yield the calibration that options ask for.

    Without options it is that on the bundled photographs where the recipe needs any, else None.

    Raises:
        FileError, ModelError, UsageError: the pictures or the ranges cannot be used.
    """
    from edgeseal.pictures import list_pictures
    from edgeseal.tflite.calibration import Calibration, inputs_from

    if ranges is not None:
        yield Calibration.load(ranges, model)
        return
    if not pictures and save_ranges is None and not recipe.needs_calibration:
        yield None
        return
    inputs = inputs_from(list_pictures(pictures)) if pictures else None
    calibration = Calibration.on(model, inputs, save_to=save_ranges)
    total = calibration.ranges.inputs.count
    if calibration.resumed:
        note(f"continues a calibration that was interrupted after {calibration.resumed} of {total}")
    with busy(f"calibrating on {total} pictures") as say:
        done = 0

        def advance() -> None:
            nonlocal done
            done += 1
            say(f"calibrating: {1 + (done - 1) % total} of {total} pictures")

        calibration.advance = advance
        yield calibration
