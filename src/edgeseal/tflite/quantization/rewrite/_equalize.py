"""Equalization: the channels of what a layer reads get like ranges, and its weights make up for it.

With a scale per tensor (or per token) for activations, one channel of large values costs all others
their precision. y = W x is the same as y = (W D)(x / D) for any positive diagonal D; a good D
moves range from activations to weights, which have a scale per output channel. This is SmoothQuant
(Xiao et al. 2022) where D depends on activations and weights, and cross-layer equalization (Nagel
et al. 2019) where the layer before takes the division over. It is exact in real arithmetic.

D is chosen for each tensor by what quantization is predicted to cost:

- of activations: step^2 / 12 per value, times the energy of the weights that it meets;
- of weights: step^2 / 12 per output channel, times the energy of the activations.

Without statistics only channels count whose weights are out of line by far, as those of a model
whose activations are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.calibration import TensorStatistics
from edgeseal.tflite.graph import Operator, Subgraph, Tensor, float32_constant, new_arithmetic
from edgeseal.tflite.quantization._weighted_layers import WeightedLayer
from edgeseal.tflite.quantization._work import Work
from edgeseal.tflite.quantization.recipe._recipe import Activations, Place, WeightType
from edgeseal.tflite.quantization.rewrite._divide import Division
from edgeseal.tflite.quantization.rewrite._equalize_cost import Cost, Reader

__all__ = ["equalize", "equalize_channels"]

Float = NDArray[np.float32]

_EXPONENTS = (0.25, 0.4, 0.5, 0.6, 0.75, 1.0)  # share of activations' range that moves to weights
# Predictions leave out how errors of layers add up: small gains were losses on the whole, as was
# measured on ConvNeXt, and outliers gain tens to thousands.
_FREE_GAIN = 3.0  # predicted, from which a change that costs no operator is made
_MULTIPLIED_GAIN = 6.0  # ... that costs a multiplication
_OUT_OF_LINE = 4.0  # of a channel's weights, from which they are changed without statistics
_LARGEST = 1e4  # factor
_INTEGER = (WeightType.INT8, WeightType.INT4)


@dataclass(frozen=True, slots=True)
class _Choice:
    """How to equalize a tensor: its divisor, and who takes it over (None: a new operator)."""

    divisor: Float
    division: Division | None


def equalize_channels(work: Work) -> None:
    """Rewrite a float graph to an equal one whose activations are easier to quantize."""
    if not work.recipe.methods.equalize:
        return
    layers = [
        entry.layer
        for entry in work.plan.layers
        if entry.layer is not None and entry.precision is not None
        if entry.precision.weights in _INTEGER and Place.INPUT not in entry.places
    ]
    observed = None
    if work.calibration is not None:
        observed = work.calibration.observe(work.model, _seen_by_integers(work, layers))
    for subgraph in work.model.subgraphs:
        inside = set(subgraph.operators)
        own = [layer for layer in layers if layer.operator in inside]
        equalize(subgraph, own, observed, _reading_floats(work, own))


def _reading_floats(work: Work, layers: Sequence[WeightedLayer]) -> set[Operator]:
    """Return the layers whose weights alone are integers."""
    precisions = {layer.operator: work.plan.precision(layer.operator) for layer in layers}
    return {o for o, p in precisions.items() if p and p.activations is Activations.FLOAT}


def _seen_by_integers(work: Work, layers: Sequence[WeightedLayer]) -> set[Tensor]:
    """Return the layers' inputs, and the results that will be integers."""
    found = {layer.operator.inputs[0] for layer in layers}
    for layer in layers:
        precision = work.plan.precision(layer.operator)
        if precision is not None and precision.is_static:
            found.update(layer.operator.outputs)
    return {tensor for tensor in found if tensor is not None}


def equalize(
    subgraph: Subgraph,
    layers: Sequence[WeightedLayer],
    observed: Mapping[Tensor, TensorStatistics] | None = None,
    reading_floats: Collection[Operator] = (),
) -> int:
    """Equalize what layers read.

    Args:
        subgraph: a float graph.
        layers: those whose inputs or weights will be integers.
        observed: statistics of their inputs; without, only what weights give away is mended.
        reading_floats: those of the layers whose weights alone will be integers.

    Returns:
        The number of tensors that were changed.
    """
    count = 0
    for tensor, readers in _by_input(layers, reading_floats).items():
        if observed is None:
            chosen = _from_weights(subgraph, tensor, readers)
        else:
            chosen = _from_statistics(subgraph, tensor, readers, observed)
        if chosen is None:
            continue
        if chosen.division is None:
            _multiply(subgraph, tensor, chosen.divisor, [reader.operator for reader in readers])
        else:
            chosen.division.apply()
        for reader in readers:
            reader.absorb(chosen.divisor)
        count += 1
    return count


