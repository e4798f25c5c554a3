"""The page that shows a graph, written by a command."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgeseal._files import check_apart, check_output
from edgeseal.cli._shared._console import busy

if TYPE_CHECKING:
    from edgeseal.tflite.diagnosis import CheckReport, Finding
    from edgeseal.tflite.graph import Model, Operator
    from edgeseal.tflite.view import FindingNote, Measure, Overlay

__all__ = ["GraphPage", "PageLayers", "finding_overlay", "require_page", "write_graph"]


@dataclass(frozen=True, slots=True)
class PageLayers:
    """What the page can be coloured by, beside the operators' kinds.

    Attributes:
        findings: what ``check`` finds.
        time: what ``profile`` measures.
        reference: a file of the same graph; the error that ``compare`` finds against it.
    """

    findings: bool = True
    time: bool = False
    reference: Path | None = None


@dataclass(frozen=True, slots=True)
class GraphPage:
    """A page that was written."""

    path: str
    size_bytes: int


def require_page(
    source: Path, output: Path, *, reference: Path | None = None, overwrite: bool
) -> None:
    """Find out before any work whether the page of a model can be made and written.

    Raises:
        UsageError: the output is one of the models.
        FileError: the output cannot be written, or exists and ``overwrite`` is False.
        MissingExtraError: a package of the extra ``view`` is not installed.
    """
    from edgeseal.tflite.view import require_library

    check_apart([source, reference], [output])
    check_output(output, overwrite=overwrite)
    require_library()


def write_graph(
    model: Model, source: Path, output: Path, layers: PageLayers, *, overwrite: bool
) -> GraphPage:
    """Write the page of a model.

    Raises:
        FileError: the page or the reference cannot be written or read.
        ModelError: the reference is no model.
        ProbeError: the process that tries operators cannot start.
        UsageError: the reference has other inputs or outputs.
    """
    from edgeseal.tflite.view import Overlay, write_page

    measures = []
    if layers.reference is not None:
        measures += _errors(model, source, layers.reference)
    if layers.time:
        measures.append(_times(model, source))
    overlay = finding_overlay(_check(model, source)) if layers.findings else Overlay()
    overlay = replace(overlay, measures=measures)
    write_page(model, source, output, overlay=overlay, overwrite=overwrite)
    return GraphPage(str(output), output.stat().st_size)


def finding_overlay(report: CheckReport) -> Overlay:
    """Return the findings of ``check`` as the page shows them."""
    from edgeseal.tflite.view import Overlay

    findings: dict[Operator, list[FindingNote]] = {}
    of_the_model: list[FindingNote] = []
    for finding in report.findings:
        note = _note(finding)
        for node in finding.nodes:
            findings.setdefault(node.operator, []).append(note)
        if not finding.nodes:
            of_the_model.append(note)
    return Overlay(findings=findings, model_findings=of_the_model)


def _errors(model: Model, path: Path, reference: Path) -> list[Measure]:
    from edgeseal.tflite.comparison import ComparedPart, ModelFile, check_ends, compare
    from edgeseal.tflite.inputs import drawn_samples
    from edgeseal.tflite.probe import Prober
    from edgeseal.tflite.view import Measure

    files = ModelFile.read(reference), ModelFile(path, model)
    check_ends(*files)
    samples = drawn_samples(files[0].model, model, 1, seed=0)
    with busy(f"comparing {path.name} with {reference.name}"), Prober() as prober:
        comparison = compare(*files, samples, prober)
    return [Measure(f"error ({part.value})", comparison.values(part)) for part in ComparedPart]


def _times(model: Model, path: Path) -> Measure:
    from edgeseal.tflite.probe import Prober
    from edgeseal.tflite.profiling import profile
    from edgeseal.tflite.view import Combine, Measure

    with busy(f"timing {path.name}"), Prober() as prober:
        found = profile(path, model, prober).operators
    latencies = {time.operator: time.latency_ms for time in found if time.latency_ms is not None}
    return Measure("time", latencies, "ms", Combine.SUM)


def _check(model: Model, path: Path) -> CheckReport:
    from edgeseal.tflite.diagnosis import check
    from edgeseal.tflite.probe import Prober

    with busy(f"checking {path.name}"), Prober() as prober:
        return check(model, path, prober, samples=[{}])


def _note(finding: Finding) -> FindingNote:
    from edgeseal.tflite.view import FindingNote

    kind = finding.kind
    lines = [kind.cause, kind.remedy]
    if finding.message:
        lines.append(" ".join(finding.message.split()))
    if not finding.nodes and finding.tensors:
        lines.append(", ".join(tensor.name for tensor in finding.tensors))
    return FindingNote(finding.code, finding.level, "\n".join(lines), kind.title)
