"""What quantization really did, read from the graph that came out of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

from edgeseal.errors import ModelError
from edgeseal.tflite.graph import Arithmetic, Model, Operator, Tensor, count_macs
from edgeseal.tflite.quantization._work import Work
from edgeseal.tflite.quantization.recipe._layer_plan import PlannedOperator
from edgeseal.tflite.quantization.recipe._recipe import Activations

__all__ = ["LayerResult", "QuantizationReport", "Share", "check_result", "report"]

_ORDER = ("INT4", "INT8", "FLOAT16", "FLOAT32")


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a whole.

    Attributes:
        name: what it is a part by: a tensor type, or ``float``.
        share: 0..1.
    """

    name: str
    share: float


@dataclass(frozen=True, slots=True)
class LayerResult:
    """What became of a layer.

    Attributes:
        name: as the plan has it.
        kind: of the operator.
        weights: type in the file, such as ``INT8``.
        activations: what its kernel computes with.
        weight_bytes: of the weights in the file.
        macs: multiply-accumulates of one run.
    """

    name: str
    kind: str
    weights: str
    activations: str
    weight_bytes: int
    macs: int


@dataclass(frozen=True, slots=True)
class QuantizationReport:
    """How much of a model is quantized.

    Attributes:
        recipe: its name.
        layers: those with weights, in execution order.
        weights: shares of the layers' weights by their type in the file.
        macs: shares of all multiply-accumulates by the type of the weights that an integer
            kernel takes; ``float`` where it computes in float.
        notes: what else the user should know, one sentence each.
    """

    recipe: str
    layers: tuple[LayerResult, ...]
    weights: tuple[Share, ...]
    macs: tuple[Share, ...]
    notes: tuple[str, ...] = ()


def check_result(work: Work) -> None:
    """Make sure that every layer got what the plan says.

    Raises:
        ModelError: listing the layers that did not.
    """
    widened = _sources(work.model)
    noted = " ".join(work.notes)
    problems = []
    for entry in work.plan.layers:
        result = _layer_result(entry, widened)
        expected = entry.precision
        if expected is None or f"{entry.name} stays float32" in noted:
            continue
        got = (result.weights.lower(), result.activations)
        if got != (expected.weights.value, expected.activations.value):
            problems.append(
                f"{entry.name!r} ({result.kind}): expected weights/activations {expected}, got "
                f"{'/'.join(got)}"
            )
    if problems:
        raise ModelError(
            "\n  ".join([f"recipe {work.recipe.name!r} could not be carried out:", *problems])
        )


def report(work: Work) -> QuantizationReport:
    """Say how much of the model is quantized now."""
    widened = _sources(work.model)
    order = {operator: place for place, operator in enumerate(work.model.operators())}
    entries = sorted(work.plan.layers, key=lambda entry: order[entry.operator])
    layers = tuple(_layer_result(entry, widened) for entry in entries)
    stored: Counter[str] = Counter()
    for entry, layer in zip(entries, layers, strict=True):
        if entry.layer is not None:
            stored[layer.weights] += prod(entry.layer.weights.shape)
    macs: Counter[str] = Counter()
    for operator in work.model.operators():
        counted = count_macs(operator)
        if counted is not None:
            is_float = counted.arithmetic is Arithmetic.FLOAT
            macs["float" if is_float else _multiplier(operator)] += counted.count
    return QuantizationReport(
        work.recipe.name, layers, _shares(stored), _shares(macs), tuple(work.notes)
    )


def _layer_result(entry: PlannedOperator, widened: dict[Tensor, Tensor]) -> LayerResult:
    if entry.layer is None:
        raise TypeError(f"{entry.name} has no weights")
    used = entry.layer.weights
    stored = widened.get(used, used)
    counted = count_macs(entry.operator)
    return LayerResult(
        entry.name,
        entry.operator.kind,
        stored.dtype,
        _activations(entry, used).value,
        stored.size_bytes,
        0 if counted is None else counted.count,
    )


def _activations(entry: PlannedOperator, used: Tensor) -> Activations:
    value = entry.operator.inputs[_value_position(entry)]
    dtype = "FLOAT32" if value is None else value.dtype
    if dtype == "INT16":
        return Activations.INT16
    if dtype in ("INT8", "UINT8"):
        return Activations.INT8
    is_integer = used.dtype in ("INT8", "INT4")
    return Activations.DYNAMIC if is_integer else Activations.FLOAT


def _value_position(entry: PlannedOperator) -> int:
    """Return where an operator takes what it multiplies with its weights."""
    if entry.operator.kind in ("TRANSPOSE_CONV", "CONV_3D_TRANSPOSE"):
        return 2
    is_left = entry.layer is not None and entry.layer.position == 0
    return 1 if is_left else 0


def _multiplier(operator: Operator) -> str:
    """Return the type of an operator's second factor, which holds the weights."""
    weights = operator.inputs[1]
    return "float" if weights is None else weights.dtype


def _sources(model: Model) -> dict[Tensor, Tensor]:
    """Return the constant that each DEQUANTIZE widens, by its result."""
    return {
        operator.outputs[0]: operator.inputs[0]
        for operator in model.operators()
        if operator.kind == "DEQUANTIZE" and operator.inputs[0] is not None
        if operator.inputs[0].is_constant
    }


def _shares(counts: Counter[str]) -> tuple[Share, ...]:
    total = sum(counts.values())
    names: Iterable[str] = sorted(counts, key=lambda name: (name not in _ORDER, name))
    return tuple(Share(name, counts[name] / total) for name in names if counts[name])
