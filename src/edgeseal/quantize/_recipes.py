"""The named ways to quantize a float model."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable
from dataclasses import dataclass

from edgeseal.errors import ModelError, UsageError
from edgeseal.graph import Model
from edgeseal.quantize._dynamic import quantize_dynamic_int8
from edgeseal.runtime import attach_info, has_info, read_info

__all__ = ["RECIPES", "Recipe", "find_recipe", "quantize"]


def _keep(model: Model) -> None:
    """Leave a model as it is."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A way to quantize.

    Attributes:
        name: what the command line and file names call it.
        summary: one line for people.
        apply: changes a float model in place.
    """

    name: str
    summary: str
    apply: Callable[[Model], None]


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("float32", "as converted: nothing is quantized", _keep),
        Recipe(
            "dynamic-int8",
            "INT8 weights, activations quantized while running; needs no calibration",
            quantize_dynamic_int8,
        ),
    )
}


def find_recipe(name: str) -> Recipe:
    """Return a recipe by name.

    Raises:
        UsageError: there is no such recipe; lists those there are.
    """
    if name in RECIPES:
        return RECIPES[name]
    close = difflib.get_close_matches(name, RECIPES, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    raise UsageError(f"unknown recipe {name!r}; {hint}known recipes: {', '.join(RECIPES)}")


def quantize(model: Model, recipe: Recipe) -> None:
    """Quantize a float model in place and say so in its description, if it has one.

    Raises:
        ModelError: the model is quantized already, or has nothing to quantize.
    """
    quantized = [
        tensor.name
        for subgraph in model.subgraphs
        for tensor in subgraph.tensors()
        if tensor.buffer is not None and tensor.quantization is not None
    ]
    if quantized:
        raise ModelError(
            f"is quantized already ({len(quantized)} constants, such as {quantized[0]!r}); give "
            "the float32 file that it was made from"
        )
    recipe.apply(model)
    if has_info(model):
        attach_info(model, dataclasses.replace(read_info(model), recipe=recipe.name))
