"""Whole graphs of integer operators."""

from edgeseal.tflite.quantization.integer._io_types import Ends, find_ends, set_ends
from edgeseal.tflite.quantization.integer._masks import bound_masks
from edgeseal.tflite.quantization.integer._stage import make_integer_graph

__all__ = ["Ends", "bound_masks", "find_ends", "make_integer_graph", "set_ends"]
