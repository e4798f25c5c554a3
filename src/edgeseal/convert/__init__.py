"""From PyTorch to a float ``.tflite`` graph, proven equal."""

from edgeseal.errors import MissingExtraError

try:
    import torch  # noqa: F401
except ModuleNotFoundError as error:
    raise MissingExtraError("converting a PyTorch model", "convert") from error

from edgeseal.convert._convert import (
    ChannelsLast,
    Conversion,
    convert_part,
    exportable,
    sample_inputs,
)
from edgeseal.convert._litert import to_litert
from edgeseal.convert._stock import stock_conversion, stock_dynamic_int8
from edgeseal.convert._structure import MAX_RANK, structural_problems
from edgeseal.convert.lowering import lower

__all__ = [
    "MAX_RANK",
    "ChannelsLast",
    "Conversion",
    "convert_part",
    "exportable",
    "lower",
    "sample_inputs",
    "stock_conversion",
    "stock_dynamic_int8",
    "structural_problems",
    "to_litert",
]
