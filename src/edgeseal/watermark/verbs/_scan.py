"""Reads a corpus into a table: folders, archives and stores, resumable after any end."""

from __future__ import annotations

import array
import contextlib
import dataclasses
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from edgeseal._documents import parse_json
from edgeseal._files import check_apart, listed, sha256_of
from edgeseal._problems import Problems
from edgeseal._progress import SILENT, Progress
from edgeseal._version import SCHEMA_VERSION
from edgeseal.errors import FileError, UsageError
from edgeseal.pictures import list_files
from edgeseal.pictures._sources import is_address, read_list
from edgeseal.pictures._workers import cores
from edgeseal.watermark.payload import DEFAULT_FPR, PayloadCode
from edgeseal.watermark.registry import Registry, place_of
from edgeseal.watermark.runtime import MessageInput
from edgeseal.watermark.scan import (
    ERROR,
    ItemChoice,
    Reading,
    ScanRow,
    ScanSources,
    Shard,
    merge_shards,
    open_parts,
    read_items,
)
from edgeseal.watermark.scan._decisions import Decisions, decide
from edgeseal.watermark.scan._name_set import NameSet
from edgeseal.watermark.scan._ray_workers import ray_workers
from edgeseal.watermark.scan._row_table import PART_ROWS
from edgeseal.watermark.scan._scan_parts import read_manifest, results_of
from edgeseal.watermark.scan._scan_pool import ScanWorker
from edgeseal.watermark.scan._scan_row import PartRow
from edgeseal.watermark.verbs._json_lines import JsonLines, Lines

__all__ = ["ScanResult", "scan"]

_LINES = ".jsonl"
_STDIN = "-"
_ALL = Shard(1, 1)
_PART_S = 60.0  # of a video; several workers share one that is longer


@dataclass(frozen=True, slots=True)
class ScanResult:
    """What a scan found, those rows included that were there before.

    Attributes:
        output: a folder of Parquet files, or a file of JSON lines.
        items: number of rows.
        written: number of those that this run added.
        verdicts: number of rows with each verdict.
        decisions: how many are marked at rates that hold for all items together.
        left_out: number of files that were passed over, by what they are.
        seconds: that this run took.
    """

    output: str
    items: int
    written: int
    verdicts: Mapping[str, int]
    decisions: Decisions
    left_out: Mapping[str, int]
    seconds: float

    @property
    def failed(self) -> int:
        """Number of items that could not be read."""
        return self.verdicts.get(ERROR, 0)

    @property
    def is_good(self) -> bool:
        """Whether all could be read."""
        return not self.failed

    def to_json(self) -> dict[str, object]:
        """Return everything, for ``json.dumps``."""
        return {**dataclasses.asdict(self), "failed": self.failed}

    def __str__(self) -> str:
        """Return what was done and what came of it."""
        done = "nothing to do: all are done" if not self.written else f"{self.written} read now"
        found = ", ".join(f"{count} {verdict}" for verdict, count in self.verdicts.items())
        lines = [f"{self.output}: {self.items} items, {done}", found or "no items"]
        return "\n".join([*lines, str(self.decisions)] if self.decisions.tested else lines)


