"""What a candidate gives: accuracy against float, size and time, by trial."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.diagnosis import quantized_operand_at_zero
from edgeseal.tflite.graph import Operator, Subgraph, Tensor
from edgeseal.tflite.metrics import nmse
from edgeseal.tflite.probe import (
    Prober,
    cut,
    dequantize,
    float_twin,
    integer_limits,
    is_quantized,
    run_alone,
)
from edgeseal.tflite.repairs.mend._off_zero import CHAIN_LENGTH
from edgeseal.tflite.repairs.mend._seen_values import Observations, operands, real
from edgeseal.tflite.rewrites import Replacement
from edgeseal.tflite.workers import Status

__all__ = ["CandidateMeasurement", "Context", "context_of", "measure"]

_REPEATS = 5
_SEED = 0


@dataclass(frozen=True, slots=True)
class Context:
    """Operators that a candidate is run with: the failing one and those that lead to it.

    Attributes:
        operator: the failing one.
        operators: all of them, in the subgraph's order.
    """

    operator: Operator
    operators: tuple[Operator, ...]

    def boundary(self) -> tuple[Tensor, ...]:
        """Return the tensors that they read from outside."""
        return cut(self.operators, outputs=self.operator.outputs).inputs


@dataclass(frozen=True, slots=True)
class CandidateMeasurement:
    """What a candidate gives.

    Attributes:
        nmse: against the float result; None if it does not run, or that is not known.
        added_bytes: of constants.
        latency_ms: of the context.
        message: why it does not run.
    """

    nmse: float | None
    added_bytes: int
    latency_ms: float
    message: str = ""


def context_of(operator: Operator, subgraph: Subgraph, failing: Iterable[Operator]) -> Context:
    """Choose the operators to run a candidate with.

    A result that was rounded to zero says nothing about what it should have been. Where that is
    what is wrong, the operators that lead there count too, and the float reference starts before
    them.
    """
    found = {operator}
    if quantized_operand_at_zero(operator) is not None:
        blocked, producers = set(failing), subgraph.producers()
        front = {operator}
        for _ in range(CHAIN_LENGTH):
            sources = {producers.get(t) for o in front for t in o.inputs if t is not None}
            front = {o for o in sources if o is not None and o not in blocked and not o.subgraphs}
            found |= front
    return Context(operator, tuple(o for o in subgraph.operators if o in found))


def measure(
    candidate: Replacement, context: Context, seen: Observations, prober: Prober
) -> CandidateMeasurement:
    """Run a candidate on what was seen, and compare it with the float twin of the original."""
    operators = [n for o in context.operators for n in candidate.replaced.get(o, (o,))]
    added_bytes = _constant_bytes(operators) - _constant_bytes(context.operators)
    outputs = context.operator.outputs
    islands = _floats_in_integers(candidate, context)
    piece = cut(operators, outputs=[*outputs, *islands])
    errors, latency_ms = [], 0.0
    for run in range(len(seen.runs)):
        generator = np.random.default_rng(_SEED)
        inputs = tuple(seen.values(run, tensor, generator) for tensor in piece.inputs)
        outcome = run_alone(piece, inputs, prober, repeats=_REPEATS)
        if outcome.status is not Status.RAN:
            return CandidateMeasurement(None, added_bytes, 0.0, outcome.message)
        if not all(np.isfinite(array).all() for array in outcome.outputs[len(outputs) :]):
            return CandidateMeasurement(
                None, added_bytes, 0.0, "it gives values that are not finite"
            )
        expected = _float_results(context, seen, run, prober)
        error = None if expected is None else _worst(outcome.outputs, expected, outputs)
        if error is None:
            return CandidateMeasurement(None, added_bytes, 0.0, "its float result is not known")
        errors.append(error)
        latency_ms += min(outcome.latencies_ms)
    return CandidateMeasurement(float(np.mean(errors)), added_bytes, latency_ms)


def _floats_in_integers(candidate: Replacement, context: Context) -> list[Tensor]:
    """Return the float values that a candidate has where integers were, which are finite."""
    if not all(map(is_quantized, context.operator.outputs)):
        return []
    new = [operator for made in candidate.replaced.values() for operator in made]
    # what was dequantized is finite; from a constant, it cannot be read as an output either
    made = [t for o in new if o.kind != "DEQUANTIZE" for t in o.outputs]
    before = operands(context.operators)
    return [tensor for tensor in made if tensor.dtype == "FLOAT32" and tensor not in before]


def _float_results(
    context: Context, seen: Observations, run: int, prober: Prober
) -> list[NDArray[Any]] | None:
    """Compute the original operators in float; None where LiteRT cannot."""
    generator = np.random.default_rng(_SEED)
    values = {t: real(seen.values(run, t, generator), t) for t in context.boundary()}
    for operator in context.operators:
        piece = cut([operator])
        if operator.kind in ("QUANTIZE", "DEQUANTIZE"):
            values[operator.outputs[0]] = values[piece.inputs[0]]
            continue
        inputs = tuple(values[tensor] for tensor in piece.inputs)
        outcome = run_alone(cut([float_twin(operator)]), inputs, prober)
        if outcome.status is not Status.RAN:
            return None
        values.update(zip(piece.outputs, outcome.outputs, strict=True))
    return [values[tensor] for tensor in context.operator.outputs]


def _worst(
    got: Sequence[NDArray[Any]], expected: Sequence[NDArray[Any]], tensors: Sequence[Tensor]
) -> float | None:
    """Return the NMSE of the worst result, where its float result is finite."""
    errors = []
    for stored, wanted, tensor in zip(got, expected, tensors, strict=False):
        is_finite = np.isfinite(wanted)
        found, within = real(stored, tensor), _in_range(wanted, tensor)
        errors.append(nmse(found[is_finite], within[is_finite]))
    known = [error for error in errors if error is not None]
    return max(known) if known and len(known) == len(errors) else None


def _in_range(values: NDArray[Any], tensor: Tensor) -> NDArray[Any]:
    """Clip real values to what a quantized tensor can hold."""
    limits = integer_limits(tensor)
    if limits is None or tensor.quantization is None or not is_quantized(tensor):
        return values
    low, high = (dequantize(np.full(tensor.shape, limit), tensor.quantization) for limit in limits)
    clipped: NDArray[Any] = np.clip(values, low, high)
    return clipped


def _constant_bytes(operators: Iterable[Operator]) -> int:
    buffers = {t.buffer for t in operands(list(operators)) if t.buffer is not None}
    return sum(buffer.data.size for buffer in buffers)
