"""``edgeseal profile``."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgeseal.cli._shared._console import new_table, print_result, print_table, print_text
from edgeseal.cli._shared._input_options import takes_inputs
from edgeseal.cli._shared._options import (
    AllOption,
    JsonOption,
    ModelArgument,
    RoundsOption,
    SeedOption,
    ThreadsOption,
    TimeoutOption,
    TopOption,
)
from edgeseal.cli._shared._progress import ConsoleProgress

if TYPE_CHECKING:
    from edgeseal.tflite import Profile
    from edgeseal.tflite.profiling import KindTime, OperatorTime

__all__ = ["profile"]

_BUSY = 1.2  # times the processor's own time; with one thread, an idle machine shows 1.0


class ProfileOrder(enum.Enum):
    """What to sort operators by."""

    latency = "latency"
    macs = "macs"
    number = "number"


@takes_inputs
def profile(
    path: ModelArgument,
    threads: ThreadsOption = 1,
    rounds: RoundsOption = 20,
    sort: Annotated[
        ProfileOrder, typer.Option("--sort", help="Order of the operators.")
    ] = ProfileOrder.latency,
    top: TopOption = 10,
    list_all: AllOption = False,
    seed: SeedOption = 0,
    timeout_s: TimeoutOption = 60.0,
    as_json: JsonOption = False,
    **inputs: Any,
) -> None:
    """Show where the time of a .tflite file goes, and on which kernels.

    Every operator is timed alone, on values that would really reach it, and the whole file now and
    then in between. Exits with 1 if the file does not run as a whole.
    """
    from edgeseal import tflite

    found = tflite.profile(
        path,
        threads=threads,
        rounds=rounds,
        seed=seed,
        timeout_s=timeout_s,
        progress=ConsoleProgress(),
        **inputs,
    )
    print_result(
        "profile",
        found,
        as_json=as_json,
        show=lambda: _show(found, sort, None if list_all else top),
        notes=_notes(found),
    )


def _show(found: Profile, sort: ProfileOrder, limit: int | None) -> None:
    print_text(str(found))
    _show_kinds(found.kinds(), found.macs())
    _show_operators(sorted(found.operators, key=lambda operator: _key(operator, sort)), limit)
    failed = sum(bool(operator.message) for operator in found.operators)
    if failed:
        print_text(f"{failed} operator{'s' * (failed != 1)} could not be timed; --json says why")


def _notes(found: Profile) -> Iterator[str]:
    if found.refusal:
        yield f"{found.path}: does not run as a whole: {' '.join(found.refusal.split())}"
        return
    latency_ms, processor_ms = found.latency_ms or 0, found.processor_ms or 0
    if found.threads == 1 and processor_ms and latency_ms > _BUSY * processor_ms:
        yield (
            f"other programs keep the processor busy: the file needs {processor_ms:.3g} ms of it "
            f"and took {latency_ms:.3g} ms; latencies are too long, shares hold"
        )


def _show_kinds(kinds: list[KindTime], total_macs: int) -> None:
    numbers = ("count", "on delegate", "latency ms", "share", "MACs")
    table = new_table("operators", *numbers, right=numbers)
    for kind in kinds:
        table.add_row(
            kind.kind,
            kind.count,
            kind.on_delegate,
            f"{kind.latency_ms:.3f}",
            _percent(kind.share),
            _percent(kind.macs / total_macs) if kind.macs else "-",
        )
    print_table(table)


def _show_operators(operators: list[OperatorTime], limit: int | None) -> None:
    numbers = ("latency ms", "share", "M MACs")
    columns = ("operator", "place", *numbers, "arithmetic", "module")
    table = new_table("#", *columns, right=("#", *numbers), names=("module",))
    for found in operators[:limit]:
        macs = found.macs
        table.add_row(
            found.number,
            found.operator.kind,
            found.placement.value,
            "-" if found.latency_ms is None else f"{found.latency_ms:.3f}",
            _percent(found.share),
            "-" if macs is None else f"{macs.count / 1e6:.3g}",
            "-" if macs is None else macs.arithmetic.value,
            found.module,
        )
    print_table(table, of=len(operators), rest="--all lists them all")


def _key(found: OperatorTime, sort: ProfileOrder) -> tuple[float, int]:
    if sort is ProfileOrder.latency:
        return -(found.latency_ms or 0), found.number
    if sort is ProfileOrder.macs:
        return -(found.macs.count if found.macs else 0), found.number
    return 0, found.number


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"
