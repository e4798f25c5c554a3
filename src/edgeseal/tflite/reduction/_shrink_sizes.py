"""Makes the tensors of a candidate smaller: every dimension of one size at a time."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.graph import Buffer, Model, Operator, Quantization, Tensor
from edgeseal.tflite.probe import constant_values
from edgeseal.tflite.reduction._candidate_search import Search

__all__ = ["shrink_sizes"]

_WANTED = (1, 2, 4)
_SIZE_TYPES = ("INT32", "INT64")


def shrink_sizes(search: Search) -> None:
    """Replace every size of a dimension by a small one, wherever the symptom survives that.

    Equal sizes change together, in all tensors and in the constants that hold shapes, since
    operators mostly want them equal. Constants are cropped.
    """
    for size in _sizes(search.model()):
        any(_shows_resized(search, size, wanted) for wanted in _WANTED if wanted < size)


def _shows_resized(search: Search, old: int, new: int) -> bool:
    model = search.model()
    return _resize(model, old, new) and search.shows_changed(model, f"{new} in place of {old}")


def _sizes(model: Model) -> list[int]:
    tensors = (tensor for subgraph in model.subgraphs for tensor in subgraph.tensors())
    return sorted({size for tensor in tensors for size in tensor.shape if size > 1}, reverse=True)


def _resize(model: Model, old: int, new: int) -> bool:
    """Change a model; False if there is a constant that cannot be cropped."""
    for subgraph in model.subgraphs:
        for tensor in subgraph.tensors():
            if _holds_sizes(tensor):
                _replace_values(tensor, old, new)
            elif not _crop(tensor, old, new):
                return False
    for operator in model.operators():
        _replace_option(operator, old, new)
    return True


def _holds_sizes(tensor: Tensor) -> bool:
    return (
        tensor.is_constant
        and tensor.dtype in _SIZE_TYPES
        and tensor.quantization is None
        and tensor.rank <= 1
    )


def _replace_values(tensor: Tensor, old: int, new: int) -> None:
    values = constant_values(tensor)
    if values is not None:
        tensor.buffer = Buffer.of(np.where(values == old, new, values).astype(values.dtype))


def _crop(tensor: Tensor, old: int, new: int) -> bool:
    if old not in tensor.shape:
        return True
    shape = tuple(new if size == old else size for size in tensor.shape)
    if tensor.is_constant:
        values = None if tensor.dtype == "INT4" else constant_values(tensor)  # INT4 is packed
        if values is None:
            return False
        tensor.buffer = Buffer.of(values[tuple(map(slice, shape))])
    _crop_quantization(tensor, old, new)
    _crop_signature(tensor, old, new)
    tensor.shape = shape
    return True


def _crop_quantization(tensor: Tensor, old: int, new: int) -> None:
    quantization = tensor.quantization
    if quantization is not None and quantization.scale.size == old:
        tensor.quantization = Quantization(
            quantization.scale[:new],
            quantization.zero_point[:new],
            quantization.axis,
            quantization.raw,
        )


def _crop_signature(tensor: Tensor, old: int, new: int) -> None:
    signature = None if tensor.raw is None else tensor.raw.shapeSignature
    if signature is not None:
        tensor.raw = copy.copy(tensor.raw)
        tensor.raw.shapeSignature = _replaced(signature, old, new)


def _replace_option(operator: Operator, old: int, new: int) -> None:
    shape = getattr(operator.options, "newShape", None)
    if shape is not None:
        operator.options = copy.copy(operator.options)
        operator.options.newShape = _replaced(shape, old, new)


def _replaced(sizes: Any, old: int, new: int) -> NDArray[np.int32]:
    return np.asarray([new if int(size) == old else int(size) for size in sizes], np.int32)
