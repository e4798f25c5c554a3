"""PyTorch modules as float graphs, without a converter in between."""

from edgeseal.convert.lowering._lower import lower

__all__ = ["lower"]
