"""Operators one by one on a device, on the values that reach them.

Many are asked in one go: copies that share no tensor stand side by side in one model, so that a
compiler cannot fuse them and starts once. What fails in company is tried in halves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from edgeseal.tflite.devices._device import DeviceSession
from edgeseal.tflite.devices._rightness import error_of, is_wrong
from edgeseal.tflite.devices._trial import DeviceAnswer, Sample
from edgeseal.tflite.graph import Model, Operator, Subgraph, Tensor
from edgeseal.tflite.metrics import TensorError, worst
from edgeseal.tflite.probe import Prober, Unpacking, cut, execute
from edgeseal.tflite.workers import Status

__all__ = ["OperatorTrial", "Unit", "try_operators", "units_of"]

_MOST_OPERATORS = 64
_MOST_BYTES = 2**27


@dataclass(frozen=True, slots=True)
class Unit:
    """An operator as a model of its own, with what reaches it and what it gives on the CPU.

    Attributes:
        number: the operator's position in the main subgraph.
        operator: the original.
        graph: the copy, with what unpacks its weights.
        inputs: for each input of ``graph``.
        expected: for each of its outputs.
    """

    number: int
    operator: Operator
    graph: Subgraph
    inputs: Sample
    expected: Sample

    @property
    def size_bytes(self) -> int:
        """Of the values."""
        return sum(values.nbytes for values in (*self.inputs, *self.expected))


@dataclass(frozen=True, slots=True)
class OperatorTrial:
    """What became of one operator on a device.

    Attributes:
        number: the operator's position in the main subgraph.
        operator: the original.
        status: ``RAN`` if the device took it.
        message: in the device's own words, if it did not.
        error: of its worst output against the CPU's; None if it did not run.
        is_wrong: whether that is more than the device's precision explains.
    """

    number: int
    operator: Operator
    status: Status
    message: str = ""
    error: TensorError | None = None
    is_wrong: bool = False


def units_of(
    subgraph: Subgraph, inputs: Mapping[Tensor, NDArray[Any]], prober: Prober
) -> Iterator[Unit]:
    """Run a function on the CPU and give its operators with their values.

    Those that call functions, read nothing computed, or fail on the CPU are left out.
    """
    unpacking = Unpacking(subgraph)
    for number, step in enumerate(execute(subgraph, inputs, prober)):
        operator = step.operator
        if step.outcome.status is not Status.RAN or operator.subgraphs or operator.is_custom:
            continue
        known = dict(zip(map(id, cut([operator]).inputs), step.inputs, strict=True))
        before = unpacking.before(operator)
        piece = cut([*before, operator], outputs=operator.outputs)
        if piece.inputs and all(id(tensor) in known for tensor in piece.inputs):
            given = tuple(known[id(tensor)] for tensor in piece.inputs)
            yield Unit(number, operator, piece.model.main, given, step.outputs)


def try_operators(session: DeviceSession, units: Iterable[Unit]) -> Iterator[OperatorTrial]:
    """Try operators on a device, in the order given.

    Raises:
        ProbeError: the process for the device cannot start.
    """
    for batch in _batches(units):
        yield from _try_batch(session, batch)


def _batches(units: Iterable[Unit]) -> Iterator[list[Unit]]:
    batch: list[Unit] = []
    size_bytes = 0
    for unit in units:
        is_full = len(batch) >= _MOST_OPERATORS or size_bytes + unit.size_bytes > _MOST_BYTES
        if batch and is_full:
            yield batch
            batch, size_bytes = [], 0
        batch.append(unit)
        size_bytes += unit.size_bytes
    if batch:
        yield batch


def _try_batch(session: DeviceSession, batch: list[Unit]) -> Iterator[OperatorTrial]:
    answer = session.ask(_side_by_side(batch), (tuple(v for u in batch for v in u.inputs),))
    if answer.status is Status.RAN:
        yield from _judged(batch, answer)
    elif len(batch) == 1:
        words = "; ".join(map(str, answer.refusals)) or answer.message
        yield OperatorTrial(batch[0].number, batch[0].operator, answer.status, words)
    else:
        for half in _split(batch, answer):
            yield from _try_batch(session, half)


def _split(batch: list[Unit], answer: DeviceAnswer) -> Iterator[list[Unit]]:
    """Part what is named from the rest, or cut in the middle where nothing is."""
    refused = {number for refusal in answer.refusals for number in refusal.numbers}
    position = 0
    taken: list[Unit] = []
    left: list[list[Unit]] = []
    for unit in batch:
        end = position + len(unit.graph.operators)
        if refused.isdisjoint(range(position, end)):
            taken.append(unit)
        else:
            left.append([unit])
        position = end
    if taken and left:
        yield taken
        yield from left
    else:
        middle = len(batch) // 2
        yield batch[:middle]
        yield batch[middle:]


def _side_by_side(batch: Sequence[Unit]) -> Model:
    main = Subgraph("main", [], [], [])
    for number, unit in enumerate(batch):
        graph = cut(unit.graph.operators, outputs=unit.graph.outputs).model.main
        for tensor in {id(t): t for t in graph.tensors()}.values():
            tensor.name = f"o{number}{tensor.name}"
        main.inputs += graph.inputs
        main.outputs += graph.outputs
        main.operators += graph.operators
    return Model([main])


def _judged(batch: Sequence[Unit], answer: DeviceAnswer) -> Iterator[OperatorTrial]:
    (results,) = answer.outputs
    position = 0
    for unit in batch:
        ends = unit.graph.outputs
        got = results[position : position + len(ends)]
        position += len(ends)
        errors = [
            error_of([values], [expected], tensor)
            for values, expected, tensor in zip(got, unit.expected, ends, strict=True)
        ]
        wrong = any(is_wrong(error, tensor) for error, tensor in zip(errors, ends, strict=True))
        yield OperatorTrial(
            unit.number, unit.operator, Status.RAN, error=worst(errors), is_wrong=wrong
        )
