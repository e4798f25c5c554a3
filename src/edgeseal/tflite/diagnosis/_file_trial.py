"""Tries the file and every operator in it, and says which nodes fail and how."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.diagnosis._finding import Node
from edgeseal.tflite.diagnosis._quantization_findings import changes_scale
from edgeseal.tflite.diagnosis._wrong_results import has_wrong_result
from edgeseal.tflite.graph import Model, Subgraph, Tensor
from edgeseal.tflite.probe import (
    ExecutedStep,
    Prober,
    ValueOrigin,
    called_functions,
    cut_function,
    draw,
    execute,
    numpy_type,
    size_bytes,
)
from edgeseal.tflite.workers import Outcome, Status

__all__ = ["EntryPoint", "Failure", "FileTrial", "Samples", "try_model"]

_NODE = re.compile(r"\s*Node number (\d+) \(([^)]*)\) failed to (?:prepare|invoke)\.?\s*")

Samples = Mapping[str, NDArray[Any]]
"""Arrays by the names of the main subgraph's inputs."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An operator that LiteRT refused, or failed to run.

    Attributes:
        node: the operator.
        outcome: of its trial, or of the file's where only that names the operator.
        message: the kernel's own words, without the node's number.
        inputs: the values it was run on; empty if it was not.
        signature: the entry point's key; empty for the main subgraph.
    """

    node: Node
    outcome: Outcome
    message: str
    inputs: tuple[NDArray[Any], ...] = ()
    signature: str = ""


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """A function that can be called from outside, tried as the runtime does it.

    Attributes:
        subgraph: the function.
        signature: its key; empty for the main subgraph.
        prepared: the outcome of loading and preparing.
        ran: the outcome of running it, or None where that was not tried.
    """

    subgraph: Subgraph
    signature: str
    prepared: Outcome
    ran: Outcome | None

    @property
    def broken(self) -> Outcome | None:
        """What went wrong, if anything did."""
        return next((o for o in (self.prepared, self.ran) if o is not None and o.is_broken), None)

    def is_explained_by(self, failure: Failure) -> bool:
        """Whether a failing operator is why it fails: one that prepares refuses no file."""
        is_its_own = failure.signature == self.signature
        return is_its_own and (self.prepared.is_prepared or not failure.outcome.is_prepared)


@dataclass(slots=True)
class FileTrial:
    """What became of a file and its operators.

    Attributes:
        entry_points: the main subgraph, then the signatures that have one of their own.
        failures: operators that fail, unless the runtime gets around them.
        fallback: operators that prepare outside the accelerated delegate.
        not_a_number: operators that make NaN of numbers.
        wrong: operators whose integers are far from what they should be.
        too_large: operators whose tensors need too much memory for a trial.
        operators: number of operators tried.
    """

    entry_points: list[EntryPoint] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    fallback: list[Node] = field(default_factory=list)
    not_a_number: list[Node] = field(default_factory=list)
    wrong: list[Node] = field(default_factory=list)
    too_large: list[Node] = field(default_factory=list)
    operators: int = 0


def try_model(
    model: Model, path: Path, prober: Prober, *, samples: Sequence[Samples], seed: int
) -> FileTrial:
    """Try a file as a whole and operator by operator.

    Args:
        model: what the file holds.
        path: the file.
        prober: where it is tried.
        samples: runs; an input that a sample lacks is drawn from its range. Empty to prepare only.
        seed: for what is drawn.
    """
    trial = FileTrial()
    for signature, subgraph in _entry_points(model):
        is_main = subgraph is model.main
        runs = samples if is_main else [{}] * min(len(samples), 1)
        _Entry(subgraph, prober, trial, path if is_main else None).run(signature, runs, seed)
    return trial


def _entry_points(model: Model) -> Iterator[tuple[str, Subgraph]]:
    seen = {id(model.main)}
    yield "", model.main
    for signature in model.signatures:
        if id(signature.subgraph) not in seen:
            seen.add(id(signature.subgraph))
            yield signature.key, signature.subgraph


class _Entry:
    """The trial of one entry point."""

    def __init__(
        self, subgraph: Subgraph, prober: Prober, trial: FileTrial, path: Path | None
    ) -> None:
        self._subgraph = subgraph
        self._functions = [subgraph, *called_functions(subgraph.operators)]
        self._prober = prober
        self._readers = {t: r for f in self._functions for t, r in f.consumers().items()}
        self._trial = trial
        # as the runtime loads it; another function than the main one has to be cut out
        self._whole = path or cut_function(subgraph).model
        self._failures: dict[int, Failure] = {}  # by the operator's identity
        self._fallback: dict[int, Node] = {}
        self._not_a_number: dict[int, Node] = {}
        self._wrong: dict[int, Node] = {}
        self._too_large: dict[int, Node] = {}

    def run(self, signature: str, samples: Sequence[Samples], seed: int) -> None:
        """Try it and add what is found to the trial."""
        generator = np.random.default_rng(seed)
        prepared = self._prober.prepare(self._whole)
        ran: Outcome | None = None
        for sample in samples if self._can_run() else ():
            values = _inputs(self._subgraph, sample, generator)
            self._observe(self._subgraph, values, seed)
            if prepared.is_prepared and not (ran and ran.is_broken):
                ran = self._prober.run(self._whole, tuple(values.values()))
        for function in self._functions:
            if function is not self._subgraph or not samples or not self._can_run():
                self._observe(function, None, seed)
        self._settle(signature, prepared, ran)

    def _can_run(self) -> bool:
        """Whether there can be values for its inputs."""
        limit_bytes = self._prober.trial_limit_bytes
        inputs = self._subgraph.inputs
        if any(numpy_type(tensor) is None for tensor in inputs):
            return False
        return sum(map(size_bytes, inputs)) <= limit_bytes

    def _observe(
        self, function: Subgraph, values: Mapping[Tensor, NDArray[Any]] | None, seed: int
    ) -> None:
        for number, step in enumerate(execute(function, values, self._prober, seed=seed)):
            node = Node(step.operator, function, number)
            key = id(step.operator)
            if step.outcome.is_broken:
                message = _NODE.sub("", step.outcome.message)
                self._failures.setdefault(key, Failure(node, step.outcome, message, step.inputs))
            elif step.outcome.status is Status.NOT_TRIED:
                self._too_large.setdefault(key, node)
            elif not step.outcome.delegated:
                self._fallback.setdefault(key, node)
            if _makes_nan(step):
                self._not_a_number.setdefault(key, node)
            if key not in self._wrong and self._is_wrong(step):
                self._wrong[key] = node

    def _is_wrong(self, step: ExecutedStep) -> bool:
        # a change of scale is a finding of its own, in whatever values
        return not changes_scale(step.operator) and has_wrong_result(
            step, self._prober, self._readers
        )

    def _settle(self, signature: str, prepared: Outcome, ran: Outcome | None) -> None:
        """Keep what the whole file confirms: operators may fail alone that run in their place."""
        works = not prepared.is_broken and not (ran and ran.is_broken)
        kept = [f for f in self._failures.values() if not works and _explains(f, prepared)]
        kept = [f for f in kept if not any(_is_inside(other, f) for other in kept)]
        entry = EntryPoint(self._subgraph, signature, prepared, ran)
        kept = [dataclasses.replace(f, signature=signature) for f in kept]
        if entry.broken is not None and not any(map(entry.is_explained_by, kept)):
            named = self._named_by(entry.broken)
            kept += (dataclasses.replace(f, signature=signature) for f in named)
        trial = self._trial
        trial.entry_points.append(entry)
        trial.failures += kept
        trial.fallback += self._fallback.values()
        trial.not_a_number += self._not_a_number.values()
        trial.wrong += self._wrong.values()
        trial.too_large += self._too_large.values()
        trial.operators += sum(len(function.operators) for function in self._functions)

    def _named_by(self, outcome: Outcome) -> Iterator[Failure]:
        """Find the operator that the runtime's message about the whole names."""
        match = _NODE.search(outcome.message)
        if match is None:
            return
        number, kind = int(match[1]), match[2]
        for function in self._functions:
            operators = function.operators
            if number < len(operators) and operators[number].kind == kind:
                node = Node(operators[number], function, number)
                yield Failure(node, outcome, _NODE.sub("", outcome.message))
                return


