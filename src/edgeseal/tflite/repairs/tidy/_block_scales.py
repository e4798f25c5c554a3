"""Blocks of weights whose scale is 0, which kernels refuse.

A quantizer that stores scales as FLOAT16 gives 0 to a block of very small weights. The block means
zeros then, so it gets zeros, and the smallest normal scale.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edgeseal.tflite.graph import Blockwise, Buffer, Model, Tensor
from edgeseal.tflite.probe import constant_values
from edgeseal.tflite.rewrites import ModelChange, ModelRewrite, Proof

__all__ = ["RAISE_BLOCK_SCALES"]

_BYTE_TYPES = {"INT4": 4, "INT8": 8}


def _change(model: Model) -> Iterator[ModelChange]:
    names = []
    for subgraph in model.subgraphs:
        for tensor in subgraph.tensors():
            if tensor.blockwise is not None and _raise(tensor, tensor.blockwise):
                names.append(tensor.name)
    if names:
        text = f"{len(names)} tensors with blocks whose scale was 0 given one that kernels take"
        yield ModelChange(text, len(names), tuple(names), "ES015")


def _raise(tensor: Tensor, blockwise: Blockwise) -> bool:
    """Raise the scales of 0 of a tensor; returns whether there were any."""
    scales, values = constant_values(blockwise.scales), constant_values(tensor)
    if scales is None or scales.dtype.kind != "f" or not (scales == 0).any():
        return False
    blocks = scales.size * blockwise.block_size
    if values is None or tensor.dtype not in _BYTE_TYPES or blocks != values.size:
        return False
    if blockwise.zero_points is not None:
        return False
    is_zero = (scales == 0).reshape(-1)
    stored = values.reshape(is_zero.size, -1).copy()
    stored[is_zero] = 0
    raised = np.where(scales == 0, np.finfo(scales.dtype).tiny, scales).astype(scales.dtype)
    blockwise.scales.buffer = Buffer.of(raised)
    tensor.buffer = Buffer.of(_packed(stored) if tensor.dtype == "INT4" else stored)
    return True


def _packed(values: np.ndarray) -> np.ndarray:
    """Return two values a byte, the first in the lower half."""
    flat = values.reshape(-1).view(np.uint8) & 0xF
    even = np.pad(flat, (0, flat.size % 2))
    return np.asarray(even[0::2] | even[1::2] << 4, np.uint8)


RAISE_BLOCK_SCALES = ModelRewrite(
    "block-scales", "blocks of weights with a scale of 0 given one", Proof.EXACT, _change
)
