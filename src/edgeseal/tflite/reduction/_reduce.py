"""Cuts the smallest sub-model that still shows a symptom out of a model."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgeseal._leftovers import scratch_folder
from edgeseal.errors import ModelError, NothingToReduceError, UsageError
from edgeseal.tflite.diagnosis import Finding, Node, Samples, check
from edgeseal.tflite.graph import Model, Operator, Subgraph, Tensor, read_model
from edgeseal.tflite.probe import Prober, called_functions, cut, draw, execute
from edgeseal.tflite.reduction._candidate_search import Search
from edgeseal.tflite.reduction._chosen_finding import NodePlace, choose, starts
from edgeseal.tflite.reduction._cut_candidate import Values, Workshop
from edgeseal.tflite.reduction._cut_source import (
    CutSource,
    PairSource,
    ReductionSource,
    ValuesOf,
    run_values,
)
from edgeseal.tflite.reduction._delta_debugging import minimize
from edgeseal.tflite.reduction._difference import AgainstSymptom, FallbackSymptom
from edgeseal.tflite.reduction._reduction import Reduction, Script
from edgeseal.tflite.reduction._shrink_candidate import (
    blank_weights,
    drop_outputs,
    settle_inputs,
    weight_bytes,
)
from edgeseal.tflite.reduction._shrink_sizes import shrink_sizes
from edgeseal.tflite.reduction._symptom import CommandSymptom, FindingSymptom, Symptom

__all__ = ["ReduceSettings", "reduce_command", "reduce_difference", "reduce_finding"]

Mode = tuple[Symptom, ReductionSource]
"""What to look for, and how to make candidates that may show it."""


@dataclass(frozen=True, slots=True)
class ReduceSettings:
    """How far a reduction goes.

    Attributes:
        timeout_s: longest time for one trial.
        memory_limit_bytes: for the process that tries; None for half of the machine's.
        max_trials: after so many, the smallest candidate so far is the result.
        keep_weights: leave weights as they are instead of blanking them.
        on_progress: is told what was tried.
    """

    timeout_s: float = 60.0
    memory_limit_bytes: int | None = None
    max_trials: int = 1000
    keep_weights: bool = False
    on_progress: Callable[[str], None] = lambda _: None


_DEFAULTS = ReduceSettings()


def reduce_finding(
    path: str | Path,
    *,
    code: str | None = None,
    place: NodePlace | None = None,
    samples: Sequence[Samples] = ({},),
    settings: ReduceSettings = _DEFAULTS,
) -> Reduction:
    """Cut out what shows a finding of :func:`edgeseal.tflite.diagnosis.check`.

    Args:
        path: a ``.tflite`` file.
        code: such as ``ES010``; default: the worst finding of level error.
        place: one of the finding's nodes; default: the first.
        samples: what the check runs, as for :func:`edgeseal.tflite.diagnosis.check_file`.
        settings: limits and what to keep.

    Raises:
        NothingToReduceError: there is no such finding, or it vanishes when operators are cut out.
        UsageError: there is no such node.
        FileError, ModelError, ProbeError: the file cannot be read or tried.
    """
    with _job(Path(path), settings) as job:
        settings.on_progress(f"checking {job.path.name}")
        report = check(job.model, job.path, job.prober, samples=samples)
        finding, node = choose(report, job.model, code, place)
        operators = job.first(starts(job.model, node), _modes(job, finding, node, samples))
        if not operators:
            raise NothingToReduceError(
                f"{path}: {finding.code} is about the file as it is: it vanishes when operators "
                "are cut out; report it with the whole file"
            )
        job.minimize(operators)
        return job.result(f"{finding.code}: {finding.kind.title}", _script_of_finding(job))


def reduce_difference(
    path: str | Path,
    *,
    tolerance: float,
    against: str | Path | None = None,
    sample: Samples | None = None,
    settings: ReduceSettings = _DEFAULTS,
) -> Reduction:
    """Cut out what gives other values than it should.

    Args:
        path: a ``.tflite`` file.
        tolerance: largest difference that is still fine, as a share of the output's largest value.
        against: another form of the same model, such as the float one, whose tensors have the
            same names; None to compare the accelerated delegate with the fallback kernels.
        sample: arrays by the names of the main inputs of the file that is the reference; what it
            lacks is drawn.
        settings: limits and what to keep.

    Raises:
        NothingToReduceError: the outputs agree, or one of both does not run.
        FileError, ModelError, ProbeError: a file cannot be read or tried.
    """
    with _job(Path(path), settings) as job:
        reference = job.model if against is None else read_model(against)
        values = run_values(
            reference.main,
            _main_inputs(reference, sample or {}),
            job.prober,
            with_delegate=against is not None,
        )
        mode: Mode = FallbackSymptom(tolerance), CutSource(job.workshop, values)
        other, script = "the fallback kernels", Script.FALLBACK
        if against is not None:
            mode = AgainstSymptom(tolerance), _pair_source(job, reference, Path(against), values)
            other, script = f"the same part of {Path(against).name}", Script.AGAINST
        operators = job.first([job.model.main.operators], [mode])
        if not operators:
            raise NothingToReduceError(
                f"{path}: its outputs are within {tolerance:g} of those of {other}, or one of "
                "both does not run; `edgeseal check` says whether they run"
            )
        job.minimize(operators)
        return job.result(f"outputs differ from {other}", script)


def reduce_command(
    path: str | Path, arguments: Sequence[str], *, settings: ReduceSettings = _DEFAULTS
) -> Reduction:
    """Cut out what a command fails on as it does on the whole file.

    That is: with the same exit status, and the same last line on stderr apart from numbers.

    Args:
        path: a ``.tflite`` file.
        arguments: the command; ``{}`` in them stands for a candidate's path. No shell sees it.
        settings: limits and what to keep.

    Raises:
        NothingToReduceError: it exits with 0 on the whole file, or never fails on a part.
        UsageError: it has no ``{}``, or cannot be started.
        FileError, ModelError: the file cannot be read.
    """
    with _job(Path(path), settings) as job:
        settings.on_progress(f"running the command on {job.path.name}")
        symptom = CommandSymptom.of(arguments, job.path, settings.timeout_s)
        mode: Mode = symptom, CutSource(job.workshop, lambda _: {})
        operators = job.first([job.model.main.operators], [mode])
        if not operators:
            raise NothingToReduceError(
                f"{path}: the command does not fail on the same operators written to another "
                "file; it depends on the file's signatures, metadata or layout"
            )
        job.minimize(operators)
        return job.result(f"`{shlex.join(arguments)}` fails", Script.COMMAND, tuple(arguments))


class _Job:
    """One reduction."""

    def __init__(
        self, path: Path, settings: ReduceSettings, prober: Prober, workshop: Workshop
    ) -> None:
        self.path = path
        self.model = read_model(path)
        self.prober = prober
        self.workshop = workshop
        self._settings = settings
        self._search: Search | None = None
        self._mode: Mode | None = None

    @property
    def search(self) -> Search:
        """The search, once a start shows the symptom."""
        if self._search is None:
            raise LookupError("no start shows the symptom")
        return self._search

    def first(
        self, candidates: Iterable[Sequence[Operator]], modes: Sequence[Mode]
    ) -> Sequence[Operator]:
        """Return the first operators that show the symptom in one of the modes, or none."""
        for operators in candidates:
            for symptom, source in modes:
                search = Search(
                    self.workshop,
                    symptom,
                    self.prober,
                    max_trials=self._settings.max_trials,
                    on_progress=self._settings.on_progress,
                )
                if operators and search.shows(source.candidate(operators), _count(operators)):
                    self._search, self._mode = search, (symptom, source)
                    return operators
        return ()

    def minimize(self, operators: Sequence[Operator]) -> None:
        """Drop operators; then go on in a function that one calls, while that shows it too."""
        source = self._mode[1] if self._mode else None

        def shows(part: Sequence[Operator]) -> bool:
            candidate = None if source is None else source.candidate(part)
            return self.search.shows(candidate, _count(part))

        entered: set[Subgraph] = set()  # a function may call itself
        left: Sequence[Operator] | None = operators
        while left is not None:
            functions = called_functions(minimize(left, shows))
            inner = (f for f in functions if f.operators and f not in entered)
            function = next((f for f in inner if shows(f.operators)), None)
            left = None if function is None else function.operators
            if function is not None:
                entered.add(function)

    def result(self, title: str, script: Script, command: tuple[str, ...] = ()) -> Reduction:
        """Make what is left as small as it gets, and confirm it in a fresh process."""
        kept_bytes = self._polish()
        self._confirm()
        search, best = self.search, self.search.best
        model = read_model(best.path)
        needs_inputs = search.symptom.needs_inputs
        return Reduction(
            source=self.path,
            content=best.path.read_bytes(),
            model=model,
            companion=None if best.companion is None else best.companion.read_bytes(),
            inputs=best.inputs if needs_inputs else {},
            expression=best.fill.expression if needs_inputs and best.fill else "",
            title=title,
            evidence=search.evidence,
            script=script,
            command=command,
            operators=_operators(model),
            operators_before=_operators(self.model),
            kept_weight_bytes=kept_bytes,
            trials=search.trials,
            is_cut_short=search.is_cut_short,
        )

    def _polish(self) -> int:
        search = self.search
        is_single = search.best.companion is None
        if is_single:
            drop_outputs(search)
        if search.symptom.needs_inputs:
            settle_inputs(search)
        if is_single:
            shrink_sizes(search)
        if is_single and not self._settings.keep_weights:
            return blank_weights(search)
        return weight_bytes(search.model())

    def _confirm(self) -> None:
        with _prober(self._settings) as fresh:
            if self.search.symptom.observe(self.search.best, fresh) is None:
                raise ModelError(
                    f"{self.path}: what was cut out showed it in one process and not in the next; "
                    "it depends on chance, so nothing was written"
                )


@contextmanager
def _job(path: Path, settings: ReduceSettings) -> Iterator[_Job]:
    with (
        scratch_folder() as folder,
        _prober(settings) as prober,
    ):
        yield _Job(path, settings, prober, Workshop(folder))


def _pair_source(job: _Job, reference: Model, against: Path, values: ValuesOf) -> PairSource:
    try:
        return PairSource(job.workshop, job.model.main, reference.main, values)
    except ValueError as error:
        raise UsageError(
            f"{job.path} and {against} are not of the same graph: their inputs or outputs are "
            f"{error}"
        ) from error


def _prober(settings: ReduceSettings) -> Prober:
    return Prober(timeout_s=settings.timeout_s, memory_limit_bytes=settings.memory_limit_bytes)


def _modes(
    job: _Job, finding: Finding, node: Node | None, samples: Sequence[Samples]
) -> list[Mode]:
    """Return how to look for a finding: without running anything, then on the node's values."""
    kind = "" if node is None else node.operator.kind
    found: list[Mode] = []
    for needs_inputs in [False, True] if samples else [False]:
        symptom = FindingSymptom.of(finding, kind, needs_inputs=needs_inputs)
        known = functools.cache(lambda: _values_at(job, node, samples))
        values = _chooser(known) if needs_inputs else lambda _: {}
        found.append((symptom, CutSource(job.workshop, values)))
    return found


