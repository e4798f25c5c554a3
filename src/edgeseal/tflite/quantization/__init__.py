"""From a float ``.tflite`` graph to one with fewer bits, as a recipe says."""

from edgeseal.tflite.quantization._calibration_source import CalibrationSource
from edgeseal.tflite.quantization._quantization_report import (
    LayerResult,
    QuantizationReport,
    Share,
)
from edgeseal.tflite.quantization._quantize import (
    RECIPE_METADATA,
    bundled_calibration,
    check_fit,
    quantize,
)
from edgeseal.tflite.quantization.integer import Ends, find_ends, set_ends
from edgeseal.tflite.quantization.recipe._layer_plan import (
    LayerPlan,
    PlannedOperator,
    make_plan,
    named_operators,
)
from edgeseal.tflite.quantization.recipe._recipe import (
    Activations,
    Methods,
    Place,
    Precision,
    Recipe,
    Rounding,
    Rule,
    WeightType,
)
from edgeseal.tflite.quantization.recipe._recipe_files import find_recipe, read_recipe, recipe_names
from edgeseal.tflite.quantization.recipe._recipe_json import recipe_from_json, recipe_to_json

__all__ = [
    "RECIPE_METADATA",
    "Activations",
    "CalibrationSource",
    "Ends",
    "LayerPlan",
    "LayerResult",
    "Methods",
    "Place",
    "PlannedOperator",
    "Precision",
    "QuantizationReport",
    "Recipe",
    "Rounding",
    "Rule",
    "Share",
    "WeightType",
    "bundled_calibration",
    "check_fit",
    "find_ends",
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
