"""``edgeseal check``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgeseal.cli._devices import check_devices
from edgeseal.cli._shared._console import busy, mib, new_table, print_json, print_table, print_text
from edgeseal.cli._shared._options import (
    ImagesOption,
    JsonOption,
    MemoryLimitOption,
    SeedOption,
)
from edgeseal.cli._targets import check_targets
from edgeseal.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgeseal.tflite.diagnosis import CheckReport, Finding, Node
    from edgeseal.tflite.graph import Model, Tensor

__all__ = ["check", "finding_record", "report_record", "samples_of"]

_NAME_LENGTH = 30  # letters; converters put the whole module path in front
_MACS = 256
_TIMEOUT_S = 60.0
_DEVICE_TIMEOUT_S = 600.0  # an emulator takes a minute for a full-size picture
_SHOWN_NODES = 3  # of warnings and notes; every failing node is shown


def _print_codes(value: bool) -> None:
    if value:
        from edgeseal.tflite.diagnosis import codes_page

        print_text(codes_page().rstrip())
        raise typer.Exit


def check(
    path: Annotated[Path, typer.Argument(metavar="MODEL", help="Any .tflite file.")],
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
            metavar="cpu|gpu|qualcomm[:SOC]|arm[:CPU]",
            help="Instead, let a device compile and run it: what it refuses, and what it computes "
            "wrong. May be repeated.",
        ),
    ] = None,
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
) -> None:
    """Find what is wrong with a .tflite file, all of it at once.

    Every operator is cut out and tried by the installed LiteRT on the values that reach it. Exits
    with 1 if there is a finding of level error, if a target does not take every operator, or if a
    device does not take all of it or computes something else.
    """
    from edgeseal.tflite.diagnosis import check as check_model
    from edgeseal.tflite.graph import read_model
    from edgeseal.tflite.probe import Prober

    _check_options(targets, macs=macs, images=images, prepare_only=prepare_only)
    _check_device_options(
        devices, targets, prepare_only=prepare_only, memory_limit=memory_limit_mib
    )
    if devices:
        check_devices(
            path,
            devices,
            images=images,
            seed=seed,
            timeout_s=_DEVICE_TIMEOUT_S if timeout_s is None else timeout_s,
            as_json=as_json,
        )
        return
    timeout_s = _TIMEOUT_S if timeout_s is None else timeout_s
    limit_bytes = None if memory_limit_mib is None else int(memory_limit_mib * 2**20)
    if targets:
        check_targets(
            path,
            targets,
            macs=_MACS if macs is None else macs,
            timeout_s=timeout_s,
            memory_limit_bytes=limit_bytes,
            as_json=as_json,
        )
        return
    model = read_model(path)
    samples = [] if prepare_only else samples_of(model, images)
    with (
        busy(f"checking {path.name}"),
        Prober(timeout_s=timeout_s, memory_limit_bytes=limit_bytes) as prober,
    ):
        report = check_model(model, path, prober, samples=samples, seed=seed)
    if as_json:
        print_json("check", report_record(report))
    else:
        _show(report)
    if not report.is_good:
        raise typer.Exit(1)


def _check_options(
    targets: list[str] | None, *, macs: int | None, images: list[Path] | None, prepare_only: bool
) -> None:
    """Refuse options that would change nothing.

    Raises:
        UsageError: they belong to the other use of the verb.
    """
    if macs is not None and "ethos-u85" not in (targets or ()):
        raise UsageError("--macs goes with --target ethos-u85; leave it out")
    if targets and (images or prepare_only):
        raise UsageError("--images and --prepare-only go with trying the file, without --target")
    if images and prepare_only:
        raise UsageError("--images and --prepare-only: give one of them; pictures need a run")


def _check_device_options(
    devices: list[str] | None,
    targets: list[str] | None,
    *,
    prepare_only: bool,
    memory_limit: float | None,
) -> None:
    """Refuse options that would change nothing beside ``--on``.

    Raises:
        UsageError: they belong to another use of the verb.
    """
    if devices and (targets or prepare_only or memory_limit is not None):
        raise UsageError(
            "--on runs the file on devices: leave --target, --prepare-only and --memory-limit out"
        )


def samples_of(model: Model, images: list[Path] | None) -> list[dict[str, NDArray[Any]]]:
    """Return what to run a model on: pictures, or one sample whose inputs are drawn."""
    if not images:
        return [{}]
    from edgeseal.pictures import list_pictures
    from edgeseal.tflite.inputs import picture_input, picture_samples

    return picture_samples(list_pictures(images), picture_input(model))


def report_record(report: CheckReport) -> dict[str, object]:
    """Return a report for JSON."""
    return {
        "path": str(report.path),
        "runtime": report.runtime,
        "prepares": report.prepares,
        "runs": report.runs,
        "operators": report.operators,
        "fallback": report.fallback,
        "partitions": report.partitions,
        "findings": [finding_record(finding) for finding in report.findings],
    }


def finding_record(finding: Finding) -> dict[str, object]:
    """Return a finding for JSON."""
    kind = finding.kind
    return {
        "code": finding.code,
        "level": finding.level.value,
        "title": kind.title,
        "cause": kind.cause,
        "remedy": kind.remedy,
        "mendable": kind.is_mendable,
        "message": finding.message,
        "nodes": [_node_record(node) for node in finding.nodes],
        "tensors": [_tensor_record(tensor) for tensor in finding.tensors],
    }


def _node_record(node: Node) -> dict[str, object]:
    operator = node.operator
    return {
        "subgraph": node.subgraph.name,
        "number": node.number,
        "kind": operator.kind,
        "module": node.module,
        "inputs": [None if t is None else _tensor_record(t) for t in operator.inputs],
        "outputs": [_tensor_record(tensor) for tensor in operator.outputs],
    }


def _tensor_record(tensor: Tensor) -> dict[str, object]:
    return {
        "name": tensor.name,
        "type": tensor.dtype,
        "shape": list(tensor.shape),
        "constant": tensor.is_constant,
    }


def _show(report: CheckReport) -> None:
    size = mib(report.path.stat().st_size)
    print_text(f"{report.path}  {size}, {report.operators} operators, LiteRT {report.runtime}")
    print_text(_verdict(report))
    if not report.findings:
        return
    table = new_table("code", "level", "where", "what", "repair", right=("where",), texts=("what",))
    for finding in report.findings:
        count = len(finding.nodes) or len(finding.tensors)
        where = f"{count} {'node' if finding.nodes else 'tensor'}{'s' * (count != 1)}"
        mendable = "yes" if finding.kind.is_mendable else "-"
        what = finding.kind.title
        table.add_row(finding.code, finding.level.value, where if count else "file", what, mendable)
    print_table(table)
    for finding in report.findings:
        _show_finding(finding)


def _verdict(report: CheckReport) -> str:
    if not report.prepares:
        return "cannot be prepared by this LiteRT"
    ran = {None: "", True: ", runs", False: ", but fails when it runs"}[report.runs]
    place = f"; {report.operators - report.fallback} operators on the accelerated delegate"
    count = f"{report.partitions} piece{'s' * (report.partitions != 1)}"
    pieces = f" in {count}" if report.partitions else ""
    return f"prepares{ran}{place}{pieces}, {report.fallback} on fallback kernels"


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
