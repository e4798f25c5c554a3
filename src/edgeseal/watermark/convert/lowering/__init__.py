"""PyTorch modules as float graphs, without a converter in between."""

from edgeseal.watermark.convert.lowering._lower import lower

__all__ = ["lower"]
