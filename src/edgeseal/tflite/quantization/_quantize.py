"""The one entry: a float model and a recipe in, a quantized model out."""

from __future__ import annotations

from edgeseal.errors import ModelError, UsageError
from edgeseal.tflite.calibration import Calibration
from edgeseal.tflite.graph import Model, read_description, write_description
from edgeseal.tflite.quantization._quantization_report import (
    QuantizationReport,
    check_result,
    report,
)
from edgeseal.tflite.quantization._stages import STAGES
from edgeseal.tflite.quantization._work import Work
from edgeseal.tflite.quantization.integer import Ends, set_ends
from edgeseal.tflite.quantization.recipe._layer_plan import LayerPlan, make_plan, refuse_quantized
from edgeseal.tflite.quantization.recipe._recipe import Recipe
from edgeseal.tflite.quantization.recipe._recipe_json import recipe_to_json
from edgeseal.tflite.quantization.rewrite._float_source import pin_sizes, widen_halves

__all__ = [
    "RECIPE_METADATA",
    "bundled_calibration",
    "check_fit",
    "quantize",
    "refuse_quantized",
]

RECIPE_METADATA = "edgeseal_recipe"
"""Name of the metadata entry that holds the recipe, as JSON."""


def quantize(
    model: Model,
    recipe: Recipe,
    *,
    calibration: Calibration | None = None,
    ends: Ends = Ends.FLOAT32,
) -> QuantizationReport:
    """Quantize a float model in place and say so in its description, if it has one.

    Args:
        model: any float model; it is of no use after an error.
        recipe: what each layer gets.
        calibration: what was seen of this model on pictures like those that it will see, or how
            to see it. Default: the bundled photographs, where the recipe cannot do without; others
            that take it do without, and say so.
        ends: what the model is to take and give.

    Returns:
        What became of each layer.

    Raises:
        ModelError: the model is quantized already, or has nothing to quantize, or its weights
            cannot be used.
        UsageError: the recipe does not fit the model, with all problems listed; or it needs
            calibration and the model does not take a picture; or it leaves operators in float, and
            the ends are to be integers.
        FileError, ImageError: a picture to calibrate with cannot be read.
    """
    plan = check_fit(model, recipe, ends)
    if recipe.needs_calibration and calibration is None:
        calibration = Calibration.on(model)
    work = Work(model, recipe, plan, calibration)
    work.notes += plan.notes
    pinned = pin_sizes(model) if calibration is not None else []
    if pinned:
        work.notes.append(f"open sizes are fixed, as the file states them: {', '.join(pinned)}")
    if not recipe.is_float32:
        for stage in STAGES:
            stage(work)
        check_result(work)
        set_ends(model, ends)
    _describe(model, recipe)
    return report(work)


def check_fit(model: Model, recipe: Recipe, ends: Ends = Ends.FLOAT32) -> LayerPlan:
    """Find out before any work whether a recipe fits a model, and return what it would do.

    FLOAT16 constants become the FLOAT32 ones that they stand for.

    Raises:
        ModelError, UsageError: as :func:`quantize`.
    """
    widen_halves(model)
    plan = make_plan(model, recipe)
    if ends is not Ends.FLOAT32 and not plan.is_integer:
        raise UsageError(
            f"`io` {ends.value} goes with recipes that make every operator an integer one, such as "
            f"full-int8; {recipe.name} leaves some float"
        )
    return plan


def bundled_calibration(model: Model, recipe: Recipe) -> Calibration | None:
    """Return the bundled photographs for a model that takes a picture, if the recipe uses any."""
    if not recipe.uses_calibration:
        return None
    calibration = Calibration.on(model)
    try:
        if calibration.inputs is not None:
            calibration.inputs.arrays(0, model)
    except (ModelError, UsageError):
        return None
    return calibration


def _describe(model: Model, recipe: Recipe) -> None:
    record = read_description(model)
    if record is not None:
        write_description(model, {**record, "recipe": recipe.name})
    if not recipe.is_float32:
        model.metadata[RECIPE_METADATA] = recipe_to_json(recipe).encode()
