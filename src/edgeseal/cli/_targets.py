"""``edgeseal check --target``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from edgeseal.cli._shared._console import busy, mib, new_table, print_json, print_table, print_text
from edgeseal.errors import UsageError

if TYPE_CHECKING:
    from edgeseal.tflite.targets import TargetEstimate, TargetReport

__all__ = ["TARGETS", "check_targets"]

TARGETS = ("cpu", "gpu", "npu", "ethos-u85")


def check_targets(
    path: Path,
    names: Sequence[str],
    *,
    macs: int,
    timeout_s: float,
    memory_limit_bytes: int | None,
    as_json: bool,
) -> None:
    """Show which operators of a file some targets take; exit with 1 if one leaves any.

    Args:
        path: the file.
        names: of :data:`TARGETS`.
        macs: size of an Ethos-U85.
        timeout_s: longest time for one trial or compilation.
        memory_limit_bytes: for the process that tries.
        as_json: print JSON.

    Raises:
        UsageError: there is no such target.
    """
    from edgeseal.tflite.graph import read_model
    from edgeseal.tflite.targets import Target, assess

    unknown = [name for name in names if name not in TARGETS]
    if unknown:
        known = ", ".join(TARGETS)
        raise UsageError(f"there is no target {', '.join(unknown)}; targets are {known}")
    model = read_model(path)
    reports: list[TargetReport] = []
    for name in dict.fromkeys(names):
        with busy(f"checking {path.name} for {name}"):
            reports.append(
                assess(
                    model,
                    Target(name),
                    macs=macs,
                    timeout_s=timeout_s,
                    memory_limit_bytes=memory_limit_bytes,
                )
            )
    if as_json:
        print_json("check", {"path": str(path), "targets": [_record(r) for r in reports]})
    else:
        print_text(f"{path}  {mib(path.stat().st_size)}, {reports[0].operators} operators")
        for report in reports:
            _show(report)
    if not all(report.is_good for report in reports):
        raise typer.Exit(1)


def _show(report: TargetReport) -> None:
    taken = report.operators - len(report.fallbacks)
    pieces = f" in {report.partitions} piece{'s' * (report.partitions != 1)}"
    where = pieces if report.partitions else ""
    print_text(
        f"\n{report.target.value}: {taken} of {report.operators} operators{where}, "
        f"{len(report.fallbacks)} fall back"
    )
    print_text(f"  {report.basis.value}: {report.source}")
    if report.refusal:
        print_text(f"  cannot be prepared at all: {' '.join(report.refusal.split())}")
    if report.estimate is not None:
        _show_estimate(report.estimate)
    if report.fallbacks:
        table = new_table(
            "operator",
            "count",
            "falls back because",
            right=("count",),
            texts=("falls back because",),
        )
        for kind, reason, count in report.groups():
            table.add_row(kind, str(count), reason)
        print_table(table)


def _show_estimate(estimate: TargetEstimate) -> None:
    print_text(
        f"  estimate for {estimate.accelerator} ({estimate.system}): {estimate.latency_ms:.2f} ms, "
        f"{estimate.cycles / 1e6:.2f} M cycles, {estimate.macs / 1e6:.0f} M MACs"
    )
    print_text(
        f"  on-chip memory {mib(estimate.sram_bytes)}, off-chip {mib(estimate.dram_bytes)}, "
        f"weights as stored {mib(estimate.weights_bytes)}; without what falls back"
    )


def _record(report: TargetReport) -> dict[str, object]:
    estimate = report.estimate
    return {
        "target": report.target.value,
        "basis": report.basis.name.lower(),
        "source": report.source,
        "good": report.is_good,
        "refusal": report.refusal,
        "operators": report.operators,
        "partitions": report.partitions,
        "fallbacks": [
            {
                "number": found.node.number,
                "kind": found.node.operator.kind,
                "module": found.node.module,
                "outputs": [tensor.name for tensor in found.node.operator.outputs],
                "reason": found.reason,
            }
            for found in report.fallbacks
        ],
        "estimate": None if estimate is None else _estimate_record(estimate),
    }


def _estimate_record(estimate: TargetEstimate) -> dict[str, object]:
    return {
        "accelerator": estimate.accelerator,
        "system": estimate.system,
        "cycles": estimate.cycles,
        "latency_ms": estimate.latency_ms,
        "macs": estimate.macs,
        "sram_bytes": estimate.sram_bytes,
        "dram_bytes": estimate.dram_bytes,
        "weights_bytes": estimate.weights_bytes,
    }
