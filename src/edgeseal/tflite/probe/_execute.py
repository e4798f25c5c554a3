"""Runs a subgraph operator by operator, each as a model of its own.

So every operator is tried on the values that it would really see, even behind operators that
fail: there, the float twin stands in.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.graph import Operator, Subgraph, Tensor
from edgeseal.tflite.probe._cut import Cutout, cut
from edgeseal.tflite.probe._prober import Prober
from edgeseal.tflite.probe._twin import float_twin
from edgeseal.tflite.probe._unpacking import Unpacking
from edgeseal.tflite.probe._values import (
    dequantize,
    draw,
    is_quantized,
    numpy_type,
    quantize,
    size_bytes,
)
from edgeseal.tflite.workers import Outcome, Status

__all__ = ["ExecutedStep", "ValueOrigin", "execute", "run_alone", "run_twin"]

_STATEFUL_TYPES = ("RESOURCE", "VARIANT")

Values = dict[int, NDArray[Any]]  # by the tensor's identity


class ValueOrigin(enum.Enum):
    """Where an operator's inputs come from."""

    COMPUTED = "computed"  # by the operators before it
    STAND_IN = "stand-in"  # an operator before it failed; its float twin gave the values
    DRAWN = "drawn"  # an operator before it failed without a twin; values from the tensor's range
    NONE = "none"  # not run: it needs the state of other operators, or is too large


@dataclass(frozen=True, slots=True)
class ExecutedStep:
    """One operator, tried.

    Attributes:
        operator: the operator.
        outcome: of the trial; its outputs are those of ``operator.outputs``.
        inputs: the values it was run on, in the order of ``cut([operator]).inputs``.
        origin: where they come from; the least trustworthy of them.
        outputs: what the operators behind it see, in the order of ``cut([operator]).outputs``: its
            own results or, where it failed, those of its float twin; empty where there are none.
    """

    operator: Operator
    outcome: Outcome
    inputs: tuple[NDArray[Any], ...]
    origin: ValueOrigin
    outputs: tuple[NDArray[Any], ...] = ()


def execute(
    subgraph: Subgraph,
    inputs: Mapping[Tensor, NDArray[Any]] | None,
    prober: Prober,
    *,
    seed: int = 0,
    repeats: int = 0,
) -> Iterator[ExecutedStep]:
    """Try every operator of a subgraph in order.

    Args:
        subgraph: the function; its operators may be broken.
        inputs: values of its inputs; None to prepare the operators without running them.
        prober: where they are tried.
        seed: for values that have to be drawn.
        repeats: timed runs after the first.

    Yields:
        A step for each operator, in order.
    """
    return _Execution(subgraph, inputs, prober, seed, repeats).steps()


def run_alone(
    piece: Cutout, inputs: tuple[NDArray[Any], ...], prober: Prober, *, repeats: int = 0
) -> Outcome:
    """Run operators that were cut out of a model.

    Args:
        piece: the operators.
        inputs: an array for each of ``piece.inputs``.
        prober: where they are run.
        repeats: timed runs after the first.
    """
    outcome = prober.run(piece.model, inputs, repeats=repeats)
    if outcome.status is Status.FAILED and outcome.delegated:
        # the delegate cannot set up some operators alone that it takes in company
        without = prober.run(piece.model, inputs, with_delegate=False, repeats=repeats)
        return outcome if without.is_broken else without
    return outcome


