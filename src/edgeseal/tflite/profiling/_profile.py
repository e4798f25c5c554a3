"""Times a file and every operator in it."""

from __future__ import annotations

import dataclasses
import enum
import itertools
import math
import statistics
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from edgeseal.tflite.graph import (
    Arithmetic,
    Macs,
    Model,
    Operator,
    ShapeOf,
    count_macs,
    find_modules,
)
from edgeseal.tflite.inputs._paired_samples import drawn_samples
from edgeseal.tflite.probe import ExecutedStep, Prober, Unpacking, cut, execute
from edgeseal.tflite.workers import Outcome, Status

__all__ = ["KindTime", "OperatorTime", "Placement", "Profile", "profile"]

_STRETCHES = 8  # parts of the graph between which the whole file is timed
_WHOLE_RUNS = 4  # timed runs of the whole file, each time
_NOT_ALONE = "it needs the state of other operators"


class Placement(enum.Enum):
    """Where an operator runs when it is alone."""

    DELEGATE = "delegate"  # the accelerated one
    FALLBACK = "fallback"  # LiteRT's own kernels
    LOADING = "loading"  # it unpacks a constant, once, and takes no part in a run
    UNKNOWN = "unknown"  # it cannot be prepared


@dataclass(frozen=True, slots=True)
class OperatorTime:
    """The time of an operator.

    Attributes:
        number: position of the operator in the main subgraph.
        operator: the operator.
        module: of the program it comes from; empty if the names do not tell.
        placement: where it runs.
        latency_ms: median of its runs alone; None where it did not run, or runs only once.
        share: of the whole file's time at about the same moment; None where one of them is not
            known. With one thread that is processor time, which other programs do not disturb.
        macs: multiply-accumulates; None where it has none.
        message: why it could not run, in the kernel's own words; empty where it could.
    """

    number: int
    operator: Operator
    module: str
    placement: Placement
    latency_ms: float | None
    share: float | None
    macs: Macs | None
    message: str

    def to_json(self) -> dict[str, object]:
        """Return it for JSON."""
        macs = self.macs
        return {
            "number": self.number,
            "kind": self.operator.kind,
            "outputs": [tensor.name for tensor in self.operator.outputs],
            "module": self.module,
            "placement": self.placement.value,
            "latency_ms": self.latency_ms,
            "share": self.share,
            "macs": macs and {"count": macs.count, "arithmetic": macs.arithmetic.value},
            "failure": self.message or None,
        }


@dataclass(frozen=True, slots=True)
class KindTime:
    """All operators of a kind.

    Attributes:
        kind: such as ``FULLY_CONNECTED``.
        count: number of operators.
        on_delegate: how many of them the accelerated delegate takes.
        latency_ms: sum of those that ran.
        share: of the whole file's time; None where that is not known.
        macs: multiply-accumulates.
    """

    kind: str
    count: int
    on_delegate: int
    latency_ms: float
    share: float | None
    macs: int


@dataclass(frozen=True, slots=True)
class Profile:
    """Where the time of a file goes.

    Operators are timed alone, each on values that would really reach it. Alone, they find their
    weights in the cache and pay for a run of the interpreter of their own, and what a delegate
    fuses is apart; so the sum differs from the whole.

    Attributes:
        path: the file.
        threads: that LiteRT used.
        rounds: timed runs of each operator.
        latency_ms: median of the whole file's runs; None where it does not run.
        processor_ms: the same in processor time, over all threads.
        refusal: why it does not, in the runtime's own words; empty if it does.
        partitions: pieces of the whole that the accelerated delegate takes.
        operators: of the main subgraph, in execution order.
    """

    path: Path
    threads: int
    rounds: int
    latency_ms: float | None
    processor_ms: float | None
    refusal: str
    partitions: int
    operators: tuple[OperatorTime, ...]

    @property
    def is_good(self) -> bool:
        """Whether the file runs as a whole."""
        return not self.refusal

    @property
    def isolated_ms(self) -> float:
        """Sum of the operators' latencies."""
        return sum(found.latency_ms or 0 for found in self.operators)

    @property
    def isolated_share(self) -> float | None:
        """Sum of the operators' shares of the whole; None where that is not known."""
        shares = [found.share for found in self.operators if found.share is not None]
        return sum(shares) if shares else None

    def macs(self, *arithmetics: Arithmetic) -> int:
        """Return the multiply-accumulates of some arithmetics; of all if none are named."""
        wanted = arithmetics or tuple(Arithmetic)
        found = (o.macs for o in self.operators)
        return sum(macs.count for macs in found if macs is not None and macs.arithmetic in wanted)

    def kinds(self) -> list[KindTime]:
        """Return the kinds of operators, the slowest first."""
        groups: defaultdict[str, list[OperatorTime]] = defaultdict(list)
        for found in self.operators:
            groups[found.operator.kind].append(found)
        kinds = [_kind_time(kind, group) for kind, group in groups.items()]
        return sorted(kinds, key=lambda kind: (-kind.latency_ms, kind.kind))

    def to_json(self) -> dict[str, object]:
        """Return all of it for JSON."""
        total = self.macs()
        integer = self.macs(Arithmetic.INTEGER, Arithmetic.HYBRID)
        return {
            "path": str(self.path),
            "threads": self.threads,
            "rounds": self.rounds,
            "latency_ms": self.latency_ms,
            "processor_ms": self.processor_ms,
            "refusal": self.refusal or None,
            "partitions": self.partitions,
            "isolated_ms": self.isolated_ms,
            "isolated_share": self.isolated_share,
            "macs": {"total": total, **{a.value: self.macs(a) for a in Arithmetic}},
            "integer_macs_share": integer / total if total else None,
            "kinds": [dataclasses.asdict(kind) for kind in self.kinds()],
            "operators": [operator.to_json() for operator in self.operators],
        }

    def __str__(self) -> str:
        return "\n".join(_summary_lines(self))


