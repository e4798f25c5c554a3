"""Shows what is in a file, as a summary and as a page of its graph."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgeseal._files import check_apart, check_output
from edgeseal._progress import SILENT, Progress
from edgeseal.errors import UsageError
from edgeseal.tflite.comparison import ComparedPart, ModelFile, check_ends, compare
from edgeseal.tflite.diagnosis import CheckReport, Finding
from edgeseal.tflite.diagnosis import check as check_model
from edgeseal.tflite.graph import Model, ModelSummary, Operator, read_model, summarize
from edgeseal.tflite.inputs import InputForm, InputOptions, drawn_samples
from edgeseal.tflite.probe import Prober
from edgeseal.tflite.profiling import profile
from edgeseal.tflite.verbs._shaped import shaped
from edgeseal.tflite.view import (
    Combine,
    FindingNote,
    Measure,
    Overlay,
    require_library,
    write_page,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["GraphPage", "Inspection", "inspect"]


@dataclass(frozen=True, slots=True)
class GraphPage:
    """A page that was written."""

    path: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Inspection:
    """What is in a file.

    Attributes:
        path: the file.
        size_bytes: of the file.
        model: what it holds, not changed since it was read.
        summary: the same in numbers.
        list_operators: whether every operator was asked for.
        page: that was written, or None.
    """

    path: Path
    size_bytes: int
    model: Model
    summary: ModelSummary
    list_operators: bool
    page: GraphPage | None

    @property
    def is_good(self) -> bool:
        """Always: a file that cannot be read is an error."""
        return True

    def to_json(self) -> dict[str, object]:
        """Return all of it for JSON."""
        counts = dataclasses.asdict(self.summary)
        if not self.list_operators:
            del counts["operators"]
        page = {} if self.page is None else {"html": dataclasses.asdict(self.page)}
        return {"path": str(self.path), "size_bytes": self.size_bytes, "model": counts, **page}

    def __str__(self) -> str:
        return "\n".join([f"{self.path}  {self.size_bytes / 2**20:.2f} MiB", *self._lines()])

    def _lines(self) -> Iterator[str]:
        summary = self.summary
        subgraphs = f", {summary.subgraphs} subgraphs" if summary.subgraphs > 1 else ""
        yield (
            f"{len(summary.operators)} operators{subgraphs}, highest rank {summary.highest_rank}, "
            f"{summary.broadcast_to} BROADCAST_TO"
        )
        runtime = summary.min_runtime_version
        needs = f", needs runtime {runtime} or later" if runtime else ""
        yield f"schema version {summary.version}{needs}"


def inspect(
    path: str | Path,
    *,
    list_operators: bool = False,
    html: str | Path | None = None,
    with_check: bool = True,
    float_model: str | Path | None = None,
    with_time: bool = False,
    overwrite: bool = False,
    progress: Progress = SILENT,
    **inputs: Unpack[InputOptions],
) -> Inspection:
    """Show what is in a ``.tflite`` file, from any converter.

    Args:
        path: any ``.tflite`` file.
        list_operators: list every operator with its shapes and types.
        html: write a page here that shows the graph, with its findings.
        with_check: try the operators for findings on the page.
        float_model: show the errors against this on the page.
        with_time: show the time of the operators on the page.
        overwrite: whether to replace the page.
        progress: hears what goes on.
        inputs: how pixels are fed, and sizes that the file leaves open; see :class:`InputOptions`.

    Raises:
        UsageError: arguments for the page without one, or a reference of another graph.
        FileError, ModelError: a file cannot be read or written.
        MissingExtraError: a package that draws pages is not installed.
        ProbeError: the process that loads LiteRT cannot start.
    """
    path = Path(path)
    form = InputForm.of(**inputs)
    if html is None and (with_time or float_model is not None or form != InputForm()):
        raise UsageError(
            "`float_model`, `with_time` and what is said of inputs are for the page; name it with "
            "`html`"
        )
    model = read_model(path)
    page = None
    if html is not None:
        html, reference = Path(html), None
        if float_model is not None:
            reference = ModelFile.read(float_model)
            check_ends(reference, ModelFile(path, model))
        check_apart([path, float_model], [html])
        check_output(html, overwrite=overwrite)
        require_library()
        with ExitStack() as stack:
            opened = stack.enter_context(shaped(path, model, form))
            if reference is not None:
                there = stack.enter_context(shaped(reference.path, reference.model, form))
                reference = ModelFile(there, reference.model)
            file = ModelFile(opened, model)
            overlay = _overlay(file, reference, with_check, with_time, progress)
        write_page(model, path, html, overlay=overlay, overwrite=overwrite)
        page = GraphPage(str(html), html.stat().st_size)
    size_bytes = path.stat().st_size
    return Inspection(path, size_bytes, model, summarize(model), list_operators, page)


def _finding_overlay(report: CheckReport) -> Overlay:
    """Return the findings of ``check`` as the page shows them."""
    findings: dict[Operator, list[FindingNote]] = {}
    of_the_model: list[FindingNote] = []
    for finding in report.findings:
        note = _note(finding)
        for node in finding.nodes:
            findings.setdefault(node.operator, []).append(note)
        if not finding.nodes:
            of_the_model.append(note)
    return Overlay(findings=findings, model_findings=of_the_model)


def _overlay(
    file: ModelFile,
    reference: ModelFile | None,
    with_check: bool,
    with_time: bool,
    progress: Progress,
) -> Overlay:
    measures = []
    if reference is not None:
        text = f"comparing {file.path.name} with {reference.path.name}"
        with progress.busy(text), Prober() as prober:
            measures += _errors(file, reference, prober)
    if with_time:
        with progress.busy(f"timing {file.path.name}"), Prober() as prober:
            measures.append(_times(file, prober))
    overlay = Overlay()
    if with_check:
        with progress.busy(f"checking {file.path.name}"), Prober() as prober:
            overlay = _finding_overlay(check_model(file.model, file.path, prober, samples=[{}]))
    return dataclasses.replace(overlay, measures=measures)


def _errors(file: ModelFile, reference: ModelFile, prober: Prober) -> list[Measure]:
    samples = drawn_samples(reference.model, file.model, 1, seed=0)
    found = compare(reference, file, samples, prober)
    return [Measure(f"error ({part.value})", found.values(part)) for part in ComparedPart]


def _times(file: ModelFile, prober: Prober) -> Measure:
    found = profile(file.path, file.model, prober).operators
    latencies = {time.operator: time.latency_ms for time in found if time.latency_ms is not None}
    return Measure("time", latencies, "ms", Combine.SUM)


def _note(finding: Finding) -> FindingNote:
    kind = finding.kind
    lines = [kind.cause, kind.remedy]
    if finding.message:
        lines.append(" ".join(finding.message.split()))
    if not finding.nodes and finding.tensors:
        lines.append(", ".join(tensor.name for tensor in finding.tensors))
    return FindingNote(finding.code, finding.level, "\n".join(lines), kind.title)