def _by_input(
    layers: Iterable[WeightedLayer], reading_floats: Collection[Operator]
) -> dict[Tensor, list[Reader]]:
    found: dict[Tensor, list[Reader]] = {}
    for layer in layers:
        source = layer.operator.inputs[0]
        axis = 3 if layer.operator.kind == "DEPTHWISE_CONV_2D" else layer.weights.rank - 1
        if source is None or not source.shape or source.shape[-1] != layer.weights.shape[axis]:
            continue  # flattened, grouped, or with several outputs per channel
        if layer.operator.kind in ("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D"):
            found.setdefault(source, []).append(
                Reader(layer.operator, axis, layer.operator not in reading_floats)
            )
    return found


def _from_weights(subgraph: Subgraph, tensor: Tensor, readers: Sequence[Reader]) -> _Choice | None:
    """Choose without statistics: only what is far out of line, and only if it costs nothing."""
    weights = np.max([np.abs(reader.rows()).max(axis=(0, 1)) for reader in readers], axis=0)
    if not (weights > 0).any():
        return None
    typical = float(np.median(weights[weights > 0]))
    ratio = typical / np.maximum(weights, typical / _LARGEST)
    is_odd = (ratio > _OUT_OF_LINE) | (ratio < 1 / _OUT_OF_LINE)
    divisor = np.where(is_odd, ratio, 1).astype(np.float32)
    division = Division(subgraph)
    operators = [reader.operator for reader in readers]
    if not is_odd.any() or not division.plan(tensor, divisor, operators):
        return None
    return _Choice(divisor, division)


def _from_statistics(
    subgraph: Subgraph,
    tensor: Tensor,
    readers: Sequence[Reader],
    observed: Mapping[Tensor, TensorStatistics],
) -> _Choice | None:
    """Choose what is predicted to cost least, if that is enough less than now."""
    seen = observed.get(tensor)
    if seen is None or seen.channel_low is None or seen.channel_high is None:
        return None
    cost = Cost(readers, seen)
    operators = [reader.operator for reader in readers]
    unplanned = Division(subgraph)
    best: _Choice | None = None
    best_gain = 0.0
    for share in _EXPONENTS:
        divisor = _normalized(cost.reach**share / cost.weights ** (1 - share), cost.is_used)
        division: Division | None = unplanned.fresh()
        assert division is not None
        if division.plan(tensor, divisor, operators):
            results = {t: d for t, d in division.layer_results().items() if t in observed}
            now = cost.error() + sum(cost.result_error(observed[t]) for t in results)
            then = cost.error(divisor)
            then += sum(cost.result_error(observed[t], d) for t, d in results.items())
            needed = _FREE_GAIN
        else:
            division, needed = None, _MULTIPLIED_GAIN
            now, then = cost.error(), cost.error(divisor)
        gain = now / max(then, 1e-30)
        if gain >= needed and gain > best_gain:
            best, best_gain = _Choice(divisor, division), gain
    return best


def _normalized(divisor: Float, is_used: NDArray[np.bool_]) -> Float:
    """Return divisors around 1, within bounds; 1 for channels that are always 0.

    There is no range to gain from those, and their weights would grow without bounds.
    """
    if not is_used.any():
        return np.ones_like(divisor)
    middle = np.exp(np.log(divisor[is_used]).mean())
    normalized: Float = np.clip(divisor / middle, 1 / _LARGEST, _LARGEST).astype(np.float32)
    normalized[~is_used] = 1
    return normalized


def _multiply(
    subgraph: Subgraph, tensor: Tensor, divisor: Float, readers: Sequence[Operator]
) -> None:
    """Divide what readers see of a tensor by an operator of its own."""
    factor = float32_constant(f"{tensor.name}/factor", np.float32(1) / divisor)
    result = Tensor(f"{tensor.name}/equalized", tensor.shape, "FLOAT32")
    product = new_arithmetic("MUL", tensor, factor, result)
    subgraph.insert_before(readers[0], product)
    subgraph.replace_uses(tensor, result, by=readers)