def profile(
    path: Path,
    model: Model,
    prober: Prober,
    *,
    rounds: int = 20,
    seed: int = 0,
    advance: Callable[[], None] = lambda: None,
) -> Profile:
    """Time a file, and the operators of its main subgraph one by one.

    The whole is timed between stretches of operators, so that shares hold where the machine's
    speed drifts.

    Args:
        path: the file.
        model: what it holds.
        prober: where it runs; it also says with how many threads.
        rounds: timed runs of each operator, 1 or more.
        seed: for the inputs, which are drawn.
        advance: called after each operator.

    Raises:
        UsageError: an input's type is one that cannot be drawn.
        ProbeError: the process that loads LiteRT cannot start.
    """
    sample = next(drawn_samples(model, model, 1, seed=seed)).reference
    whole = _Whole(path, tuple(sample[tensor] for tensor in model.main.inputs), prober)
    steps = execute(model.main, sample, prober, seed=seed, repeats=rounds)
    unpacking = Unpacking(model.main)
    timed = (_timed(_announced(step, advance), prober, unpacking) for step in steps)
    shares = _with_shares(timed, len(model.main.operators), whole)
    modules = find_modules(model)
    operators = tuple(
        OperatorTime(
            number=number,
            operator=found.operator,
            module=modules.display_name(found.operator),
            placement=found.placement,
            latency_ms=found.latency_ms,
            share=share,
            macs=found.macs,
            message=found.message,
        )
        for number, (found, share) in enumerate(shares)
    )
    return Profile(
        path=path,
        threads=prober.threads,
        rounds=rounds,
        latency_ms=whole.latency_ms,
        processor_ms=whole.processor_ms,
        refusal=whole.refusal,
        partitions=whole.partitions,
        operators=operators,
    )


def _summary_lines(found: Profile) -> Iterator[str]:
    """Yield what is to be said of the whole file."""
    threads = f"{found.threads} thread{'s' * (found.threads != 1)}"
    whole = "does not run" if found.latency_ms is None else f"{found.latency_ms:.3g} ms"
    share = "" if found.isolated_share is None else f", {found.isolated_share:.0%} of the whole"
    yield (
        f"{found.path}: {whole} with {threads}; operators one by one: {found.isolated_ms:.3g} ms"
        + share
    )
    yield _places(found)
    yield _macs(found)


def _places(found: Profile) -> str:
    counts = Counter(operator.placement for operator in found.operators)
    parts = [f"{counts[Placement.DELEGATE]} on the accelerated delegate"]
    if found.partitions:
        parts[0] += f", in {found.partitions} piece{'s' * (found.partitions != 1)}"
    if counts[Placement.FALLBACK]:
        parts.append(f"{counts[Placement.FALLBACK]} on LiteRT's own kernels")
    if counts[Placement.LOADING]:
        parts.append(f"{counts[Placement.LOADING]} unpack constants once, when it is loaded")
    return f"{len(found.operators)} operators: {'; '.join(parts)}"


