"""What quantization is predicted to cost where layers read a tensor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.calibration import TensorStatistics
from edgeseal.tflite.graph import Operator, Tensor, float32_constant
from edgeseal.tflite.quantization._weighted_layers import WEIGHTS_INPUT
from edgeseal.tflite.quantization.weights._integer_weights import constant

__all__ = ["Cost", "Reader"]

_STEPS = 255  # of activations
_WEIGHT_STEPS = 127  # to either side of 0
_NEGLIGIBLE = 1e-6  # as a share of the largest

Float = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Reader:
    """A layer that reads a tensor.

    Attributes:
        operator: the layer.
        axis: of the weights' input channels.
        is_rounded: whether what it reads will be integers; else only its weights err.
    """

    operator: Operator
    axis: int
    is_rounded: bool = True

    @property
    def weights(self) -> Tensor:
        """Its weights, which change when it takes a division over."""
        weights = self.operator.inputs[WEIGHTS_INPUT]
        assert weights is not None
        return weights

    @property
    def is_depthwise(self) -> bool:
        """Whether each output channel reads one input channel."""
        return self.operator.kind == "DEPTHWISE_CONV_2D"

    def rows(self) -> Float:
        """Return the weights, float32 [output channels, taps, channels]; depthwise: 1 of those."""
        weights = np.moveaxis(constant(self.weights), self.axis, -1)
        rows: Float = weights.reshape(weights.shape[0], -1, weights.shape[-1])
        return rows

    def absorb(self, divisor: Float) -> None:
        """Multiply the weights, now that the input is divided."""
        shape = [1] * self.weights.rank
        shape[self.axis] = -1
        values = constant(self.weights) * divisor.reshape(shape)
        self.operator.inputs[WEIGHTS_INPUT] = float32_constant(self.weights.name, values)


class Cost:
    """Mean squared errors of the results of all readers of a tensor, summed.

    Rounding to a step s errs by s^2 / 12 per value. For activations that counts times the energy of
    the weights that it meets, for weights times the energy of the activations.

    Attributes:
        reach: float32 [channels], the largest value of each.
        weights: float32 [channels], the largest weight that each meets.
        is_used: bool [channels], whether it has values that count beside the others'.
    """

    def __init__(self, readers: Sequence[Reader], seen: TensorStatistics) -> None:
        if seen.channel_low is None or seen.channel_high is None:
            raise ValueError("statistics without channels")
        self._readers = [(reader, reader.rows()) for reader in readers]
        self._low, self._high = seen.channel_low, seen.channel_high
        reach = np.maximum(np.abs(self._low), np.abs(self._high))
        weights = np.max([np.abs(rows).max(axis=(0, 1)) for _, rows in self._readers], axis=0)
        self.reach, self.weights = _above_zero(reach), _above_zero(weights)
        self.is_used = reach > _NEGLIGIBLE * float(reach.max())
        self._energy = np.square(reach) if seen.channel_energy is None else seen.channel_energy
        met = (np.square(rows).sum(axis=(0, 1)) for r, rows in self._readers if r.is_rounded)
        self._met = sum(met, np.zeros_like(reach))

    def error(self, divisor: Float | None = None) -> float:
        """Return the error if the tensor is divided by float32 [channels], or as it is."""
        divisor = np.ones_like(self.reach) if divisor is None else divisor
        step = _span(self._low / divisor, self._high / divisor) / _STEPS
        total = step**2 / 12 * float((self._met * np.square(divisor)).sum())
        for reader, rows in self._readers:
            if reader.is_depthwise:  # whose weights have a scale for each channel anyway
                continue
            steps = np.abs(rows * divisor).max(axis=(1, 2)) / _WEIGHT_STEPS
            energy = rows.shape[1] * float((self._energy / np.square(divisor)).sum())
            total += float(np.square(steps).sum()) / 12 * energy
        return total

    def result_error(self, seen: TensorStatistics, divisor: Float | None = None) -> float:
        """Return what it costs the readers that an earlier layer's result is rounded.

        Args:
            seen: of that result, from which the tensor is made without any change of scale.
            divisor: float32 [channels] of that result.
        """
        if seen.channel_low is None or seen.channel_high is None:
            return 0.0
        divisor = np.ones_like(seen.channel_low) if divisor is None else divisor
        step = _span(seen.channel_low / divisor, seen.channel_high / divisor) / _STEPS
        return step**2 / 12 * float(np.mean(self._met)) * float(np.square(divisor).sum())


def _span(low: Float, high: Float) -> float:
    return max(float(high.max()), 0.0) - min(float(low.min()), 0.0)


def _above_zero(values: Float) -> Float:
    raised: Float = np.maximum(values, _NEGLIGIBLE * max(float(values.max()), 1e-30))
    return raised
