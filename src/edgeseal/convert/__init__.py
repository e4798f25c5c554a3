"""From PyTorch to a float ``.tflite`` graph, proven equal."""

from edgeseal.convert._convert import Conversion, convert_part, exportable, to_litert
from edgeseal.convert._stock import stock_conversion, stock_dynamic_int8
from edgeseal.convert._structure import MAX_RANK, structural_problems

__all__ = [
    "MAX_RANK",
    "Conversion",
    "convert_part",
    "exportable",
    "stock_conversion",
    "stock_dynamic_int8",
    "structural_problems",
    "to_litert",
]
