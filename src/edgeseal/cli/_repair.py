"""``edgeseal repair``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeseal._files import check_apart
from edgeseal.cli._check import report_record, samples_of
from edgeseal.cli._shared._console import (
    busy,
    mib,
    new_table,
    note,
    print_json,
    print_table,
    print_text,
)
from edgeseal.cli._shared._options import (
    ImagesOption,
    JsonOption,
    MemoryLimitOption,
    OverwriteOption,
    SeedOption,
    TimeoutOption,
)
from edgeseal.errors import UsageError

if TYPE_CHECKING:
    from edgeseal.tflite.repairs import (
        OutputAgreement,
        Preference,
        RepairResult,
        Unmended,
    )

__all__ = ["repair"]


def repair(
    source: Annotated[Path, typer.Argument(metavar="MODEL", help="Any .tflite file.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="OUT.tflite", help="File to write.")
    ],
    companion: Annotated[
        Path | None,
        typer.Option(
            "--float",
            metavar="FLOAT.tflite",
            help="The float model it came from, to compare with; layers that read a picture get "
            "back what rounding cut off, if that brings the outputs closer.",
        ),
    ] = None,
    prefer: Annotated[
        str,
        typer.Option(
            metavar="accuracy|integer",
            help="Where several repairs work: the most accurate one, then the smallest, then the "
            "fastest; or first those that compute in integers, such as hybrid kernels.",
        ),
    ] = "accuracy",
    images: ImagesOption = None,
    timeout_s: TimeoutOption = 60.0,
    memory_limit_mib: MemoryLimitOption = None,
    seed: SeedOption = 0,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Mend what `check` finds in a .tflite file, as far as it can be mended.

    Every repair is tried by the installed LiteRT first, and outputs are compared. The file is
    written in any case; exits with 1 if a finding of level error is left in it.
    """
    from edgeseal._files import check_output
    from edgeseal.tflite.graph import read_model, write_model
    from edgeseal.tflite.probe import Prober
    from edgeseal.tflite.repairs import repair as repair_model

    preference = _preference(prefer)
    check_apart([source, companion, *(images or ())], [output])
    check_output(output, overwrite=overwrite)
    model = read_model(source)
    samples = samples_of(model, images)
    limit_bytes = None if memory_limit_mib is None else int(memory_limit_mib * 2**20)
    with (
        busy(f"repairing {source.name}"),
        Prober(timeout_s=timeout_s, memory_limit_bytes=limit_bytes) as prober,
    ):
        result = repair_model(
            model,
            source,
            prober,
            samples=samples,
            companion=companion,
            prefer=preference,
            seed=seed,
        )
    write_model(result.model, output, overwrite=overwrite)
    if as_json:
        print_json("repair", _record(result, source, output))
    else:
        _show(result, source, output)
    if not result.is_good:
        note(f"{output}: written, but not good yet: see what could not be mended")
        raise typer.Exit(1)


def _preference(name: str) -> Preference:
    from edgeseal.tflite.repairs import Preference

    known = {preference.value: preference for preference in Preference}
    if name not in known:
        raise UsageError(f"--prefer {name}: expected one of {', '.join(known)}")
    return known[name]


def _record(result: RepairResult, source: Path, output: Path) -> dict[str, object]:
    companion = result.companion
    return {
        "source": str(source),
        "path": str(output),
        "size_bytes_before": source.stat().st_size,
        "size_bytes": output.stat().st_size,
        "changes": [change.to_json() for change in result.changes],
        "unmended": [_unmended_record(item) for item in result.unmended],
        "agreement": _agreement_record(result.agreement),
        "float_agreement_before": None
        if companion is None
        else _agreement_record(companion.before),
        "float_agreement": None if companion is None else _agreement_record(companion.after),
        "before": report_record(result.before),
        "after": {**report_record(result.after), "path": str(output)},
    }


def _unmended_record(item: Unmended) -> dict[str, object]:
    return {"code": item.code, "title": item.title, "text": item.text, "names": list(item.names)}


def _agreement_record(agreement: OutputAgreement | None) -> dict[str, object] | None:
    if agreement is None:
        return None
    return {
        "nmse": agreement.nmse,
        "sign_agreement": agreement.sign_agreement,
        "identical": agreement.is_identical,
    }


def _show(result: RepairResult, source: Path, output: Path) -> None:
    before, after = source.stat().st_size, output.stat().st_size
    print_text(f"{output}: {mib(before)} -> {mib(after)}, {_state(result)}")
    if result.changes:
        table = new_table("rewrite", "mends", "what was done", texts=("what was done",))
        for change in result.changes:
            table.add_row(change.rewrite, change.code or "accuracy", change.text)
        print_table(table)
    else:
        print_text("nothing was changed")
    if result.agreement is not None:
        print_text(f"outputs {_words(result.agreement, 'those before')}")
    if result.companion is not None:
        print_text(f"against the float model: {_against(result)}")
    for item in result.unmended:
        print_text(f"not mended: {item.code} {item.title}: {item.text}")


def _state(result: RepairResult) -> str:
    report = result.after
    if not report.prepares:
        return "cannot be prepared by this LiteRT"
    return {None: "prepares", True: "runs", False: "fails when it runs"}[report.runs]


def _against(result: RepairResult) -> str:
    companion = result.companion
    if companion is None or companion.after is None:
        return "cannot be compared: one of them does not run"
    before = "did not run" if companion.before is None else _figures(companion.before)
    return f"{_figures(companion.after)} (before: {before})"


def _words(agreement: OutputAgreement, what: str) -> str:
    if agreement.is_identical:
        return f"are {what}, to the bit"
    return f"differ from {what}: {_figures(agreement)}"


def _figures(agreement: OutputAgreement) -> str:
    nmse, signs = agreement.nmse, agreement.sign_agreement
    error = "NMSE undefined" if nmse is None else f"NMSE {nmse:.2g}"
    return error if signs is None else f"{error}, {signs:.4f} of the signs agree"
