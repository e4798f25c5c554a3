"""The page that shows a graph, written by a command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgeseal._files import check_output
from edgeseal.cli._console import busy
from edgeseal.cli._outputs import check_sources

if TYPE_CHECKING:
    from edgeseal.check import Finding, Report
    from edgeseal.graph import Model, Operator
    from edgeseal.view import FindingNote, Overlay

__all__ = ["GraphPage", "finding_overlay", "require_page", "write_graph"]


@dataclass(frozen=True, slots=True)
class GraphPage:
    """A page that was written."""

    path: str
    size_bytes: int


def require_page(source: Path, output: Path, *, overwrite: bool) -> None:
    """Find out before any work whether the page of a model can be made and written.

    Raises:
        UsageError: the output is the model itself.
        FileError: the output cannot be written, or exists and ``overwrite`` is False.
        MissingExtraError: a package of the extra ``view`` is not installed.
    """
    from edgeseal.view import require_library

    check_sources({source: output})
    check_output(output, overwrite=overwrite)
    require_library()


def write_graph(
    model: Model, source: Path, output: Path, *, with_check: bool, overwrite: bool
) -> GraphPage:
    """Write the page of a model, with what ``check`` finds if that is wanted.

    Raises:
        FileError: the page cannot be written.
        ProbeError: the process that tries operators cannot start.
    """
    from edgeseal.view import write_page

    overlay = finding_overlay(_check(model, source)) if with_check else None
    write_page(model, source, output, overlay=overlay, overwrite=overwrite)
    return GraphPage(str(output), output.stat().st_size)


def finding_overlay(report: Report) -> Overlay:
    """Return the findings of ``check`` as the page shows them."""
    from edgeseal.view import Overlay

    findings: dict[Operator, list[FindingNote]] = {}
    of_the_model: list[FindingNote] = []
    for finding in report.findings:
        note = _note(finding)
        for node in finding.nodes:
            findings.setdefault(node.operator, []).append(note)
        if not finding.nodes:
            of_the_model.append(note)
    return Overlay(findings=findings, model_findings=of_the_model)


def _check(model: Model, path: Path) -> Report:
    from edgeseal.check import check
    from edgeseal.probe import Prober

    with busy(f"checking {path.name}"), Prober() as prober:
        return check(model, path, prober, samples=[{}])


def _note(finding: Finding) -> FindingNote:
    from edgeseal.view import FindingNote

    kind = finding.kind
    lines = [kind.cause, kind.remedy]
    if finding.message:
        lines.append(" ".join(finding.message.split()))
    if not finding.nodes and finding.tensors:
        lines.append(", ".join(tensor.name for tensor in finding.tensors))
    return FindingNote(finding.code, finding.level, "\n".join(lines), kind.title)