def scan(
    sources: str | Path | Iterable[str | Path],
    output: str | Path,
    *,
    model: str | Path | None = None,
    expect: MessageInput | None = None,
    fpr: float = DEFAULT_FPR,
    exact: bool = False,
    every: int = 1,
    recursive: bool = True,
    column: str | None = None,
    workers: int | None = None,
    ray: str | None = None,
    timeout_s: float = 600.0,
    part_rows: int = PART_ROWS,
    retry: bool = False,
    shard: str | None = None,
    merge: bool = False,
    alpha: float = 0.01,
    registry: str | Path | None = None,
    progress: Progress = SILENT,
) -> ScanResult:
    """Read a corpus into a table of one row for each item; what ``edgeseal scan`` does.

    An output that is there already is gone on with: items that have a row are left out, so that the
    same call after an end of any kind completes it, and changes nothing once it is complete.

    Args:
        sources: one or many files, folders, patterns, lists (``@LIST``, ``-``) or addresses of
            fsspec (``s3://...``): pictures, videos, tar and Parquet files with pictures.
        output: a folder for Parquet files, or a file that ends in ``.jsonl``.
        model: a detector's ``.tflite`` file; nothing else is read without one.
        expect: the message that should be there, instead of payloads.
        fpr: share of unmarked items that may be called present.
        exact: whether to decode large JPEG files at full size.
        every: read one of so many frames of videos.
        recursive: whether to search folders in folders.
        column: of Parquet files, with the pictures; the only one that may be if None.
        workers: processes; one for each core if None.
        ray: address of a Ray cluster to read on, or ``local``; sources and model have to be called
            alike on all its nodes.
        timeout_s: longest time for one item, which fails otherwise.
        part_rows: rows of a Parquet file.
        retry: whether to try items again that failed; for Parquet.
        shard: ``I/N``, to read one of N parts of the items, told apart by their names alone; for
            Parquet.
        merge: whether the sources are the folders of all shards, to be put together.
        alpha: for :attr:`ScanResult.decisions`: chance of any false alarm among all items, and
            share of false ones among those that are called marked.
        registry: of issued messages (:mod:`edgeseal.watermark.registry`), a file or
            ``postgresql://...``, to find in it what is read.
        progress: hears what goes on.

    Raises:
        UsageError: arguments are out of range or contradict each other; all of it is said.
        FileError: there are no items, a store cannot be listed, or the output cannot be written or
            is another scan's.
        ModelError: the model is none, or no detector.
        MissingExtraError: packages for stores, Parquet or Ray are not installed.
        RuntimeRefusalError: LiteRT cannot prepare or run the model.
    """
    began = time.monotonic()
    names = [name for given in listed(sources) for name in _named(str(given))]
    place = Path(output)
    problems = Problems()
    with problems.collected():
        PayloadCode.check_rate(fpr)
    problems.expect_at_least(1, workers=workers, every=every, part_rows=part_rows)
    for text in _contradictions(model, place, retry, shard, merge, timeout_s, alpha):
        problems.add(text)
    part = _ALL
    with problems.collected():
        part = part if shard is None else Shard.from_text(shard)
    with problems.collected():
        check_apart([model, *list_files(names)], [place])
    problems.check()
    if model is None:
        head = _merged([Path(name) for name in names], place, registry)
        return _result(place, results_of(place), None, {}, head["fpr"], alpha, began)
    part_s = None if place.suffix == _LINES else _PART_S
    given = ScanSources(names, recursive, column, place, part_s)
    total = given.count()
    if total == 0:
        raise _nothing(names, {})
    reading = Reading.with_model(model, expect=expect, fpr=fpr, exact=exact, every=every)
    head = _head(reading, registry) | ({} if place.suffix == _LINES else {"shard": shard})
    with _opened(place, head, part_rows=part_rows, retry=retry) as out:
        due = None if total is None else max(0, total // part.count - len(out.done))
        with ItemChoice(out.done, part) as choice, _workers(ray) as (start, count):
            items = given.items(choice)
            rows = read_items(
                reading, items, workers=workers or count, timeout_s=timeout_s, start=start
            )
            with contextlib.closing(rows), _opened_registry(registry, reading.bits) as issued:
                _write(rows, issued, out, due, place, progress)
                if not choice.has_any:
                    raise _nothing(names, choice.left_out)
                out.finish(issued)
        _note_left_out(choice.left_out, progress)
        return _result(place, out.results(), out.count, choice.left_out, fpr, alpha, began)


@contextlib.contextmanager
def _workers(ray: str | None) -> Iterator[tuple[Callable[[], ScanWorker] | None, int]]:
    """Yield what starts a worker, and how many there may be."""
    if ray is None:
        yield None, cores()
        return
    with ray_workers(ray) as found:
        yield found


@contextlib.contextmanager
def _opened_registry(place: str | Path | None, bits: int) -> Iterator[Callable[[ScanRow], ScanRow]]:
    """Yield what adds to a row whom its message was issued to."""
    if place is None:
        yield lambda row: row
        return
    if not is_address(str(place)) and not Path(place).is_file():
        raise FileError(f"{place}: there is no registry; make one with `Registry`")
    with Registry(place, bits) as registry:

        def issued(row: ScanRow) -> ScanRow:
            found = [] if row.message is None else registry.find(row.message)
            if not found:
                return row
            near = found[0]
            return dataclasses.replace(
                row,
                issued_to=near.label,
                issued_errors=near.errors,
                issued_p_value=near.p_value,
            )

        yield issued


def _merged(folders: Sequence[Path], place: Path, registry: str | Path | None) -> dict[str, Any]:
    """Merge shards; return what the whole is of."""
    first = read_manifest(folders[0]) if folders else {}
    if first.get("registry") is not None and registry is None:
        raise UsageError(
            f"the shards found issued messages in {first['registry']}; give `registry`"
        )
    with _opened_registry(registry, first.get("bits", 0)) as issued:
        return merge_shards(folders, place, issued)


def _write(
    rows: Iterable[ScanRow | PartRow],
    issued: Callable[[ScanRow], ScanRow],
    out: _Output,
    due: int | None,
    place: Path,
    progress: Progress,
) -> None:
    """Take rows as they come; ``due`` is about how many."""
    with progress.frames(f"scanning into {place}", "items") as report:
        for row in rows:
            if row.error is not None:
                is_named = row.error.startswith(row.source)
                progress.note(f"Error: {'' if is_named else f'{row.source}: '}{row.error}")
            out.write(row if isinstance(row, PartRow) else issued(row))
            report(out.count, due)


def _note_left_out(left_out: Counter[str], progress: Progress) -> None:
    if left_out:
        kinds = ", ".join(f"{count} {kind}" for kind, count in left_out.items())
        progress.note(f"{left_out.total()} files left out: {kinds}")


class _Output(Protocol):
    """Where rows go: a folder of Parquet files, or a file of lines."""

    done: NameSet
    count: int

    def write(self, row: ScanRow | PartRow) -> None:
        """Take a row."""

    def finish(self, completed: Callable[[ScanRow], ScanRow]) -> None:
        """Write what is left; ``completed`` says more of the rows of videos."""

    def results(self) -> Iterator[tuple[str, float | None]]:
        """Yield verdict and logarithm of the p-value of each row, once all are written."""


class _LinesOutput:
    """A file of JSON lines."""

    def __init__(self, lines: JsonLines, path: Path, done: NameSet) -> None:
        self.done = done
        self.count = 0
        self._lines = lines
        self._path = path

    def write(self, row: ScanRow | PartRow) -> None:
        self._lines.write(dataclasses.asdict(row))
        self.count += 1

    def finish(self, completed: Callable[[ScanRow], ScanRow]) -> None:
        self._lines.begin()  # without any result, too, there is a file

    def results(self) -> Iterator[tuple[str, float | None]]:
        with self._path.open("rb") as file:
            for record in map(parse_json, file):
                yield record["verdict"], record["log10_p_value"]


@contextlib.contextmanager
def _opened(
    place: Path, head: Mapping[str, Any], *, part_rows: int, retry: bool
) -> Iterator[_Output]:
    """Open the output; see :func:`edgeseal.watermark.scan.open_parts`."""
    if place.suffix != _LINES:
        with open_parts(place, head, part_rows=part_rows, retry=retry) as parts:
            yield parts
        return
    lines = Lines(place, resume=True, overwrite=False)
    lines.check()
    with NameSet() as done, lines.open(head) as file:
        if file is None:
            raise AssertionError("a path was given")
        for name in lines.done(head, failed_too=True):
            done.add(name)
        yield _LinesOutput(file, place, done)


def _named(name: str) -> Iterable[str]:
    """Return a name, or the lines of stdin, which can be read once only."""
    return read_list(name) if name == _STDIN else [name]


def _head(reading: Reading, registry: str | Path | None) -> dict[str, Any]:
    """Return what rows depend on, besides the items."""
    head = {"schema_version": SCHEMA_VERSION, "command": "scan"}
    head |= {"model": reading.model, "model_sha256": sha256_of(Path(reading.model))}
    head |= {"bits": reading.bits}
    expect = None if reading.expect is None else reading.expect.hex
    return head | {
        "expect": expect,
        "fpr": reading.fpr,
        "exact": reading.exact,
        "every": reading.every,
        "registry": None if registry is None else place_of(registry),
    }


def _contradictions(
    model: str | Path | None,
    place: Path,
    retry: bool,
    shard: str | None,
    merge: bool,
    timeout_s: float,
    alpha: float,
) -> Iterator[str]:
    """Yield what is wrong with arguments by themselves and together."""
    for name, value in {"retry": retry, "shard": shard, "merge": merge}.items():
        if value and place.suffix == _LINES:
            yield f"`{name}` is for Parquet; give a folder as `output`"
    if merge and (model is not None or retry or shard):
        yield "`merge` reads no items; leave out `model`, `retry` and `shard`"
    if not merge and model is None:
        yield "`model`: expected a detector's file; only `merge` goes without"
    if not timeout_s > 0:
        yield f"`timeout_s`: expected more than 0, got {timeout_s:g}"
    if not 0 < alpha < 1:
        yield f"`alpha`: expected more than 0 and less than 1, got {alpha:g}"


def _result(
    place: Path,
    results: Iterable[tuple[str, float | None]],
    written: int | None,
    left_out: Mapping[str, int],
    fpr: float,
    alpha: float,
    began: float,
) -> ScanResult:
    verdicts: Counter[str] = Counter()
    smallest = array.array("d")  # only those that a threshold may lie at
    tested = 0
    for verdict, log10_p_value in results:
        verdicts[verdict] += 1
        if log10_p_value is not None:
            tested += 1
            if log10_p_value <= math.log10(alpha):
                smallest.append(log10_p_value)
    total = verdicts.total()
    return ScanResult(
        output=str(place),
        items=total,
        written=total if written is None else written,
        verdicts=dict(sorted(verdicts.items())),
        decisions=decide(np.frombuffer(smallest, np.float64), tested, fpr=fpr, alpha=alpha),
        left_out=dict(left_out),
        seconds=time.monotonic() - began,
    )


def _nothing(names: Iterable[str], left_out: Mapping[str, int]) -> FileError:
    left = f"; {sum(left_out.values())} other files are there" if left_out else ""
    return FileError(f"{', '.join(names)}: nothing to scan in there{left}")
