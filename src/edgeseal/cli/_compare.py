"""``edgeseal compare``."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgeseal.cli._shared._console import new_table, print_result, print_table, print_text
from edgeseal.cli._shared._input_options import takes_inputs
from edgeseal.cli._shared._options import (
    AllOption,
    DrawsOption,
    ImagesOption,
    JsonOption,
    OnDeviceOption,
    OverwriteOption,
    PlotOption,
    SeedOption,
    TimeoutOption,
    TopOption,
)
from edgeseal.cli._shared._progress import ConsoleProgress

if TYPE_CHECKING:
    from edgeseal.tflite import CompareResult
    from edgeseal.tflite.comparison import OperatorError

__all__ = ["compare"]


class ComparisonOrder(enum.Enum):
    """The part of the error to sort by."""

    own = "own"
    arriving = "arriving"
    leaving = "leaving"


@takes_inputs
def compare(
    reference: Annotated[
        Path, typer.Argument(metavar="A.tflite", help="The reference, such as the float model.")
    ],
    candidate: Annotated[
        Path, typer.Argument(metavar="B.tflite", help="Another file of the same graph.")
    ],
    images: ImagesOption = None,
    draws: DrawsOption = None,
    seed: SeedOption = 0,
    device: OnDeviceOption = None,
    sort: Annotated[
        ComparisonOrder, typer.Option("--sort", help="Error to sort by.")
    ] = ComparisonOrder.own,
    top: TopOption = 20,
    list_all: AllOption = False,
    max_nsr: Annotated[
        float | None,
        typer.Option("--max-nsr", metavar="X", min=0, help="Exit with 1 if an output's is above."),
    ] = None,
    plot: PlotOption = None,
    overwrite: OverwriteOption = False,
    timeout_s: TimeoutOption = 60.0,
    as_json: JsonOption = False,
    **inputs: Any,
) -> None:
    """Find out where two files of one graph differ, operator by operator.

    NSR, noise to signal, is the squared error as a share of A's squared values. Own: what B's
    operator adds to exact inputs. Arriving: error of the inputs that it really has. Leaving: error
    of its results. With --on, a device computes B's outputs.
    """
    from edgeseal import tflite

    found = tflite.compare(
        reference,
        candidate,
        images=images or None,
        draws=draws,
        seed=seed,
        device=device,
        max_nsr=max_nsr,
        plot=plot,
        overwrite=overwrite,
        timeout_s=timeout_s,
        progress=ConsoleProgress(),
        **inputs,
    )
    error = found.comparison.error
    gate = f"gate: NSR {'unknown' if error is None else error} is above {max_nsr}"
    if max_nsr is None:
        gate = "outputs could not be compared: they are not finite, or a file does not run"
    print_result(
        "compare",
        found,
        as_json=as_json,
        show=lambda: _show(found, sort, None if list_all else top),
        notes=() if found.is_good else (gate,),
    )


def _show(found: CompareResult, sort: ComparisonOrder, limit: int | None) -> None:
    from edgeseal.tflite.comparison import ComparedPart

    print_text(str(found))
    ranked = found.comparison.ranked(ComparedPart(sort.value))
    if not ranked:
        return
    parts = [part.value for part in ComparedPart]
    table = new_table("#", "operator", *parts, "module", right=("#", *parts), names=("module",))
    for one in ranked[:limit]:
        table.add_row(*_row(one))
    print_table(table, of=len(ranked), rest="--all lists them all")


def _row(found: OperatorError) -> list[object]:
    from edgeseal.tflite.comparison import ComparedPart

    errors = (found.part(part) for part in ComparedPart)
    numbers = ["-" if error is None else str(error) for error in errors]
    kind = found.operator.kind + (" (did not run)" if found.reading.message else "")
    return [found.number, kind, *numbers, found.module]
