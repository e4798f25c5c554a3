"""Parameters and constants that no kernel can mean, found before LiteRT sees them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from edgeseal.errors import ModelError
from edgeseal.tflite.graph import Model, Quantization, Tensor
from edgeseal.tflite.probe._values import has_fitting_scales, integer_limits, numpy_type

__all__ = ["check_meaning", "check_validity", "fit_problem", "meaning_problem"]

_SHOWN = 5


def check_validity(model: Model) -> None:
    """Refuse a model on whose tensors LiteRT may end the process.

    Raises:
        ModelError: quantization parameters are not valid, or constants have another size than
            their shape; the first few tensors are named.
    """
    problems = [
        f"{tensor.name!r}: {problem}"
        for subgraph in model.subgraphs
        for tensor in subgraph.tensors()
        for problem in (
            meaning_problem(tensor) or fit_problem(tensor) or _constant_problem(tensor),
        )
        if problem
    ]
    _refuse(problems)


def check_meaning(model: Model, path: Path) -> None:
    """Refuse a file whose stored integers stand for no numbers, so that nothing can be said of it.

    Raises:
        ModelError: scales are not above 0 and finite, or zero points lie outside their types.
    """
    tensors = [tensor for subgraph in model.subgraphs for tensor in subgraph.tensors()]
    named = [(tensor.name, meaning_problem(tensor)) for tensor in tensors]
    _refuse([f"{name!r}: {problem}" for name, problem in named if problem], f"{path}: ")


def _refuse(problems: list[str], where: str = "") -> None:
    if not problems:
        return
    more = len(problems) - _SHOWN
    shown = "; ".join(problems[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")
    raise ModelError(
        f"{where}tensors that no kernel can compute with: {shown}; see `edgeseal check`, or "
        "quantize the float model again"
    )


def meaning_problem(tensor: Tensor) -> str:
    """Return why a tensor's stored integers stand for no numbers; empty if they stand for some."""
    quantization, limits = tensor.quantization, integer_limits(tensor)
    if quantization is None or limits is None:
        return ""
    wrong = ~(np.isfinite(quantization.scale) & (quantization.scale > 0))
    if wrong.any():
        return f"expected scales above 0, got {quantization.scale[wrong][0]:g}"
    return _zero_point_problem(tensor, quantization, limits)


def fit_problem(tensor: Tensor) -> str:
    """Return why quantization parameters do not fit a tensor's shape; empty if they do."""
    quantization = tensor.quantization
    if quantization is None:
        return ""
    if quantization.axis and quantization.axis >= tensor.rank:
        return f"the quantized axis is {quantization.axis}, the rank {tensor.rank}"
    scales, zero_points = quantization.scale.size, quantization.zero_point.size
    if zero_points not in (1, scales):
        return f"{zero_points} zero points for {scales} scales"
    if not has_fitting_scales(tensor, quantization):
        return f"{scales} scales for the shape {list(tensor.shape)}, axis {quantization.axis}"
    return ""


def _zero_point_problem(tensor: Tensor, quantization: Quantization, limits: tuple[int, int]) -> str:
    zero_point = quantization.zero_point
    outside = (zero_point < limits[0]) | (zero_point > limits[1])
    if not outside.any():
        return ""
    found = zero_point[outside][0]
    return f"expected zero points of {tensor.dtype}, {limits[0]} to {limits[1]}, got {found}"


def _constant_problem(tensor: Tensor) -> str:
    """Return what is wrong with the size of a constant whose values are stored plainly."""
    kind = numpy_type(tensor)
    is_plain = tensor.dtype == "INT4" or kind not in (None, np.object_)
    if tensor.buffer is None or tensor.is_sparse or not is_plain:
        return ""
    count = math.prod(tensor.shape)
    expected = -(-count // 2) if kind is None else count * np.dtype(kind).itemsize
    if tensor.size_bytes == expected:
        return ""
    return (
        f"expected {expected} bytes for {tensor.dtype} {list(tensor.shape)}, got "
        f"{tensor.size_bytes}"
    )
