"""Second moments of what layers see, for rounding weights with data.

For a layer y = W x the moments are H = E[x x^T] and E[x], where x is the row of inputs that one
output is made of: for a convolution, the values under the kernel, height by width by channels as
its weights store them. Sums are taken of x - c with c a typical row: where inputs hardly vary,
E[x x^T] - E[x] E[x]^T would be the difference of two numbers that are alike to the last digit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.calibration._calibration_inputs import CalibrationInputs
from edgeseal.tflite.calibration._observer import observe_values
from edgeseal.tflite.graph import Model, Operator, Tensor

__all__ = ["Moments", "second_moments"]

_LIMIT_BYTES = 1 << 30  # of moments that are held at the same time
_MAX_ROWS = 4096  # per input and layer
_SAME_PADDING = 0

Float = NDArray[np.float32]


@dataclass(slots=True)
class Moments:
    """Sums over the rows that a layer saw.

    Attributes:
        centre: float32 [n], a typical x; [channels, n] for a depthwise layer.
        products: float32 [n, n], the sum of (x - centre) (x - centre)^T; [channels, n, n] for a
            depthwise layer.
        total: float32, the shape of ``centre``, the sum of x - centre.
        rows: how many rows.
    """

    centre: Float
    products: Float
    total: Float
    rows: int = 0

    @property
    def covariance(self) -> Float:
        """E[x x^T] - E[x] E[x]^T, the shape of ``products``."""
        mean = self._offset()
        found: Float = self._share(self.products) - mean[..., :, None] * mean[..., None, :]
        return found

    @property
    def second(self) -> Float:
        """E[x x^T], the shape of ``products``."""
        mean = self.mean
        found: Float = self.covariance + mean[..., :, None] * mean[..., None, :]
        return found

    @property
    def mean(self) -> Float:
        """E[x], the shape of ``centre``."""
        mean: Float = self.centre + self._offset()
        return mean

    def add(self, rows: Float) -> None:
        """Take in rows: float32 [rows, n], or [channels, rows, n] for a depthwise layer."""
        if self.rows == 0:
            self.centre = rows.mean(axis=-2)
        moved = rows - self.centre[..., None, :]
        self.products += moved.swapaxes(-1, -2) @ moved
        self.total += moved.sum(axis=-2)
        self.rows += rows.shape[-2]

    def _offset(self) -> Float:
        return self._share(self.total)

    def _share(self, total: Float) -> Float:
        share: Float = total / np.float32(max(1, self.rows))
        return share


def second_moments(
    model: Model,
    layers: Sequence[Operator],
    inputs: CalibrationInputs,
    *,
    limit_bytes: int = _LIMIT_BYTES,
) -> Iterator[tuple[Operator, Moments]]:
    """Yield each layer with the moments of its input.

    Layers are taken in groups whose moments fit a limit; the model runs on all inputs once per
    group. Layers with the same input and geometry share their moments.

    Args:
        model: a float model.
        layers: FULLY_CONNECTED, CONV_2D and DEPTHWISE_CONV_2D operators of its main function with
            constant weights.
        inputs: what to run it on.
        limit_bytes: of moments held at the same time (one layer's may exceed it).

    Raises:
        RuntimeRefusalError, ModelError: the model cannot be run.
        UsageError, FileError, ImageError: an input cannot be given.
    """
    for group in _groups(layers, limit_bytes):
        moments = {view: _empty(view) for view in dict.fromkeys(map(_view, group))}
        by_tensor: dict[Tensor, list[_View]] = {}
        for view in moments:
            by_tensor.setdefault(view.source, []).append(view)

        def visit(
            tensor: Tensor,
            values: Float,
            by_tensor: dict[Tensor, list[_View]] = by_tensor,
            moments: dict[_View, Moments] = moments,
        ) -> None:
            for view in by_tensor[tensor]:
                moments[view].add(_rows(view, values))

        observe_values(model, list(by_tensor), inputs, visit)
        for layer in group:
            yield layer, moments[_view(layer)]


@dataclass(frozen=True, slots=True)
class _View:
    """How a layer looks at its input."""

    source: Tensor
    kind: str
    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    is_same: bool
    channels: int  # per row of a layer that is not depthwise

    @property
    def row_length(self) -> int:
        """Values that one output is made of."""
        taps = self.kernel[0] * self.kernel[1]
        return taps if self.kind == "DEPTHWISE_CONV_2D" else taps * self.channels


def _view(layer: Operator) -> _View:
    source, weights = layer.inputs[0], layer.inputs[1]
    if source is None or weights is None:
        raise ValueError(f"{layer!r} has no input or weights")
    if layer.kind == "FULLY_CONNECTED":
        length = weights.shape[-1]
        return _View(source, layer.kind, (1, 1), (1, 1), (1, 1), False, length)
    options = layer.options
    return _View(
        source,
        layer.kind,
        (weights.shape[1], weights.shape[2]),
        (options.strideH, options.strideW),
        (max(1, options.dilationHFactor), max(1, options.dilationWFactor)),
        options.padding == _SAME_PADDING,
        weights.shape[3],
    )


def _groups(layers: Sequence[Operator], limit_bytes: int) -> Iterator[list[Operator]]:
    group: list[Operator] = []
    views: set[_View] = set()
    held = 0
    for layer in layers:
        view = _view(layer)
        size = 0 if view in views else _empty_bytes(view)
        if group and size and held + size > limit_bytes:
            yield group
            group, views, held = [], set(), 0
            size = _empty_bytes(view)
        group.append(layer)
        views.add(view)
        held += size
    if group:
        yield group


def _empty_bytes(view: _View) -> int:
    copies = view.channels if view.kind == "DEPTHWISE_CONV_2D" else 1
    return 4 * copies * view.row_length**2


def _empty(view: _View) -> Moments:
    n = view.row_length
    lead = (view.channels,) if view.kind == "DEPTHWISE_CONV_2D" else ()
    row = np.zeros((*lead, n), np.float32)
    return Moments(row, np.zeros((*lead, n, n), np.float32), row.copy())


def _rows(view: _View, values: Float) -> Float:
    """Return the rows of one input, at most :data:`_MAX_ROWS`, evenly spread."""
    if view.kind == "FULLY_CONNECTED":
        rows = values.reshape(-1, view.channels)
        return rows[:: _step(len(rows))]
    windows = _windows(view, values)  # [batch * height * width, kernel h, kernel w, channels]
    windows = windows[:: _step(len(windows))]
    if view.kind != "DEPTHWISE_CONV_2D":
        return _grouped(windows, view.channels)
    depthwise: Float = windows.reshape(len(windows), -1, windows.shape[-1]).transpose(2, 0, 1)
    # output channel c reads input channel c // multiplier
    return np.repeat(depthwise, view.channels // len(depthwise), axis=0)


def _grouped(windows: Float, channels: int) -> Float:
    """Return the rows of each group of channels, one group's after the other's."""
    count = windows.shape[-1] // channels
    parts = windows.reshape(*windows.shape[:-1], count, channels)
    rows: Float = np.moveaxis(parts, -2, 0).reshape(-1, windows[0, ..., 0].size * channels)
    return rows


def _windows(view: _View, values: Float) -> Float:
    """Return what lies under the kernel for each output, zeros beyond the border."""
    pads = [
        _pads(size, kernel, stride, dilation) if view.is_same else (0, 0)
        for size, kernel, stride, dilation in zip(
            values.shape[1:3], view.kernel, view.stride, view.dilation, strict=True
        )
    ]
    padded = np.pad(values, ((0, 0), *pads, (0, 0)))
    spans = tuple(
        (kernel - 1) * dilation + 1
        for kernel, dilation in zip(view.kernel, view.dilation, strict=True)
    )
    windows = np.lib.stride_tricks.sliding_window_view(padded, spans, axis=(1, 2))
    windows = windows[
        :, :: view.stride[0], :: view.stride[1], :, :: view.dilation[0], :: view.dilation[1]
    ]
    moved = np.moveaxis(windows, 3, -1)  # channels last: [batch, h, w, kernel h, kernel w, c]
    step = _step(moved.shape[0] * moved.shape[1] * moved.shape[2])
    rows = moved[:, :: max(1, round(step**0.5)), :: max(1, round(step**0.5))]
    flat: Float = rows.reshape(-1, *rows.shape[3:])
    return flat


def _pads(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """Return LiteRT's SAME padding before and after."""
    outputs = -(-size // stride)
    total = max(0, (outputs - 1) * stride + (kernel - 1) * dilation + 1 - size)
    return total // 2, total - total // 2


def _step(count: int) -> int:
    return max(1, -(-count // _MAX_ROWS))