def _macs(found: Profile) -> str:
    total = found.macs()
    if not total:
        return "no multiply-accumulates in matrix products, convolutions or recurrent layers"
    shares = {a: found.macs(a) / total for a in Arithmetic}
    return (
        f"{total / 1e9:.3g} G multiply-accumulates, "
        f"{shares[Arithmetic.INTEGER] + shares[Arithmetic.HYBRID]:.1%} on integer kernels: "
        f"{shares[Arithmetic.INTEGER]:.1%} integers, {shares[Arithmetic.HYBRID]:.1%} floats that "
        f"are quantized on the way; {shares[Arithmetic.FLOAT]:.1%} float"
    )


@dataclass(frozen=True, slots=True)
class _Timed:
    """What is kept of a step."""

    operator: Operator
    placement: Placement
    latency_ms: float | None
    counted_ms: float | None
    macs: Macs | None
    message: str


class _Whole:
    """The whole file, timed now and then."""

    def __init__(self, path: Path, inputs: tuple[NDArray[Any], ...], prober: Prober) -> None:
        self._path = path
        self._inputs = inputs
        self._prober = prober
        self._latencies_ms: list[float] = []
        self._processor_ms: list[float] = []
        self.refusal = ""
        self.partitions = 0

    @property
    def latency_ms(self) -> float | None:
        """Median of all runs so far."""
        return _median(self._latencies_ms)

    @property
    def processor_ms(self) -> float | None:
        """Median of all runs so far, in processor time."""
        return _median(self._processor_ms)

    def time(self) -> float | None:
        """Run the file a few times and return the median of the time that counts."""
        if self.refusal:
            return None
        outcome = self._prober.run(self._path, self._inputs, repeats=_WHOLE_RUNS)
        self.partitions = outcome.delegated
        if outcome.status is not Status.RAN:
            self.refusal = outcome.message
            return None
        self._latencies_ms += outcome.latencies_ms
        self._processor_ms += outcome.processor_ms
        return _counted_ms(outcome, self._prober)


def _with_shares(
    timed: Iterable[_Timed], count: int, whole: _Whole
) -> Iterator[tuple[_Timed, float | None]]:
    """Give operators their share of the whole as timed before and after their stretch."""
    length = max(math.ceil(count / _STRETCHES), 1)
    before = whole.time()
    for stretch in _batched(timed, length):
        after = whole.time()
        known = None if before is None or after is None else (before + after) / 2
        for found in stretch:
            counted = found.counted_ms
            yield found, None if known is None or counted is None else counted / known
        before = after


def _batched(items: Iterable[_Timed], length: int) -> Iterator[list[_Timed]]:
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, length)):
        yield batch


def _announced(step: ExecutedStep, advance: Callable[[], None]) -> ExecutedStep:
    advance()
    return step


def _timed(step: ExecutedStep, prober: Prober, unpacking: Unpacking) -> _Timed:
    outcome = step.outcome
    if outcome.is_prepared and all(map(unpacking.is_result, step.operator.outputs)):
        return _Timed(step.operator, Placement.LOADING, None, None, None, "")
    return _Timed(
        operator=step.operator,
        placement=_placement(outcome),
        latency_ms=_median(outcome.latencies_ms),
        counted_ms=_counted_ms(outcome, prober),
        macs=count_macs(step.operator, _shapes(step)),
        message="" if outcome.status is Status.RAN else outcome.message or _NOT_ALONE,
    )


def _counted_ms(outcome: Outcome, prober: Prober) -> float | None:
    """Return the time that shares are made of."""
    is_exact = prober.threads == 1 and sys.platform != "win32"  # there it counts in 16 ms
    return _median(outcome.processor_ms if is_exact else outcome.latencies_ms)


def _median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None


def _placement(outcome: Outcome) -> Placement:
    if not outcome.is_prepared:
        return Placement.UNKNOWN
    return Placement.DELEGATE if outcome.delegated else Placement.FALLBACK


def _shapes(step: ExecutedStep) -> ShapeOf:
    """Return what gives the shapes that an operator's tensors had when it ran."""
    inputs = zip(cut([step.operator]).inputs, step.inputs, strict=False)
    outputs = zip(dict.fromkeys(step.operator.outputs), step.outputs, strict=False)
    known = {tensor: array.shape for tensor, array in itertools.chain(inputs, outputs)}
    return lambda tensor: known.get(tensor, tensor.shape)


def _kind_time(kind: str, group: Sequence[OperatorTime]) -> KindTime:
    shares = [found.share for found in group if found.share is not None]
    return KindTime(
        kind=kind,
        count=len(group),
        on_delegate=sum(found.placement is Placement.DELEGATE for found in group),
        latency_ms=sum(found.latency_ms or 0 for found in group),
        share=sum(shares) if shares else None,
        macs=sum(found.macs.count for found in group if found.macs is not None),
    )
