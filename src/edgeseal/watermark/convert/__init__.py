"""From PyTorch to a float ``.tflite`` graph, proven equal."""

from edgeseal.errors import MissingExtraError

try:
    import torch  # noqa: F401
except ModuleNotFoundError as error:
    raise MissingExtraError("converting a PyTorch model", "convert") from error

from edgeseal.watermark.convert._convert import (
    ChannelsLast,
    Conversion,
    convert_part,
    exportable,
    sample_inputs,
)
from edgeseal.watermark.convert._stock import stock_conversion, stock_dynamic_int8
from edgeseal.watermark.convert._stock_converter import to_litert
from edgeseal.watermark.convert._structure import MAX_RANK, structural_problems
from edgeseal.watermark.convert.lowering import lower

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
