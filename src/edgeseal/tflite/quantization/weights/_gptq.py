"""Rounds weights so that a layer's results, not its weights, stay close.

Column after column is rounded to its grid, and what that does to the layer's results on
calibration data is made up for by the columns that are still free (E. Frantar et al., GPTQ, ICLR
2023, algorithm 1; the step for one column is that of Optimal Brain Surgeon). Columns with the most
energy go first. The inputs' covariance takes the place of their second moment, because the layer's
bias takes up the mean of the error exactly.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.quantization.weights._integer_weights import LARGEST, symmetric_scale

__all__ = ["fitted_scale", "inverse_root", "output_error", "round_with_root"]

_BLOCK = 128  # columns whose corrections are applied at once to all behind them
_DIRECT = 128  # rows of a triangle that is inverted without dividing it
_SHRINKAGE = np.linspace(1, 0.6, 11)  # of the range that holds every weight

Float = NDArray[np.float32]
Double = NDArray[np.float64]


def fitted_scale(rows: Float, variance: Float, *, bits: int) -> Float:
    """Return the scale per row that loses least, clipping the largest weights if that pays.

    Args:
        rows: float32 [channels, n].
        variance: of each input, float32 [n] or [channels, n].
        bits: of a stored value.

    Returns:
        float32 [channels].
    """
    full = symmetric_scale(rows, 0, bits=bits)
    best: Float = full.copy()
    least = np.full(len(rows), np.inf)
    for share in _SHRINKAGE:
        scale = (share * full).astype(np.float32)
        steps = np.rint(rows / scale[:, None]).clip(-LARGEST[bits], LARGEST[bits])
        error = (variance * np.square(steps * scale[:, None] - rows)).sum(axis=1)
        better = error < least
        best[better], least[better] = scale[better], error[better]
    return best


def output_error(change: Float, spread: Float) -> Double:
    """Return the variance that a change of weights puts on each result, float64 [channels].

    Args:
        change: float32 [channels, n].
        spread: covariance of the inputs, float32 [n, n] or [channels, n, n].
    """
    pushed = change @ spread if spread.ndim == 2 else (change[:, None] @ spread)[:, 0]
    found: Double = np.einsum("cn,cn->c", pushed, change, dtype=np.float64)
    return found


def inverse_root(spread: Float, damping: float) -> tuple[Float, NDArray[np.intp]]:
    """Prepare a covariance for rounding.

    Args:
        spread: float32 [n, n], or [groups, n, n].
        damping: share of the mean variance that is added to each.

    Returns:
        The upper triangular U with U^T U the inverse of the damped covariance, its columns put in
        order, float32 [groups, n, n]; and that order, [n].
    """
    stacked = spread.reshape(-1, *spread.shape[-2:]).astype(np.float64)
    variance = np.einsum("gii->gi", stacked)
    ridge = damping * variance.mean(axis=1, keepdims=True)
    ridge = np.where(ridge > 0, ridge, 1.0)  # a layer that saw nothing but a constant
    np.einsum("gii->gi", stacked)[...] = np.maximum(variance, 0) + ridge
    order = np.argsort(-variance.sum(axis=0), kind="stable")
    # With L the Cholesky factor of the matrix in reversed order, U is L's inverse, reversed.
    backwards = order[::-1]
    lower = np.linalg.cholesky(stacked[:, backwards][:, :, backwards])
    root = _inverse_triangle(lower)[:, ::-1, ::-1]
    return np.ascontiguousarray(root, dtype=np.float32), order


def round_with_root(
    rows: Float, root: Float, order: NDArray[np.intp], scale: Float, *, bits: int
) -> NDArray[np.int8]:
    """Round rows of weights to grids.

    Args:
        rows: float32 [channels, n], each the weights of one output channel.
        root: what :func:`inverse_root` gives, [1, n, n], or [channels, n, n] where each channel
            has inputs of its own.
        order: of the columns.
        scale: float32 [channels].
        bits: of a stored value.

    Returns:
        int8 [channels, n].
    """
    groups, count, _ = root.shape
    # [groups, n, channels]: a column's weights lie side by side
    free = rows.reshape(groups, -1, count).swapaxes(1, 2)[:, order].copy()
    grid = scale.reshape(groups, -1)
    rounded = np.empty(free.shape, np.int8)
    for start in range(0, count, _BLOCK):
        end = min(count, start + _BLOCK)
        errors = np.empty((groups, end - start, free.shape[2]), np.float32)
        for column in range(start, end):
            steps = np.rint(free[:, column] / grid).clip(-LARGEST[bits], LARGEST[bits])
            rounded[:, column] = steps
            error = (free[:, column] - steps * grid) / root[:, column, column, None]
            errors[:, column - start] = error
            ahead = root[:, column, column + 1 : end]
            free[:, column + 1 : end] -= ahead[:, :, None] * error[:, None]
        free[:, end:] -= root[:, start:end, end:].swapaxes(1, 2) @ errors
    result = np.empty_like(rounded)
    result[:, order] = rounded
    steps_of: NDArray[np.int8] = result.swapaxes(1, 2).reshape(rows.shape)
    return steps_of


def _inverse_triangle(lower: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the inverse of lower triangles [groups, n, n], by halves."""
    count = lower.shape[-1]
    if count <= _DIRECT:
        return np.linalg.inv(lower)
    half = count // 2
    inverse = np.zeros_like(lower)
    head, tail = (
        _inverse_triangle(lower[:, :half, :half]),
        _inverse_triangle(lower[:, half:, half:]),
    )
    inverse[:, :half, :half], inverse[:, half:, half:] = head, tail
    inverse[:, half:, :half] = -(tail @ (lower[:, half:, :half] @ head))
    return inverse
