"""The one entry: a float model and a recipe in, a quantized model out."""

from __future__ import annotations

import dataclasses

from edgeseal.calibrate import Calibration
from edgeseal.errors import ModelError
from edgeseal.graph import Model
from edgeseal.quantize._plan import make_plan
from edgeseal.quantize._recipe import Recipe
from edgeseal.quantize._recipe_json import recipe_to_json
from edgeseal.quantize._report import QuantizationReport, check_result, report
from edgeseal.quantize._stages import STAGES
from edgeseal.quantize._work import Work
from edgeseal.runtime import attach_info, has_info, read_info

__all__ = ["RECIPE_METADATA", "quantize", "refuse_quantized"]

RECIPE_METADATA = "edgeseal_recipe"
"""Name of the metadata entry that holds the recipe, as JSON."""


def quantize(
    model: Model, recipe: Recipe, *, calibration: Calibration | None = None
) -> QuantizationReport:
    """Quantize a float model in place and say so in its description, if it has one.

    Args:
        model: any float model; it is of no use after an error.
        recipe: what each layer gets.
        calibration: what was seen of this model on pictures like those that it will see, or how
            to see it. Default: the bundled photographs, where the recipe needs any.

    Returns:
        What became of each layer.

    Raises:
        ModelError: the model is quantized already, or has nothing to quantize, or its weights
            cannot be used.
        UsageError: the recipe does not fit the model, with all problems listed, or it needs
            calibration and the model does not take a picture.
        FileError, ImageError: a picture to calibrate with cannot be read.
    """
    refuse_quantized(model)
    plan = make_plan(model, recipe)
    if recipe.needs_calibration and calibration is None:
        calibration = Calibration.on(model)
    work = Work(model, recipe, plan, calibration)
    if not recipe.is_float32:
        for stage in STAGES:
            stage(work)
        check_result(work)
    _describe(model, recipe)
    return report(work)


def _describe(model: Model, recipe: Recipe) -> None:
    if has_info(model):
        attach_info(model, dataclasses.replace(read_info(model), recipe=recipe.name))
    if not recipe.is_float32:
        model.metadata[RECIPE_METADATA] = recipe_to_json(recipe).encode()


def refuse_quantized(model: Model) -> None:
    """Raise if a model is quantized already.

    Raises:
        ModelError: it is.
    """
    quantized = [
        tensor.name
        for subgraph in model.subgraphs
        for tensor in subgraph.tensors()
        if tensor.buffer is not None
        and (tensor.quantization is not None or tensor.dtype in ("FLOAT16", "INT4"))
    ]
    if quantized:
        raise ModelError(
            f"is quantized already ({len(quantized)} constants, such as {quantized[0]!r}); give "
            "the float32 file that it was made from"
        )