def _explains(failure: Failure, prepared: Outcome) -> bool:
    """Whether a failing operator can be why its entry point fails.

    Where the whole prepares, one that does not prepare alone is of no account.
    """
    if failure.outcome.status is Status.REFUSED:
        return not prepared.is_prepared
    return bool(failure.inputs) or not prepared.is_prepared


def _is_inside(inner: Failure, outer: Failure) -> bool:
    """Whether one failing operator lies in a function that another one calls."""
    called = outer.node.operator.subgraphs
    return inner is not outer and any(inner.node.subgraph is subgraph for subgraph in called)


def _inputs(
    subgraph: Subgraph, sample: Samples, generator: np.random.Generator
) -> dict[Tensor, NDArray[Any]]:
    values = {}
    for tensor in subgraph.inputs:
        array = sample[tensor.name] if tensor.name in sample else draw(tensor, generator)
        if array is not None:
            values[tensor] = array
    return values


def _makes_nan(step: ExecutedStep) -> bool:
    return (
        step.origin is ValueOrigin.COMPUTED
        and any(map(_has_nan, step.outcome.outputs))
        and not any(map(_has_nan, step.inputs))
    )


def _has_nan(values: NDArray[Any]) -> bool:
    return values.dtype.kind == "f" and bool(np.isnan(values).any())
