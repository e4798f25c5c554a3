"""``edgeseal compare``."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeseal._files import check_apart
from edgeseal.cli._shared._console import (
    busy,
    new_table,
    note,
    print_json,
    print_table,
    print_text,
)
from edgeseal.cli._shared._options import JsonOption, SeedOption
from edgeseal.errors import UsageError

if TYPE_CHECKING:
    from edgeseal.tflite.comparison import Comparison, ModelFile, OperatorError
    from edgeseal.tflite.graph import Operator
    from edgeseal.tflite.inputs import Sample
    from edgeseal.tflite.metrics import TensorError

__all__ = ["compare"]

_DEFAULT_DRAWS = 2


class ComparisonOrder(enum.Enum):
    """The part of the error to sort by."""

    own = "own"
    arriving = "arriving"
    leaving = "leaving"


def compare(
    reference: Annotated[
        Path, typer.Argument(metavar="A.tflite", help="The reference, such as the float model.")
    ],
    candidate: Annotated[
        Path, typer.Argument(metavar="B.tflite", help="Another file of the same graph.")
    ],
    images: Annotated[
        list[Path] | None,
        typer.Option("--images", metavar="IMAGE|DIR", help="Pictures to run both on."),
    ] = None,
    draws: Annotated[
        int | None,
        typer.Option(
            "--random",
            metavar="N",
            min=1,
            help="Drawn inputs: pink noise for pictures, else the input's range; default: "
            f"{_DEFAULT_DRAWS}.",
        ),
    ] = None,
    seed: SeedOption = 0,
    sort: Annotated[
        ComparisonOrder, typer.Option("--sort", help="Error to sort by.")
    ] = ComparisonOrder.own,
    top: Annotated[int, typer.Option("--top", metavar="N", min=1, help="Operators to list.")] = 20,
    list_all: Annotated[bool, typer.Option("--all", help="List every operator.")] = False,
    max_nsr: Annotated[
        float | None,
        typer.Option("--max-nsr", metavar="X", min=0, help="Exit with 1 if an output's is above."),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="OUT.html|OUT.svg", help="Draw the errors along the graph."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the plot.")] = False,
    timeout_s: Annotated[
        float, typer.Option("--timeout", metavar="S", min=0.1, help="Longest time for one run.")
    ] = 60.0,
    as_json: JsonOption = False,
) -> None:
    """Find out where two files of one graph differ, operator by operator.

    NSR, noise to signal, is the squared error as a share of A's squared values. Own: what B's
    operator adds to exact inputs. Arriving: error of the inputs that it really has. Leaving: error
    of its results.
    """
    from edgeseal._files import check_output
    from edgeseal.tflite.comparison import ModelFile, check_ends, check_plot, write_plot

    if plot is not None:
        check_plot(plot)
        check_apart([reference, candidate, *(images or ())], [plot])
        check_output(plot, overwrite=overwrite)
    files = ModelFile.read(reference), ModelFile.read(candidate)
    check_ends(*files)
    count, samples = _samples(*files, images, draws, seed)
    comparison = _run(*files, samples, count, timeout_s)
    if plot is not None:
        write_plot(comparison, plot, overwrite=overwrite)
    if as_json:
        print_json("compare", {**_record(comparison), "max_nsr": max_nsr})
    else:
        _show(comparison, sort, None if list_all else top)
    _judge(comparison, max_nsr)


def _samples(
    reference: ModelFile,
    candidate: ModelFile,
    images: list[Path] | None,
    draws: int | None,
    seed: int,
) -> tuple[int, Iterator[Sample]]:
    from edgeseal.pictures import list_pictures
    from edgeseal.tflite.inputs import drawn_samples, samples_from_pictures

    models = reference.model, candidate.model
    if images and draws is not None:
        raise UsageError("--images and --random: give one of them")
    if images:
        pictures = list_pictures(images)
        return len(pictures), samples_from_pictures(*models, pictures, seed=seed)
    count = _DEFAULT_DRAWS if draws is None else draws
    return count, drawn_samples(*models, count, seed=seed)


def _run(
    reference: ModelFile,
    candidate: ModelFile,
    samples: Iterator[Sample],
    count: int,
    timeout_s: float,
) -> Comparison:
    from edgeseal.tflite.comparison import compare as compare_files
    from edgeseal.tflite.probe import Prober

    text = f"comparing {candidate.path.name} with {reference.path.name}"
    with busy(text) as show, Prober(timeout_s=timeout_s) as prober:
        advance = _progress(show, text, len(candidate.model.main.operators), count)
        return compare_files(reference, candidate, samples, prober, advance=advance)


def _progress(
    show: Callable[[str], None], text: str, operators: int, samples: int
) -> Callable[[], None]:
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        sample, operator = divmod(done - 1, operators)
        show(f"{text}: sample {sample + 1} of {samples}, operator {operator + 1} of {operators}")

    return advance


def _show(comparison: Comparison, sort: ComparisonOrder, limit: int | None) -> None:
    from edgeseal.tflite.comparison import ComparedPart, summary_lines

    for line in summary_lines(comparison):
        print_text(line)
    ranked = comparison.ranked(ComparedPart(sort.value))
    shown = ranked[:limit]
    if not shown:
        return
    parts = [part.value for part in ComparedPart]
    table = new_table("#", "operator", *parts, "module", right=("#", *parts), names=("module",))
    for found in shown:
        table.add_row(*_row(found))
    print_table(table)
    if len(shown) < len(ranked):
        print_text(f"{len(shown)} of {len(ranked)} operators; --all lists them all")


def _row(found: OperatorError) -> list[str]:
    from edgeseal.tflite.comparison import ComparedPart

    errors = (found.part(part) for part in ComparedPart)
    numbers = ["-" if error is None else str(error) for error in errors]
    kind = found.operator.kind + (" (did not run)" if found.reading.message else "")
    return [str(found.number), kind, *numbers, found.module]


def _judge(comparison: Comparison, max_nsr: float | None) -> None:
    """Apply the gate.

    Raises:
        typer.Exit: with 1 if an output is too far off, or none could be compared.
    """
    if max_nsr is None:
        return
    error = comparison.error
    if error is None or error.severity > max_nsr:
        note(f"gate: NSR {'unknown' if error is None else error} is above {max_nsr:g}")
        raise typer.Exit(1)


def _record(comparison: Comparison) -> dict[str, object]:
    return {
        "reference": {
            "path": str(comparison.reference),
            "refusal": comparison.reference_refusal or None,
        },
        "candidate": {
            "path": str(comparison.candidate),
            "refusal": comparison.candidate_refusal or None,
        },
        "samples": comparison.samples,
        "outputs": [
            {
                "name": output.name,
                **(_error_record(output.error) or {}),
                "nmse_img": output.nmse_img,
                "sign_agreement": output.sign_agreement,
            }
            for output in comparison.outputs
        ],
        "operators": [_operator_record(found) for found in comparison.operators],
        "missing": [_name_record(operator) for operator in comparison.missing],
    }


def _operator_record(found: OperatorError) -> dict[str, object]:
    from edgeseal.tflite.comparison import ComparedPart

    return {
        "number": found.number,
        **_name_record(found.operator),
        "module": found.module,
        "matched": found.is_matched,
        "matched_by": None if found.means is None else found.means.value,
        "counterpart": None if found.counterpart is None else _name_record(found.counterpart),
        **{part.value: _error_record(found.part(part)) for part in ComparedPart},
        "failure": found.reading.message or None,
    }


def _name_record(operator: Operator) -> dict[str, object]:
    return {"kind": operator.kind, "outputs": [tensor.name for tensor in operator.outputs]}


def _error_record(error: TensorError | None) -> dict[str, object] | None:
    if error is None:
        return None
    return {
        "nsr": error.nsr,
        "snr_db": error.snr_db,
        "max_abs": error.max_abs,
        "not_finite": error.not_finite,
    }