def _chooser(known: Callable[[], Values]) -> Callable[[Sequence[Tensor]], Values]:
    return lambda tensors: {tensor: known()[tensor] for tensor in tensors if tensor in known()}


def _values_at(job: _Job, node: Node | None, samples: Sequence[Samples]) -> Values:
    """Return the main inputs and what reaches a node, in the first sample that it fails on."""
    known: Values = {}
    for sample in samples:
        inputs = _main_inputs(job.model, sample)
        known = known or inputs
        if node is None or node.subgraph is not job.model.main:
            break
        for step in execute(job.model.main, inputs, job.prober):
            if step.operator is node.operator:
                reached = zip(cut([step.operator]).inputs, step.inputs, strict=False)
                finite = all(
                    np.isfinite(v).all() for v in step.outcome.outputs if v.dtype.kind == "f"
                )
                known = {**inputs, **dict(reached)}
                if step.outcome.is_broken or not finite:
                    return known
                break
    return known


def _main_inputs(model: Model, sample: Samples) -> Values:
    generator = np.random.default_rng(0)
    values = {}
    for tensor in model.main.inputs:
        array = sample[tensor.name] if tensor.name in sample else draw(tensor, generator)
        if array is not None:
            values[tensor] = array
    return values


def _script_of_finding(job: _Job) -> Script:
    search = job.search
    if not job.prober.prepare(search.best.path).is_prepared:
        return Script.PREPARE
    return Script.RUN if search.symptom.needs_inputs else Script.CHECK


def _operators(model: Model) -> int:
    return sum(len(subgraph.operators) for subgraph in model.subgraphs)


def _count(operators: Sequence[Operator]) -> str:
    return f"{len(operators)} operator{'s' * (len(operators) != 1)}"
