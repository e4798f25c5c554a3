"""What each layer costs when it alone is quantized.

Every layer is screened in one pass: the error that rounding makes in its own result. How much of
that reaches the model's results is the layer's gain, and takes a run of the whole model with only
that layer quantized. One such trial per layer is enough, at the fewest bits: the gain holds for
other precisions too, whose errors follow from the screening. Layers too small to matter for the
size of the file get the median gain of the others. What would by its estimate make up much of the
base recipe's error is measured as well: a recipe's methods do better there than plain rounding.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from edgeseal.tflite.quantization import Activations, Methods, Precision, Recipe, Rule, WeightType
from edgeseal.tflite.tuning._trials import Trials
from edgeseal.tflite.tuning._tuned_layers import CHOICES, Layer

__all__ = ["LayerCost", "alone", "measure_sensitivity"]

_MATTERS = 0.05  # of the error of all layers at the base precision
_FLOAT32 = Precision(WeightType.FLOAT32, Activations.FLOAT)


@dataclass(frozen=True, slots=True)
class LayerCost:
    """A layer at one precision, everything else float.

    Attributes:
        layer: its name.
        kind: of its operator.
        weights: how many it has.
        precision: as ``weights/activations``.
        size_bytes: of its weights then.
        saved_bytes: against float32.
        own_nsr: noise-to-signal ratio of its own result, from the screening.
        nmse_img: of the model's results.
        is_measured: whether ``nmse_img`` was measured, or follows from ``own_nsr``.
        drop_points: of the task's score, in points of a hundred; None if not measured on the task.
        time_ratio: processor time of the model by the float model's; None if not measured.
    """

    layer: str
    kind: str
    weights: int
    precision: str
    size_bytes: int
    saved_bytes: int
    own_nsr: float
    nmse_img: float
    is_measured: bool
    drop_points: float | None = None
    time_ratio: float | None = None


def measure_sensitivity(
    trials: Trials,
    layers: Sequence[Layer],
    base: Recipe,
    *,
    least_share: float = 0.003,
    quick: bool = False,
    every: bool = False,
) -> list[LayerCost]:
    """Return what layers cost at each precision that LiteRT can run, in their order.

    Args:
        trials: where models are measured.
        layers: of the model.
        base: recipe whose methods are used. Layers that it keeps in float are left out.
        least_share: of all weights; smaller layers are estimated.
        quick: measure errors on the first inputs alone, without the task's score.
        every: measure every precision of the larger layers, not the coarsest alone.
    """
    total = sum(layer.weights for layer in layers)
    tunable = [layer for layer in layers if layer.base.activations is Activations.DYNAMIC]
    costs: dict[str, dict[Precision, LayerCost]] = {}
    for layer in tunable:
        is_large = layer.weights >= least_share * total
        choices = [choice for choice in CHOICES if choice.weights.value in layer.own_nsr]
        costs[layer.name] = (
            _measured(trials, layer, choices, base, quick, every) if is_large else {}
        )
    gains = {name: gain for name, found in costs.items() if (gain := _gain(found)) is not None}
    typical = statistics.median(gains.values()) if gains else 1.0
    refused = {choice for choice in CHOICES if _is_refused(choice, tunable, costs)}
    for layer in tunable:
        gain = gains.get(layer.name, typical)
        for choice in CHOICES:
            known = costs[layer.name]
            if choice in known or choice in refused or choice.weights.value not in layer.own_nsr:
                continue
            error = gain * layer.own_nsr[choice.weights.value]
            known[choice] = _cost(layer, choice, error, is_measured=False)
    _measure_what_matters(trials, tunable, costs, base, quick)
    return [
        costs[layer.name][choice]
        for layer in tunable
        for choice in CHOICES
        if choice in costs[layer.name] and costs[layer.name][choice].nmse_img < float("inf")
    ]


def alone(base: Recipe, layer: str, precision: Precision) -> Recipe:
    """Return the recipe that quantizes one layer and leaves all others float32.

    It rounds to the nearest, as the screening does, so that one can be put into proportion with the
    other; what a layer passes on of its error does not depend on how it was rounded.
    """
    everything = Rule(_FLOAT32, optional=True)
    own = base.methods
    methods = Methods(input_terms=own.input_terms, split_diagonals=own.split_diagonals)
    plain = Recipe("alone", "one layer alone", (everything,), methods)
    return plain.with_layers({layer: precision}, name="alone")


def _measure_what_matters(
    trials: Trials,
    layers: Sequence[Layer],
    costs: dict[str, dict[Precision, LayerCost]],
    base: Recipe,
    quick: bool,
) -> None:
    """Measure the layers whose estimates make up most of the error at the base precision."""
    at_base = {
        layer.name: costs[layer.name][layer.base].nmse_img
        for layer in layers
        if layer.base in costs[layer.name]
    }
    finite = [error for error in at_base.values() if error < float("inf")]
    for layer in layers:
        known = costs[layer.name].get(layer.base)
        if known is None or known.is_measured or known.nmse_img < _MATTERS * sum(finite):
            continue
        costs[layer.name] |= _measured(trials, layer, [layer.base], base, quick, every=True)


def _measured(
    trials: Trials,
    layer: Layer,
    choices: Sequence[Precision],
    base: Recipe,
    quick: bool,
    every: bool,
) -> dict[Precision, LayerCost]:
    """Measure a layer at its coarsest precision that runs, or at all of them."""
    found: dict[Precision, LayerCost] = {}
    reference = trials.float_trial
    for choice in choices:
        recipe = alone(base, layer.name, choice)
        trial = trials.measure(recipe, f"{layer.name} as {choice.weights.value}", quick=quick)
        if trial.refusal is not None:
            found[choice] = _cost(layer, choice, float("inf"), is_measured=True)
            continue
        cost = _cost(layer, choice, trial.nmse_img, is_measured=True)
        found[choice] = dataclasses.replace(
            cost,
            drop_points=None if quick else 100 * (reference.score - trial.score),
            time_ratio=trial.processor_ms / reference.processor_ms,
        )
        if not every:
            break
    return found


def _cost(layer: Layer, choice: Precision, error: float, *, is_measured: bool) -> LayerCost:
    size_bytes = layer.size_bytes(choice)
    return LayerCost(
        layer=layer.name,
        kind=layer.kind,
        weights=layer.weights,
        precision=str(choice),
        size_bytes=size_bytes,
        saved_bytes=4 * layer.weights - size_bytes,
        own_nsr=layer.own_nsr[choice.weights.value],
        nmse_img=error,
        is_measured=is_measured,
    )


def _gain(found: dict[Precision, LayerCost]) -> float | None:
    """Return how much of its own error a layer passes on, from its coarsest measurement."""
    usable = [cost for cost in found.values() if cost.nmse_img < float("inf") and cost.own_nsr > 0]
    return usable[0].nmse_img / usable[0].own_nsr if usable else None


def _is_refused(
    choice: Precision,
    layers: Sequence[Layer],
    costs: dict[str, dict[Precision, LayerCost]],
) -> bool:
    """Say whether no measured layer could run with a precision."""
    tried = [costs[layer.name][choice] for layer in layers if choice in costs[layer.name]]
    return bool(tried) and all(cost.nmse_img == float("inf") for cost in tried)