class _Execution:
    def __init__(
        self,
        subgraph: Subgraph,
        inputs: Mapping[Tensor, NDArray[Any]] | None,
        prober: Prober,
        seed: int,
        repeats: int,
    ) -> None:
        self._subgraph = subgraph
        self._prober = prober
        self._repeats = repeats
        self._generator = np.random.default_rng(seed)
        self._is_run = inputs is not None
        self._values: Values = {id(tensor): array for tensor, array in (inputs or {}).items()}
        self._origins: dict[int, ValueOrigin] = {}
        self._unpacking = Unpacking(subgraph)
        self._last_use = {
            id(tensor): position
            for position, operator in enumerate(subgraph.operators)
            for tensor in operator.inputs
            if tensor is not None
        }

    def steps(self) -> Iterator[ExecutedStep]:
        for position, operator in enumerate(self._subgraph.operators):
            yield self._step(operator)
            for tensor in [*operator.inputs, *operator.outputs]:
                if tensor is not None and self._last_use.get(id(tensor), -1) <= position:
                    self._values.pop(id(tensor), None)

    def _step(self, operator: Operator) -> ExecutedStep:
        total_bytes = _size_bytes(operator)
        if total_bytes > self._prober.trial_limit_bytes:
            message = f"its tensors take {total_bytes / 2**30:.1f} GiB"
            return ExecutedStep(operator, Outcome(Status.NOT_TRIED, message), (), ValueOrigin.NONE)
        piece = cut([operator])
        inputs = self._inputs(operator, piece) if self._is_run else None
        if inputs is None:
            return ExecutedStep(operator, self._prepare(operator, piece), (), ValueOrigin.NONE)
        origin = self._origin(piece)
        outcome = self._run(operator, piece, inputs)
        outputs = outcome.outputs if outcome.status is Status.RAN else None
        self._keep(piece, outputs, origin)
        if outputs is None:
            outputs = run_twin(operator, inputs, self._prober)
            self._keep(piece, outputs, ValueOrigin.STAND_IN)
        return ExecutedStep(operator, outcome, inputs, origin, outputs or ())

    def _prepare(self, operator: Operator, piece: Cutout) -> Outcome:
        whole = self._with_weights(operator)
        if whole is not None:
            outcome = self._prober.prepare(whole.model)
            if not outcome.is_broken:
                return outcome
        return self._prober.prepare(piece.model)

    def _run(self, operator: Operator, piece: Cutout, inputs: tuple[NDArray[Any], ...]) -> Outcome:
        whole = self._with_weights(operator)
        if whole is not None:
            known = {id(t): array for t, array in zip(piece.inputs, inputs, strict=True)}
            given = tuple(known[id(tensor)] for tensor in whole.inputs)
            outcome = run_alone(whole, given, self._prober, repeats=self._repeats)
            if not outcome.is_broken:
                return outcome
        return run_alone(piece, inputs, self._prober, repeats=self._repeats)

    def _with_weights(self, operator: Operator) -> Cutout | None:
        """Return the operator with what unpacks its weights, if anything does.

        Only so do kernels and the delegate see that the weights are constant. What fails so is
        tried alone: the fault may be the unpacking operator's.
        """
        before = self._unpacking.before(operator)
        return cut([*before, operator], outputs=operator.outputs) if before else None

    def _inputs(self, operator: Operator, piece: Cutout) -> tuple[NDArray[Any], ...] | None:
        if any(tensor.dtype in _STATEFUL_TYPES for tensor in operator.outputs):
            return None
        found = []
        for tensor in piece.inputs:
            if id(tensor) not in self._values:  # an operator before it failed without a stand-in
                drawn = draw(tensor, self._generator)
                if drawn is None:
                    return None
                self._values[id(tensor)] = drawn
                self._origins[id(tensor)] = ValueOrigin.DRAWN
            found.append(self._values[id(tensor)])
        return tuple(found)

    def _origin(self, piece: Cutout) -> ValueOrigin:
        order = list(ValueOrigin)
        found = [self._origins.get(id(tensor), ValueOrigin.COMPUTED) for tensor in piece.inputs]
        return max(found, key=order.index, default=ValueOrigin.COMPUTED)

    def _keep(
        self, piece: Cutout, outputs: tuple[NDArray[Any], ...] | None, origin: ValueOrigin
    ) -> None:
        for tensor, values in zip(piece.outputs, outputs or (), strict=False):
            self._values[id(tensor)] = values
            self._origins[id(tensor)] = origin


def run_twin(
    operator: Operator, inputs: tuple[NDArray[Any], ...], prober: Prober
) -> tuple[NDArray[Any], ...] | None:
    """Run an operator's float twin on the operator's own inputs.

    Args:
        operator: it may be broken.
        inputs: an array for each of ``cut([operator]).inputs``, in its type.
        prober: where it is run.

    Returns:
        What the twin gives, in the types of the operator's outputs; None if it cannot run.
    """
    floating = float_twin(operator)
    if _size_bytes(floating) > prober.trial_limit_bytes:  # up to four times the integers
        return None
    piece = cut([operator])
    floats = tuple(
        _as_float(values, tensor) for values, tensor in zip(inputs, piece.inputs, strict=True)
    )
    outcome = prober.run(cut([floating]).model, floats)
    if outcome.status is not Status.RAN:
        return None
    return tuple(
        quantize(values, tensor) if values.dtype != numpy_type(tensor) else values
        for values, tensor in zip(outcome.outputs, piece.outputs, strict=True)
    )


def _size_bytes(operator: Operator) -> int:
    tensors = {id(t): t for t in [*operator.inputs, *operator.outputs] if t is not None}
    return sum(map(size_bytes, tensors.values()))


def _as_float(values: NDArray[Any], tensor: Tensor) -> NDArray[Any]:
    if tensor.quantization is None or not is_quantized(tensor):
        return values
    return dequantize(values, tensor.quantization)
