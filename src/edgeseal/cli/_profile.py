"""``edgeseal profile``."""

from __future__ import annotations

import enum
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeseal.cli._shared._console import (
    busy,
    new_table,
    note,
    print_json,
    print_table,
    print_text,
)
from edgeseal.cli._shared._options import JsonOption, TimeoutOption

if TYPE_CHECKING:
    from edgeseal.tflite.graph import Macs
    from edgeseal.tflite.profiling import KindTime, OperatorTime, Profile

__all__ = ["profile"]

_BUSY = 1.2  # times the processor's own time; with one thread, an idle machine shows 1.0


class ProfileOrder(enum.Enum):
    """What to sort operators by."""

    latency = "latency"
    macs = "macs"
    number = "number"


def profile(
    path: Annotated[Path, typer.Argument(metavar="MODEL", help="Any .tflite file.")],
    threads: Annotated[
        int, typer.Option("--threads", metavar="N", min=1, help="Threads that LiteRT may use.")
    ] = 1,
    repeats: Annotated[
        int, typer.Option("--repeats", metavar="N", min=1, help="Timed runs of each operator.")
    ] = 20,
    sort: Annotated[
        ProfileOrder, typer.Option("--sort", help="Order of the operators.")
    ] = ProfileOrder.latency,
    top: Annotated[int, typer.Option("--top", metavar="N", min=1, help="Operators to list.")] = 10,
    list_all: Annotated[bool, typer.Option("--all", help="List every operator.")] = False,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", min=0, help="For the inputs, drawn.")
    ] = 0,
    timeout_s: TimeoutOption = 60.0,
    as_json: JsonOption = False,
) -> None:
    """Show where the time of a .tflite file goes, and on which kernels.

    Every operator is timed alone, on values that would really reach it, and the whole file now and
    then in between. Exits with 1 if the file does not run as a whole.
    """
    from edgeseal.tflite.graph import read_model
    from edgeseal.tflite.probe import Prober
    from edgeseal.tflite.profiling import profile as profile_file

    model = read_model(path)
    total, done = len(model.main.operators), 0
    text = f"timing {path.name}"
    with busy(text) as show, Prober(timeout_s=timeout_s, threads=threads) as prober:

        def advance() -> None:
            nonlocal done
            done += 1
            show(f"{text}: operator {done} of {total}")

        found = profile_file(path, model, prober, repeats=repeats, seed=seed, advance=advance)
    if as_json:
        print_json("profile", _record(found))
    else:
        _show(found, sort, None if list_all else top)
    if found.refusal:
        note(f"{path}: does not run as a whole: {' '.join(found.refusal.split())}")
        raise typer.Exit(1)


def _show(found: Profile, sort: ProfileOrder, limit: int | None) -> None:
    print_text(_times(found))
    print_text(_places(found))
    print_text(_macs(found))
    _note_busy(found)
    _show_kinds(found.kinds(), found.macs())
    ranked = sorted(found.operators, key=lambda operator: _key(operator, sort))
    shown = ranked[:limit]
    _show_operators(shown)
    if len(shown) < len(ranked):
        print_text(f"{len(shown)} of {len(ranked)} operators; --all lists them all")
    failed = sum(bool(operator.message) for operator in found.operators)
    if failed:
        print_text(f"{failed} operator{'s' * (failed != 1)} could not be timed; --json says why")


def _times(found: Profile) -> str:
    threads = f"{found.threads} thread{'s' * (found.threads != 1)}"
    whole = "does not run" if found.latency_ms is None else f"{found.latency_ms:.3g} ms"
    share = "" if found.isolated_share is None else f", {found.isolated_share:.0%} of the whole"
    return (
        f"{found.path}: {whole} with {threads}; operators one by one: {found.isolated_ms:.3g} ms"
        + share
    )


def _places(found: Profile) -> str:
    from edgeseal.tflite.profiling import Placement

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
    from edgeseal.tflite.graph import Arithmetic

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


def _note_busy(found: Profile) -> None:
    if found.threads > 1 or not found.latency_ms or not found.processor_ms:
        return
    if found.latency_ms > _BUSY * found.processor_ms:
        note(
            f"other programs keep the processor busy: the file needs {found.processor_ms:.3g} ms "
            f"of it and took {found.latency_ms:.3g} ms; latencies are too long, shares hold"
        )


def _show_kinds(kinds: list[KindTime], total_macs: int) -> None:
    numbers = ("count", "on delegate", "latency ms", "share", "MACs")
    table = new_table("operators", *numbers, right=numbers)
    for kind in kinds:
        table.add_row(
            kind.kind,
            str(kind.count),
            str(kind.on_delegate),
            f"{kind.latency_ms:.3f}",
            _percent(kind.share),
            _percent(kind.macs / total_macs) if kind.macs else "-",
        )
    print_table(table)


def _show_operators(operators: list[OperatorTime]) -> None:
    numbers = ("latency ms", "share", "M MACs")
    columns = ("operator", "place", *numbers, "arithmetic", "module")
    table = new_table("#", *columns, right=("#", *numbers), names=("module",))
    for found in operators:
        table.add_row(
            str(found.number),
            found.operator.kind,
            found.placement.value,
            "-" if found.latency_ms is None else f"{found.latency_ms:.3f}",
            _percent(found.share),
            "-" if found.macs is None else f"{found.macs.count / 1e6:.3g}",
            "-" if found.macs is None else found.macs.arithmetic.value,
            found.module,
        )
    print_table(table)


def _key(found: OperatorTime, sort: ProfileOrder) -> tuple[float, int]:
    if sort is ProfileOrder.latency:
        return -(found.latency_ms or 0), found.number
    if sort is ProfileOrder.macs:
        return -(found.macs.count if found.macs else 0), found.number
    return 0, found.number


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _record(found: Profile) -> dict[str, object]:
    from edgeseal.tflite.graph import Arithmetic

    total = found.macs()
    integer = found.macs(Arithmetic.INTEGER, Arithmetic.HYBRID)
    return {
        "path": str(found.path),
        "threads": found.threads,
        "repeats": found.repeats,
        "latency_ms": found.latency_ms,
        "processor_ms": found.processor_ms,
        "refusal": found.refusal or None,
        "partitions": found.partitions,
        "isolated_ms": found.isolated_ms,
        "isolated_share": found.isolated_share,
        "macs": {"total": total, **{a.value: found.macs(a) for a in Arithmetic}},
        "integer_macs_share": integer / total if total else None,
        "kinds": [_kind_record(kind) for kind in found.kinds()],
        "operators": [_operator_record(operator) for operator in found.operators],
    }


def _kind_record(kind: KindTime) -> dict[str, object]:
    return {
        "kind": kind.kind,
        "count": kind.count,
        "on_delegate": kind.on_delegate,
        "latency_ms": kind.latency_ms,
        "share": kind.share,
        "macs": kind.macs,
    }


def _operator_record(found: OperatorTime) -> dict[str, object]:
    return {
        "number": found.number,
        "kind": found.operator.kind,
        "outputs": [tensor.name for tensor in found.operator.outputs],
        "module": found.module,
        "placement": found.placement.value,
        "latency_ms": found.latency_ms,
        "share": found.share,
        "macs": _macs_record(found.macs),
        "failure": found.message or None,
    }


def _macs_record(macs: Macs | None) -> dict[str, object] | None:
    return None if macs is None else {"count": macs.count, "arithmetic": macs.arithmetic.value}
