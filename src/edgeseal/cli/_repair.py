"""``edgeseal repair``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgeseal.cli._shared._console import new_table, print_result, print_table, print_text
from edgeseal.cli._shared._input_options import takes_inputs
from edgeseal.cli._shared._options import (
    DEVICES,
    FloatOption,
    ImagesOption,
    JsonOption,
    MemoryLimitOption,
    ModelArgument,
    OutputOption,
    OverwriteOption,
    SeedOption,
    TimeoutOption,
)
from edgeseal.cli._shared._progress import ConsoleProgress

if TYPE_CHECKING:
    from edgeseal.tflite import RepairedFile
    from edgeseal.tflite.repairs import OutputAgreement, RepairResult
    from edgeseal.tflite.rewrites import ModelChange

__all__ = ["repair"]


@takes_inputs
def repair(
    source: ModelArgument,
    output: OutputOption,
    float_model: FloatOption = None,
    prefer: Annotated[
        str,
        typer.Option(
            "--prefer",
            metavar="accuracy|integer",
            help="Where several repairs work: the most accurate one, then the smallest, then the "
            "fastest; or first those that compute in integers, such as hybrid kernels.",
        ),
    ] = "accuracy",
    device: Annotated[
        str | None,
        typer.Option(
            "--for",
            metavar=DEVICES,
            help="Rewrite as well what this device refuses or computes wrong, as `check --on` "
            "finds it.",
        ),
    ] = None,
    images: ImagesOption = None,
    timeout_s: TimeoutOption = 60.0,
    time_limit_s: Annotated[
        float,
        typer.Option("--time-limit", metavar="S", min=0.0, help="After it nothing more is tried."),
    ] = 1800.0,
    memory_limit_mib: MemoryLimitOption = None,
    seed: SeedOption = 0,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
    **inputs: Any,
) -> None:
    """Mend what `check` finds in a .tflite file, as far as it can be mended.

    Every repair is tried by the installed LiteRT first, and outputs are compared. With --float,
    layers that read a picture get back what rounding cut off, if that brings the outputs closer.
    With --for, rewrites of equal value are kept where the device's verdict becomes better by them.
    The file is written in any case; exits with 1 if a finding of level error is left in it, or the
    device does not compute all of it right.
    """
    from edgeseal import tflite

    found = tflite.repair(
        source,
        output,
        float_model=float_model,
        prefer=prefer,
        device=device,
        images=images or None,
        timeout_s=timeout_s,
        time_limit_s=time_limit_s,
        memory_limit_mib=memory_limit_mib,
        seed=seed,
        overwrite=overwrite,
        progress=ConsoleProgress(),
        **inputs,
    )
    left = f"{output}: written, but not good yet: see what could not be mended"
    print_result(
        "repair",
        found,
        as_json=as_json,
        show=lambda: _show(found),
        notes=() if found.is_good else (left,),
    )


def _show(found: RepairedFile) -> None:
    result = found.result
    print_text(str(found))
    if result.changes:
        columns = "rewrite", "mends", "what was done"
        table = new_table(*columns, texts=columns[2:])
        for change in result.changes:
            table.add_row(change.rewrite, change.code or _purpose(change), change.text)
        print_table(table)
    else:
        print_text("nothing was changed")
    if result.agreement is not None:
        print_text(f"outputs {_words(result.agreement, 'those before')}")
    if result.companion is not None:
        print_text(f"against the float model: {_against(result)}")
    if result.on_device is not None:
        print_text(str(result.on_device))
    for item in result.unmended:
        print_text(f"not mended: {item.code} {item.title}: {item.text}")


def _purpose(change: ModelChange) -> str:
    from edgeseal.tflite.repairs import FOR_DEVICES

    for_device = {rewrite.name for rewrite in FOR_DEVICES}
    return "device" if change.rewrite in for_device else "accuracy"


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
