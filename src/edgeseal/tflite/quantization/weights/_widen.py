"""Constants that are stored narrow and computed with as FLOAT32, behind a DEQUANTIZE."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.graph import Buffer, Operator, Subgraph, Tensor, new_dequantize

__all__ = ["as_half", "diffused", "half_constant", "half_weights", "widened"]

_TOLERANCE = 1e-3

Float = NDArray[np.float32]


def as_half(values: Float) -> NDArray[np.float16] | None:
    """Return values in half precision; None where that cannot hold them.

    Such as a mask of -1e9, or factors too small for half precision.
    """
    if not values.size:
        return None
    with np.errstate(over="ignore"):  # judged by the comparison
        half = values.astype(np.float16)
    negligible = 1e-3 * _TOLERANCE * np.abs(values).max()
    return half if np.allclose(half, values, rtol=_TOLERANCE, atol=negligible) else None


def half_weights(values: Float) -> NDArray[np.float16] | None:
    """Return a layer's weights in half precision; None where a value is too large for it.

    What is tiny beside the largest weight does not matter here: it is summed with that.
    """
    with np.errstate(over="ignore"):  # judged by the comparison
        half = values.astype(np.float16)
    error = np.abs(half.astype(np.float32) - values)
    return half if error.max(initial=0) <= _TOLERANCE * np.abs(values).max(initial=0) else None


def diffused(weights: Float, inputs: int) -> Float:
    """Return a kernel's weights on the grid of half precision, errors carried on to the next tap.

    Pictures are smooth, so what one tap gets too little the next may have more of: a kernel's
    response to a smooth picture stays as exact as one weight.

    Args:
        weights: float32 [channels, height, width, inputs] of a convolution, or [channels, height *
            width * inputs] of a product with patches; in the range of half precision.
        inputs: channels of the picture.
    """
    taps = weights.reshape(weights.shape[0], -1, inputs).astype(np.float64)
    carried = np.zeros_like(taps[:, 0])
    for tap in range(taps.shape[1]):
        wanted = taps[:, tap] + carried
        taps[:, tap] = wanted.astype(np.float16)
        carried = wanted - taps[:, tap]
    return taps.reshape(weights.shape).astype(np.float32)


def half_constant(name: str, half: NDArray[np.float16]) -> Tensor:
    """Return a FLOAT16 constant that stands for the FLOAT32 one of that name."""
    return Tensor(f"{name}/float16", half.shape, "FLOAT16", Buffer.of(half))


def widened(subgraph: Subgraph, reader: Operator, stored: Tensor, name: str) -> Tensor:
    """Return the result of a DEQUANTIZE, put before ``reader``, of a narrow constant.

    Args:
        subgraph: holds ``reader``.
        reader: the first operator that computes with it.
        stored: FLOAT16, or integers with their quantization.
        name: of the FLOAT32 result.
    """
    result = Tensor(name, stored.shape, "FLOAT32")
    subgraph.insert_before(reader, new_dequantize(stored, result))
    return result
