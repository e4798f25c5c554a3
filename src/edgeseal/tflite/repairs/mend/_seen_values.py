"""Real values around failing operators, seen while a model runs operator by operator."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.graph import Operator, Subgraph, Tensor
from edgeseal.tflite.probe import Prober, cut, dequantize, draw, execute, is_quantized

__all__ = ["Arrays", "Observations", "observe", "operands", "real"]

Arrays = Mapping[Tensor, NDArray[Any]]


@dataclass(slots=True)
class Observations:
    """What was seen.

    Attributes:
        runs: for each run, stored values of the tensors that were asked for.
        ranges: smallest and largest real value over all runs, by tensor.
    """

    runs: list[dict[Tensor, NDArray[Any]]] = field(default_factory=list)
    ranges: dict[Tensor, tuple[float, float]] = field(default_factory=dict)

    def values(self, run: int, tensor: Tensor, generator: np.random.Generator) -> NDArray[Any]:
        """Return a tensor's stored values; drawn from its range where none were seen."""
        known = self.runs[run].get(tensor)
        if known is None:
            known = draw(tensor, generator)
        return np.zeros(tensor.shape, np.float32) if known is None else known


def observe(
    subgraph: Subgraph,
    runs: Sequence[Arrays],
    prober: Prober,
    *,
    kept: Collection[Tensor],
    ranged: Collection[Tensor],
) -> Observations:
    """Run a subgraph operator by operator; failing ones are stood in for.

    Args:
        subgraph: the function.
        runs: values of its inputs, for each run.
        prober: where it runs.
        kept: tensors whose values are kept.
        ranged: tensors whose ranges are kept.
    """
    seen = Observations()
    for inputs in runs:
        values: dict[Tensor, NDArray[Any]] = {}
        for tensor, array in [*inputs.items(), *_results(subgraph, inputs, prober)]:
            if tensor in kept:
                values[tensor] = array
            if tensor in ranged and array.size:
                _widen(seen.ranges, tensor, real(array, tensor))
        seen.runs.append(values)
    return seen


def real(values: NDArray[Any], tensor: Tensor) -> NDArray[Any]:
    """Return real values for stored ones."""
    if tensor.quantization is None or not is_quantized(tensor):
        return values
    return dequantize(values, tensor.quantization)


def _results(
    subgraph: Subgraph, inputs: Arrays, prober: Prober
) -> Iterator[tuple[Tensor, NDArray[Any]]]:
    for step in execute(subgraph, inputs, prober):
        yield from zip(cut([step.operator]).outputs, step.outputs, strict=False)


def _widen(ranges: dict[Tensor, tuple[float, float]], tensor: Tensor, values: NDArray[Any]) -> None:
    finite = values[np.isfinite(values)] if values.dtype.kind in "fiub" else np.empty(0)
    if finite.size:
        low, high = ranges.get(tensor, (np.inf, -np.inf))
        ranges[tensor] = min(low, float(finite.min())), max(high, float(finite.max()))


def operands(operators: Collection[Operator]) -> set[Tensor]:
    """Return every tensor that operators read or write."""
    return {
        tensor
        for operator in operators
        for tensor in [*operator.inputs, *operator.outputs]
        if tensor is not None
    }
