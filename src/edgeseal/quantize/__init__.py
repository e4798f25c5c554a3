"""From a float ``.tflite`` graph to one with fewer bits, as a recipe says."""

from edgeseal.quantize._library import find_recipe, read_recipe, recipe_names
from edgeseal.quantize._plan import Plan, PlannedOperator, make_plan, named_operators
from edgeseal.quantize._quantize import RECIPE_METADATA, bundled_calibration, quantize
from edgeseal.quantize._recipe import (
    Activations,
    Methods,
    Place,
    Precision,
    Recipe,
    Rounding,
    Rule,
    Weights,
)
from edgeseal.quantize._recipe_json import recipe_from_json, recipe_to_json
from edgeseal.quantize._report import LayerResult, QuantizationReport, Share
from edgeseal.quantize.integer import Ends, set_ends

__all__ = [
    "RECIPE_METADATA",
    "Activations",
    "Ends",
    "LayerResult",
    "Methods",
    "Place",
    "Plan",
    "PlannedOperator",
    "Precision",
    "QuantizationReport",
    "Recipe",
    "Rounding",
    "Rule",
    "Share",
    "Weights",
    "bundled_calibration",
    "find_recipe",
    "make_plan",
    "named_operators",
    "quantize",
    "read_recipe",
    "recipe_from_json",
    "recipe_names",
    "recipe_to_json",
    "set_ends",
]
