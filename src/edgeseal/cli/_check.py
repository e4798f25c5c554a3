"""``edgeseal check``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgeseal.cli._shared._console import mib, new_table, print_result, print_table, print_text
from edgeseal.cli._shared._input_options import takes_inputs
from edgeseal.cli._shared._options import (
    DEVICES,
    FloatOption,
    ImagesOption,
    JsonOption,
    MemoryLimitOption,
    ModelArgument,
    SeedOption,
)
from edgeseal.cli._shared._progress import ConsoleProgress

if TYPE_CHECKING:
    from edgeseal.tflite import CheckReport, DeviceReport, TargetReports
    from edgeseal.tflite.diagnosis import Finding, Node
    from edgeseal.tflite.graph import Tensor
    from edgeseal.tflite.targets import TargetReport

__all__ = ["check"]

_NAME_LENGTH = 30  # letters; converters put the whole module path in front
_SHOWN_NODES = 3  # of warnings and notes; every failing node is shown


def _print_codes(value: bool) -> None:
    if value:
        from edgeseal.tflite.diagnosis import codes_page

        print_text(codes_page().rstrip())
        raise typer.Exit


@takes_inputs
def check(
    path: ModelArgument,
    images: ImagesOption = None,
    targets: Annotated[
        list[str] | None,
        typer.Option(
            "--target",
            metavar="cpu|gpu|npu|ethos-u85",
            help="Instead, say which operators an accelerator takes, and why not the others.",
        ),
    ] = None,
    devices: Annotated[
        list[str] | None,
        typer.Option(
            "--on",
            metavar=DEVICES,
            help="Instead, let a device compile and run it: what it refuses, and what it computes "
            "wrong. May be repeated.",
        ),
    ] = None,
    float_model: FloatOption = None,
    macs: Annotated[
        int | None,
        typer.Option(
            "--macs", metavar="N", help="Size of the Ethos-U85: 128 to 2048. [default: 256]"
        ),
    ] = None,
    prepare_only: Annotated[
        bool, typer.Option("--prepare-only", help="Prepare the operators without running them.")
    ] = False,
    timeout_s: Annotated[
        float | None,
        typer.Option(
            "--timeout",
            metavar="S",
            min=0.1,
            help="Longest time for one trial. [default: 60, with --on 600]",
        ),
    ] = None,
    memory_limit_mib: MemoryLimitOption = None,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
    _codes: Annotated[
        bool,
        typer.Option(
            "--codes", callback=_print_codes, is_eager=True, help="Explain all codes, in Markdown."
        ),
    ] = False,
    **inputs: Any,
) -> None:
    """Find what is wrong with a .tflite file, all of it at once.

    Every operator is cut out and tried by the installed LiteRT on the values that reach it. Exits
    with 1 if there is a finding of level error, if a target does not take every operator, or if a
    device does not take all of it or computes something else.
    """
    from edgeseal import tflite

    # which of the three it is, only the options tell
    check_file: Callable[..., CheckReport | TargetReports | DeviceReport] = tflite.check
    found = check_file(
        path,
        images=images or None,
        targets=targets or None,
        devices=devices or None,
        float_model=float_model,
        macs=macs,
        prepare_only=prepare_only,
        timeout_s=timeout_s,
        memory_limit_mib=memory_limit_mib,
        seed=seed,
        progress=ConsoleProgress(),
        **inputs,
    )
    print_result("check", found, as_json=as_json, show=lambda: _show(path, found))


def _show(path: Path, found: CheckReport | TargetReports | DeviceReport) -> None:
    from edgeseal.tflite import DeviceReport, TargetReports

    size = mib(path.stat().st_size)
    if isinstance(found, DeviceReport):
        print_text(f"{path}  {size}, {found.results[0].operators} operators")
        print_text(str(found))
        return
    if isinstance(found, TargetReports):
        print_text(f"{path}  {size}, {found.reports[0].operators} operators")
        for report in found.reports:
            _show_target(report)
        return
    print_text(f"{path}  {size}, {found.operators} operators, LiteRT {found.runtime}")
    print_text(found.verdict)
    if not found.findings:
        return
    table = new_table("code", "level", "where", "what", "repair", right=("where",), texts=("what",))
    for finding in found.findings:
        kind = finding.kind
        mendable = "yes" if kind.is_mendable else "-"
        table.add_row(finding.code, finding.level.value, finding.place, kind.title, mendable)
    print_table(table)
    for finding in found.findings:
        _show_finding(finding)


def _show_finding(finding: Finding) -> None:
    from edgeseal.tflite.diagnosis import Level

    print_text(f"\n{finding.code} {finding.level.value}: {finding.kind.title}")
    print_text(f"  why: {finding.kind.cause}")
    print_text(f"  do:  {finding.kind.remedy}")
    if finding.message:
        print_text(f"  says: {' '.join(finding.message.split())}")
    is_error = finding.level is Level.ERROR
    shown = finding.nodes if is_error else finding.nodes[:_SHOWN_NODES]
    for node in shown:
        print_text(f"  node {node.number} {_signature(node)}")
    for tensor in finding.tensors[:_SHOWN_NODES]:
        print_text(f"  {tensor.name}  {_kind(tensor)}")
    listed = len(shown) or min(len(finding.tensors), _SHOWN_NODES)
    rest = (len(finding.nodes) or len(finding.tensors)) - listed
    if rest:
        print_text(f"  and {rest} more; --json lists them all")


def _signature(node: Node) -> str:
    operator = node.operator
    inputs = ", ".join("-" if tensor is None else _kind(tensor) for tensor in operator.inputs)
    outputs = ", ".join(map(_kind, operator.outputs))
    names = ", ".join(_short(tensor.name) for tensor in operator.outputs if tensor.name)
    place = f" in {node.module}" if node.module else ""
    return f"{operator.kind}({inputs}) -> {outputs}  {names}{place}"


def _short(name: str) -> str:
    """Return the end of a name, which tells tensors of a module apart."""
    return name if len(name) <= _NAME_LENGTH else "..." + name[-_NAME_LENGTH:]


def _kind(tensor: Tensor) -> str:
    constant = "const " if tensor.is_constant else ""
    return f"{constant}{tensor.dtype}{list(tensor.shape)}"


def _show_target(report: TargetReport) -> None:
    print_text(f"\n{report}")
    print_text(f"  {report.basis.value}: {report.source}")
    if report.refusal:
        print_text(f"  cannot be prepared at all: {' '.join(report.refusal.split())}")
    estimate = report.estimate
    if estimate is not None:
        print_text(
            f"  estimate for {estimate.accelerator} ({estimate.system}): "
            f"{estimate.latency_ms:.2f} ms, {estimate.cycles / 1e6:.2f} M cycles, "
            f"{estimate.macs / 1e6:.0f} M MACs"
        )
        print_text(
            f"  on-chip memory {mib(estimate.sram_bytes)}, off-chip {mib(estimate.dram_bytes)}, "
            f"weights as stored {mib(estimate.weights_bytes)}; without what falls back"
        )
    if report.fallbacks:
        columns = "operator", "count", "falls back because"
        table = new_table(*columns, right=("count",), texts=columns[2:])
        for kind, reason, count in report.groups():
            table.add_row(kind, count, reason)
        print_table(table)
