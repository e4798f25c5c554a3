"""Where the calibration of a model comes from: pictures, saved ranges, or the package's own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeseal._progress import Progress
from edgeseal.errors import UsageError
from edgeseal.tflite.calibration import Calibration, named_inputs
from edgeseal.tflite.graph import Model
from edgeseal.tflite.quantization.recipe._recipe import Recipe

__all__ = ["CalibrationSource"]


@dataclass(frozen=True, slots=True)
class CalibrationSource:
    """What calibration is to use; by default the bundled photographs, where a recipe needs some.

    Attributes:
        pictures: files of pictures or arrays, folders, patterns and lists.
        ranges: a file of ranges that were saved, instead of pictures.
        save_ranges: where to save what is observed; an interrupted run goes on from beside it.
    """

    pictures: Sequence[str | Path] = ()
    ranges: Path | None = None
    save_ranges: Path | None = None

    @property
    def is_given(self) -> bool:
        """Whether anything but the default was asked for."""
        return bool(self.pictures) or self.ranges is not None or self.save_ranges is not None

    def check(self, recipes: Sequence[Recipe]) -> None:
        """Refuse what contradicts itself, or recipes of which none uses calibration.

        Raises:
            UsageError: saying which.
        """
        if self.ranges is not None and (self.pictures or self.save_ranges is not None):
            raise UsageError(
                "`ranges` takes what was observed before, so `calibration` and `save_ranges` "
                "contradict it; give one or the other"
            )
        if self.is_given and recipes and not any(one.uses_calibration for one in recipes):
            names = ", ".join(recipe.name for recipe in recipes)
            raise UsageError(
                f"recipe {names} uses no calibration; leave out `calibration`, `ranges` and "
                "`save_ranges`"
            )

    @contextlib.contextmanager
    def opened(
        self, model: Model, recipes: Sequence[Recipe], progress: Progress
    ) -> Iterator[Calibration | None]:
        """Yield the calibration of a model for recipes; None where they need none.

        Raises:
            FileError, ModelError, UsageError: the pictures or the ranges cannot be used.
        """
        if self.ranges is not None:
            yield Calibration.load(self.ranges, model)
            return
        if not self.is_given and not any(recipe.needs_calibration for recipe in recipes):
            yield None
            return
        inputs = named_inputs(self.pictures, model) if self.pictures else None
        calibration = Calibration.on(model, inputs, save_to=self.save_ranges)
        total, resumed = calibration.ranges.inputs.count, calibration.resumed
        if resumed:
            progress.note(
                f"continues a calibration that was interrupted after {resumed} of {total}"
            )
        with progress.busy(f"calibrating on {total} inputs") as say:
            done = 0

            def advance() -> None:
                nonlocal done
                done += 1
                say(f"calibrating: {1 + (done - 1) % total} of {total} inputs")

            calibration.advance = advance
            yield calibration
