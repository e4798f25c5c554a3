"""Mends the operators that a check found failing."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from edgeseal.tflite.diagnosis import Finding, Node
from edgeseal.tflite.graph import Model, Operator, Subgraph, Tensor
from edgeseal.tflite.probe import Prober, cut, draw
from edgeseal.tflite.repairs._unmended import Unmended
from edgeseal.tflite.repairs._whole_runs import Run
from edgeseal.tflite.repairs.mend._choose_candidate import (
    Choice,
    Preference,
    Trials,
    candidates,
    choose,
)
from edgeseal.tflite.repairs.mend._measure_candidate import (
    CandidateMeasurement,
    Context,
    context_of,
    measure,
)
from edgeseal.tflite.repairs.mend._seen_values import Arrays, Observations, observe, operands
from edgeseal.tflite.rewrites import ModelChange, Replacement, Site

__all__ = ["Mending", "mend"]

_MEASURED_NODES = 8  # of a group; the others get what proves best on these
_UNKNOWN = ("ES005", "ES006")  # operators that the runtime does not have

_Done = tuple[str, str]  # a rewrite's name and what it did, in words; both empty if nothing


@dataclass(slots=True)
class Mending:
    """What became of the failing operators.

    Attributes:
        changes: what was done.
        unmended: what could not be done.
    """

    changes: list[ModelChange]
    unmended: list[Unmended]


def mend(
    model: Model,
    failures: Sequence[tuple[Finding, Node]],
    runs: Sequence[Run],
    prober: Prober,
    *,
    prefer: Preference = Preference.ACCURACY,
    goes_on: Callable[[str], bool] = lambda what: True,
) -> Mending:
    """Mend failing operators in place, as far as a candidate works.

    Args:
        model: holds the operators.
        failures: operators that fail, each with the finding that says so.
        runs: to see real values; drawn inputs for other functions than the main one.
        prober: where candidates are tried.
        prefer: what decides between candidates that work.
        goes_on: told what is tried next; says whether there is time for it.
    """
    mending = Mending([], [])
    for subgraph in model.subgraphs:
        here = [(finding, node) for finding, node in failures if node.subgraph is subgraph]
        if here:
            given = [dict(zip(subgraph.inputs, run, strict=True)) for run in runs]
            own_runs = given if subgraph is model.main else [_drawn(subgraph)]
            _Workshop(subgraph, here, own_runs, prober, prefer).mend(mending, goes_on)
    return mending


def _drawn(subgraph: Subgraph) -> Arrays:
    generator = np.random.default_rng(0)
    drawn = {tensor: draw(tensor, generator) for tensor in subgraph.inputs}
    return {tensor: values for tensor, values in drawn.items() if values is not None}


class _Workshop:
    """The failing operators of one subgraph."""

    def __init__(
        self,
        subgraph: Subgraph,
        failing: Sequence[tuple[Finding, Node]],
        runs: Sequence[Arrays],
        prober: Prober,
        prefer: Preference,
    ) -> None:
        self._subgraph = subgraph
        self._prober = prober
        self._prefer = prefer
        self._groups = _grouped(failing)
        operators = [node.operator for _, node in failing]
        measured = [node.operator for _, nodes in self._groups for node in nodes[:_MEASURED_NODES]]
        self._contexts = {o: context_of(o, subgraph, operators) for o in measured}
        self._seen = self._observe(operators, runs)
        self._gone: set[Operator] = set()

    def mend(self, mending: Mending, goes_on: Callable[[str], bool]) -> None:
        """Choose and apply a candidate for each group."""
        for finding, nodes in self._groups:
            operators = [node.operator for node in nodes if node.operator not in self._gone]
            if finding.code in _UNKNOWN or not operators:
                choice = Choice()
            elif not goes_on(f"mending {len(operators)} {operators[0].kind}, {finding.code}"):
                choice = Choice(refusals={"anything": "the time was up"})
            else:
                measured = [self._site(o) for o in operators if o in self._contexts]
                choice = choose(measured, self._trials, self._prefer)
            mended: defaultdict[_Done, list[Operator]] = defaultdict(list)
            for operator in operators:
                mended[self._apply_best(operator, choice)].append(operator)
            _record(mending, finding, mended, choice)

    def _observe(self, operators: Sequence[Operator], runs: Sequence[Arrays]) -> Observations:
        kept = {tensor for context in self._contexts.values() for tensor in context.boundary()}
        ranged = operands(operators)
        return observe(self._subgraph, runs, self._prober, kept=kept, ranged=ranged)

    def _site(self, operator: Operator) -> Site:
        return Site(operator, self._subgraph, self._seen.ranges)

    def _trials(self, site: Site) -> Trials:
        context: Context = self._contexts[site.operator]

        def trial(candidate: Replacement) -> CandidateMeasurement:
            return measure(candidate, context, self._seen, self._prober)

        return trial

    def _apply_best(self, operator: Operator, choice: Choice) -> _Done:
        """Apply the first choice that fits here, and say which."""
        found = {made.text: (rewrite, made) for rewrite, made in candidates(self._site(operator))}
        for text in choice.texts:
            if text not in found or self._gone & set(found[text][1].replaced):
                continue
            rewrite, candidate = found[text]
            new = [operator for made in candidate.replaced.values() for operator in made]
            if self._prober.prepare(cut(new).model).is_prepared:
                candidate.apply(self._subgraph)
                self._gone |= set(candidate.replaced)
                return rewrite.name, text
        return "", ""


Groups = list[tuple[Finding, list[Node]]]


def _grouped(failing: Sequence[tuple[Finding, Node]]) -> Groups:
    """Put operators together that fail alike: same kind, same types."""
    groups: dict[object, tuple[Finding, list[Node]]] = {}
    for finding, node in failing:
        operator = node.operator
        types = [_type(tensor) for tensor in [*operator.inputs, *operator.outputs]]
        key = finding.code, finding.message, operator.kind, tuple(types)
        groups.setdefault(key, (finding, []))[1].append(node)
    return list(groups.values())


def _type(tensor: Tensor | None) -> object:
    if tensor is None:
        return None
    scales = 0 if tensor.quantization is None else tensor.quantization.scale.size
    return tensor.dtype, tensor.is_constant, min(scales, 2)


def _record(
    mending: Mending, finding: Finding, mended: dict[_Done, list[Operator]], choice: Choice
) -> None:
    for (rewrite, text), operators in mended.items():
        change = ModelChange.of(operators, text, finding.code)
        if rewrite:
            mending.changes.append(dataclasses.replace(change, rewrite=rewrite))
        else:
            why = f"{change.text.strip()}: {_reason(finding, choice)}"
            mending.unmended.append(Unmended(finding.code, why, change.names))


def _reason(finding: Finding, choice: Choice) -> str:
    if not choice.refusals:
        return f"no repair is known. {finding.kind.remedy}"
    tried = "; ".join(f"{text}: {' '.join(why.split())}" for text, why in choice.refusals.items())
    return f"nothing that was tried works ({tried})"
