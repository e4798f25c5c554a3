"""Repairs a model: what fails first, then what is merely worth mending."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeseal._leftovers import scratch_folder
from edgeseal.tflite.devices import MOST_NSR, DeviceResult
from edgeseal.tflite.diagnosis import CheckReport, Finding, Level, Node, Samples, check
from edgeseal.tflite.graph import Model, Part, check_ends, output_parts, read_model, write_model
from edgeseal.tflite.probe import Prober
from edgeseal.tflite.repairs._agreement import OutputAgreement, Outputs, agreement
from edgeseal.tflite.repairs._clone import clone
from edgeseal.tflite.repairs._unmended import Unmended
from edgeseal.tflite.repairs._whole_runs import Run, complete, outputs_of, translated
from edgeseal.tflite.repairs.device._mend_for_device import Judge, drafts
from edgeseal.tflite.repairs.mend._choose_candidate import Preference
from edgeseal.tflite.repairs.mend._mend import mend
from edgeseal.tflite.repairs.mend._rounding_rest import restore_rest
from edgeseal.tflite.repairs.rank._rank4 import LOWER_RANK, unlowerable_reason
from edgeseal.tflite.repairs.tidy._block_scales import RAISE_BLOCK_SCALES
from edgeseal.tflite.repairs.tidy._broadcasts import REMOVE_BROADCASTS
from edgeseal.tflite.repairs.tidy._cancelled_quantizes import CANCEL_QUANTIZES
from edgeseal.tflite.repairs.tidy._unused import REMOVE_DEAD
from edgeseal.tflite.repairs.tidy._versions_needed import STATE_NEEDED_VERSIONS
from edgeseal.tflite.rewrites import ModelChange, Proof, Rewrite

__all__ = ["TIDY", "Companion", "OnDevice", "RepairResult", "repair", "repair_file"]

_ROUNDS = 10  # a repair can uncover what was hidden behind it; more than two rounds are rare
_WRONG = "ES029"  # the code of operators that compute something else
_FAILS = "ES009"  # the code of operators that fail, though the file runs
_AT_THE_EDGE = "joins tensors that cannot change: the model's own, or another operator's"
_CLOSER = 0.8  # what a larger file has to be worth
_EXACT_NMSE = 1e-8  # what adding up in another order may cost

TIDY: tuple[Rewrite, ...] = (
    RAISE_BLOCK_SCALES,
    LOWER_RANK,
    REMOVE_BROADCASTS,
    CANCEL_QUANTIZES,
    REMOVE_DEAD,
    STATE_NEEDED_VERSIONS,
)
"""Rewrites of operators that work, but could be simpler."""


@dataclass(frozen=True, slots=True)
class Companion:
    """How far a model agrees with its float companion.

    Attributes:
        before: None where the model did not run.
        after: None where it does not run.
    """

    before: OutputAgreement | None
    after: OutputAgreement | None


@dataclass(frozen=True, slots=True)
class OnDevice:
    """What a device makes of a model.

    Attributes:
        before: of the model as it was when all else was mended.
        after: of the repaired one.
    """

    before: DeviceResult
    after: DeviceResult

    def __str__(self) -> str:
        was = "" if self.before == self.after else f"\n  before: {self.before.summary}"
        return f"{self.after}{was}"


@dataclass(frozen=True, slots=True)
class RepairResult:
    """What a repair gave.

    Attributes:
        model: the repaired model; the one that was given is not changed.
        changes: what was changed, in order.
        unmended: what is still wrong and why.
        before: what a check found.
        after: what a check finds now.
        agreement: of the outputs with those before; None unless both run.
        companion: agreement with a float companion, if one was given.
        on_device: what a device makes of it, if it was repaired for one and runs here.
    """

    model: Model
    changes: tuple[ModelChange, ...]
    unmended: tuple[Unmended, ...]
    before: CheckReport
    after: CheckReport
    agreement: OutputAgreement | None
    companion: Companion | None
    on_device: OnDevice | None = None

    @property
    def is_good(self) -> bool:
        """Whether no finding of level error is left, and the device computes it right."""
        return self.after.is_good and (self.on_device is None or self.on_device.after.is_good)


def repair_file(
    path: str | Path,
    *,
    samples: Sequence[Samples] = ({},),
    companion: str | Path | None = None,
    prefer: Preference = Preference.ACCURACY,
    seed: int = 0,
    timeout_s: float = 60.0,
    memory_limit_bytes: int | None = None,
) -> RepairResult:
    """Repair any ``.tflite`` file for the installed LiteRT; the file stays as it is.

    Args:
        path: the file.
        samples: runs to try and compare; see :func:`edgeseal.tflite.diagnosis.check_file`.
        companion: the float model that the file came from, to compare with. Layers that read a
            picture get back what rounding cut off their weights, if outputs come closer by that.
        prefer: what decides between candidates that all work.
        seed: for what is drawn.
        timeout_s: longest time for one trial.
        memory_limit_bytes: for the process that tries; default: half of the machine's.

    Raises:
        FileError: a file cannot be read.
        ModelError: it is no ``.tflite`` model, or a damaged one.
        UsageError: the companion has other inputs or outputs.
        ProbeError: the process that loads LiteRT cannot start.
    """
    path = Path(path)
    model = read_model(path)
    other = None if companion is None else Path(companion)
    with Prober(timeout_s=timeout_s, memory_limit_bytes=memory_limit_bytes) as prober:
        return repair(
            model, path, prober, samples=samples, companion=other, prefer=prefer, seed=seed
        )


def repair(
    model: Model,
    path: Path,
    prober: Prober,
    *,
    samples: Sequence[Samples] = ({},),
    companion: Path | None = None,
    prefer: Preference = Preference.ACCURACY,
    seed: int = 0,
    judge: Judge | None = None,
    time_limit_s: float = math.inf,
    say: Callable[[str], None] = lambda what: None,
) -> RepairResult:
    """Repair a model that was read already; see :func:`repair_file`.

    With a ``judge``, what a device refuses or computes wrong is rewritten too, as long as the
    verdict gets better by it. After ``time_limit_s`` nothing more is tried. ``say`` hears what is.
    """
    other = None if companion is None else read_model(companion)
    if other is not None:
        check_ends(other, model, reference_name=companion, candidate_name=path)
    with scratch_folder() as folder:
        runs = complete(model, samples, seed, prober.trial_limit_bytes)
        trial = _Trial(prober, runs, samples, seed, time.monotonic() + time_limit_s, say)
        session = _Session(model, path, trial, folder)
        session.mend_all(prefer)
        if judge is not None:
            session.mend_for(judge)
        if companion is not None and other is not None:
            session.compare(companion, other)
        return session.result()


@dataclass(frozen=True, slots=True)
class _Trial:
    """How models are tried.

    Attributes:
        prober: where.
        runs: values of the main subgraph's inputs.
        samples: what of them was given.
        seed: for what was drawn.
        deadline_s: after which nothing more is tried, on the monotonic clock.
        say: hears what is tried.
    """

    prober: Prober
    runs: Sequence[Run]
    samples: Sequence[Samples]
    seed: int
    deadline_s: float
    say: Callable[[str], None]

    def goes_on(self, what: str) -> bool:
        """Say what is tried next, if there is time for it."""
        self.say(what)
        return time.monotonic() < self.deadline_s


class _State:
    """A model as it stands; it is not changed any more.

    Attributes:
        model: the model.
        outputs: for each run; None where it does not run.
    """

    def __init__(self, model: Model, path: Path, trial: _Trial) -> None:
        self.model = model
        self.outputs = outputs_of(model, path, trial.runs, trial.prober)
        self._path, self._trial = path, trial
        self._report: CheckReport | None = None

    @property
    def report(self) -> CheckReport:
        """What a check finds, which takes seconds."""
        if self._report is None:
            prober, samples, seed = self._trial.prober, self._trial.samples, self._trial.seed
            self._report = check(self.model, self._path, prober, samples=samples, seed=seed)
        return self._report

    def failures(self) -> list[tuple[Finding, Node]]:
        """Return the operators that fail; without a check where it is plain that none does."""
        entries = [self.model.main, *(signature.subgraph for signature in self.model.signatures)]
        is_whole = all(subgraph is self.model.main for subgraph in entries)
        if self._report is None and self.outputs and is_whole:
            return []
        return [
            (finding, node)
            for finding in self.report.findings
            if finding.level is Level.ERROR or finding.code == _FAILS
            for node in finding.nodes
        ]

    def wrong(self) -> list[tuple[Finding, Node]]:
        """Return the operators that compute something else."""
        found = [finding for finding in self.report.findings if finding.code == _WRONG]
        return [(finding, node) for finding in found for node in finding.nodes]


class _Session:
    """A repair under way."""

    def __init__(self, model: Model, path: Path, trial: _Trial, folder: Path) -> None:
        self._trial = trial
        self._paths = (folder / f"{number}.tflite" for number in itertools.count())
        self._first = self._now = _State(model, path, trial)
        self._before = self._first.report
        self._changes: list[ModelChange] = []
        self._unmended: list[Unmended] = []
        self._refused: dict[Rewrite, str] = {}  # with the finding that stays
        self._companion: Companion | None = None
        self._on_device: OnDevice | None = None

    def mend_all(self, prefer: Preference) -> None:
        """Mend until nothing changes."""
        for _ in range(_ROUNDS):
            is_mended = self._mend(prefer)
            if any(finding.code == _WRONG for finding in self._before.findings):
                is_mended |= self._mend(prefer, only_wrong=True)
            is_tidied = self._tidy(self._left_to_try()) or any(
                self._tidy([rewrite]) for rewrite in self._left_to_try()
            )
            if not is_mended and not is_tidied:
                return

    def mend_for(self, judge: Judge) -> None:
        """Rewrite what a device refuses or computes wrong, as long as it gets better."""
        if self._now.outputs is None:
            return
        first = now = judge(self._now.model)
        for _ in range(_ROUNDS):
            goes_on = not now.is_good and self._trial.goes_on("rewriting for the device")
            better = self._better(judge, now) if goes_on else None
            if better is None:
                break
            now = better
        self._on_device = OnDevice(first, now)

    def _better(self, judge: Judge, before: DeviceResult) -> DeviceResult | None:
        for draft in drafts(self._now.model, before):
            state = self._written(draft.model)
            limit = MOST_NSR if draft.proof is Proof.MEASURED else _EXACT_NMSE
            if _is_as_good(state, self._now, limit):
                result = judge(draft.model)
                if result.is_better_than(before):
                    self._changes += draft.changes
                    self._now = state
                    return result
        return None

    def compare(self, path: Path, other: Model) -> None:
        """Compare with the float model, and take from it what brings the outputs closer."""
        runs = translated(self._first.model, self._trial.runs, other)
        expected = outputs_of(other, path, runs, self._trial.prober)
        parts = [output_parts(other.main, tensor) for tensor in other.main.outputs]
        now = _agreement(self._now.outputs, expected, parts)
        draft = clone(self._now.model)
        changes = restore_rest(other).apply(draft) if now is not None else []
        if now is not None and changes:
            state = self._written(draft)
            closer = _agreement(state.outputs, expected, parts)
            if closer is not None and _error(closer) < _CLOSER * _error(now):
                self._changes += changes
                self._now, now = state, closer
        self._companion = Companion(_agreement(self._first.outputs, expected, parts), now)

    def result(self) -> RepairResult:
        """Return what came of it."""
        now, first = self._now, self._first
        self._trial.say("checking what came of it")
        return RepairResult(
            model=now.model,
            changes=tuple(self._changes),
            unmended=(*self._unmended, *self._left()),
            before=self._before,
            after=now.report,
            agreement=_agreement(now.outputs, first.outputs),
            companion=self._companion,
            on_device=self._on_device,
        )

    def _written(self, model: Model) -> _State:
        path = next(self._paths)
        write_model(model, path)
        return _State(model, path, self._trial)

    def _mend(self, prefer: Preference, *, only_wrong: bool = False) -> bool:
        """Mend operators that fail, or those that compute something else, where outputs show it."""
        draft, trial = clone(self._now.model), self._trial
        failures = list(_located(self._now, draft, only_wrong=only_wrong))
        mending = mend(
            draft, failures, trial.runs, trial.prober, prefer=prefer, goes_on=trial.goes_on
        )
        kept = [item for item in self._unmended if (item.code == _WRONG) is not only_wrong]
        self._unmended = [*kept, *mending.unmended]
        if not mending.changes:
            return False
        state = self._written(draft)
        if only_wrong and _is_same(state, self._now):
            return False  # what was wrong and changes no output is no better
        self._changes += mending.changes
        self._now = state
        return True

    def _left_to_try(self) -> list[Rewrite]:
        return [rewrite for rewrite in TIDY if rewrite not in self._refused]

    def _tidy(self, rewrites: Sequence[Rewrite]) -> bool:
        """Apply rewrites; take nothing over that does not prove exact but for rounding."""
        names = ", ".join(rewrite.name for rewrite in rewrites)
        if not self._trial.goes_on(f"trying {names}"):
            return False
        draft = clone(self._now.model)
        changes = [change for rewrite in rewrites for change in rewrite.apply(draft)]
        if not changes:
            return False
        state = self._written(draft)
        if _is_as_good(state, self._now):
            self._changes += changes
            self._now = state
            return True
        if len(rewrites) == 1:
            self._refused[rewrites[0]] = changes[0].code
        return False

    def _left(self) -> Iterator[Unmended]:
        """Say what else a check still finds that a repair is meant for."""
        for finding in self._now.report.findings:
            names = tuple(tensor.name for tensor in finding.tensors) or tuple(
                tensor.name for node in finding.nodes for tensor in node.operator.outputs
            )
            if finding.code in self._refused.values():
                yield Unmended(finding.code, "the repair would change the outputs", names)
            elif finding.code == "ES022":
                yield Unmended(finding.code, _rank_reasons(finding), names)
            elif finding.level is Level.ERROR and not finding.nodes:
                text = " ".join(finding.message.split()) or finding.kind.cause
                yield Unmended(finding.code, text, names)


def _located(state: _State, draft: Model, *, only_wrong: bool) -> Iterator[tuple[Finding, Node]]:
    """Find the failing operators in a copy of the model; or those with wrong results."""
    for finding, node in state.wrong() if only_wrong else state.failures():
        position = state.model.subgraphs.index(node.subgraph)
        subgraph = draft.subgraphs[position]
        yield finding, Node(subgraph.operators[node.number], subgraph, node.number)


def _is_as_good(state: _State, before: _State, limit: float = _EXACT_NMSE) -> bool:
    if before.outputs is None or not before.outputs:
        is_prepared = state.report.prepares or not before.report.prepares
        return is_prepared and len(state.failures()) <= len(before.failures())
    same = _agreement(state.outputs, before.outputs)
    return same is not None and (same.is_identical or _error(same) <= limit)


def _is_same(state: _State, before: _State) -> bool:
    same = agreement(state.outputs or [], before.outputs or [])
    return same is not None and same.is_identical


def _agreement(
    got: list[Outputs] | None,
    expected: list[Outputs] | None,
    parts: Sequence[Sequence[Part]] = (),
) -> OutputAgreement | None:
    return None if got is None or expected is None else agreement(got, expected, parts)


def _error(agreement: OutputAgreement) -> float:
    return math.inf if agreement.nmse is None else agreement.nmse


def _rank_reasons(finding: Finding) -> str:
    """Say why operators of high rank are still there."""
    reasons = {
        f"{node.operator.kind} {unlowerable_reason(node.operator) or _AT_THE_EDGE}": None
        for node in finding.nodes
    }
    return "; ".join(reasons)
