"""Whole graphs of integer operators."""

from edgeseal.quantize.integer._ends import Ends, set_ends
from edgeseal.quantize.integer._stage import make_integer_graph

__all__ = ["Ends", "make_integer_graph", "set_ends"]
