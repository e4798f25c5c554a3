"""``edgeseal reduce``."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeseal._files import check_apart
from edgeseal.cli._check import samples_of
from edgeseal.cli._shared._console import busy, note, print_json, print_text
from edgeseal.cli._shared._options import JsonOption, TimeoutOption
from edgeseal.errors import NothingToReduceError, UsageError

if TYPE_CHECKING:
    from edgeseal.tflite.reduction import ReduceSettings, Reduction

__all__ = ["reduce"]


def reduce(
    source: Annotated[Path, typer.Argument(metavar="MODEL", help="Any .tflite file.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="OUT.tflite", help="File to write.")
    ],
    finding: Annotated[
        str | None,
        typer.Option("--finding", metavar="CODE", help="Finding to show, such as ES010."),
    ] = None,
    node: Annotated[
        str | None,
        typer.Option("--node", metavar="[S:]N", help="Node to show it, of subgraph S (default 0)."),
    ] = None,
    images: Annotated[
        list[Path] | None,
        typer.Option("--images", metavar="IMAGE|DIR", help="Pictures to run it on."),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(
            "--against",
            metavar="OTHER.tflite",
            help="Show a difference from the same part of this file, such as the float model.",
        ),
    ] = None,
    against_fallback: Annotated[
        bool,
        typer.Option(
            "--against-fallback",
            help="Show a difference between the accelerated delegate and the fallback kernels.",
        ),
    ] = False,
    tolerance: Annotated[
        float,
        typer.Option(
            "--tolerance",
            metavar="X",
            min=0.0,
            help="Difference that is fine, as a share of the output's largest value.",
        ),
    ] = 0.01,
    command: Annotated[
        str | None,
        typer.Option(
            "--command",
            metavar="COMMAND",
            help="Show a failure of this command; {} in it stands for the file.",
        ),
    ] = None,
    timeout_s: TimeoutOption = 60.0,
    max_trials: Annotated[
        int, typer.Option("--max-trials", metavar="N", min=1, help="Stop after so many.")
    ] = 1000,
    keep_weights: Annotated[
        bool, typer.Option("--keep-weights", help="Do not replace weights by zeros.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the files.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Cut out the smallest sub-model that still shows a fault, for a bug report.

    The fault is the worst finding of `check`, or what the options name. Weights become zeros where
    they do not matter. Exits with 1 if the model does not show the fault.
    """
    from edgeseal._files import check_output
    from edgeseal.tflite.reduction import ReduceSettings, reduction_paths, write_reduction

    choice = _Choice(finding, node, images, against, against_fallback, tolerance, command)
    choice.check()
    paths = reduction_paths(output).values()
    check_apart([source, against, *(images or ())], paths)
    for path in paths:
        check_output(path, overwrite=overwrite)
    try:
        with busy(f"reducing {source.name}") as show:
            reduction = choice.reduce(
                source,
                ReduceSettings(
                    timeout_s=timeout_s,
                    max_trials=max_trials,
                    keep_weights=keep_weights,
                    on_progress=lambda text: show(f"reducing {source.name}: {text}"),
                ),
            )
    except NothingToReduceError as failure:
        note(str(failure))
        raise typer.Exit(1) from None
    written = write_reduction(reduction, output, overwrite=overwrite)
    _show(reduction, output, written, as_json=as_json)


@dataclass(frozen=True, slots=True)
class _Choice:
    """What the options say the reduced model has to show."""

    finding: str | None
    node: str | None
    images: list[Path] | None
    against: Path | None
    against_fallback: bool
    tolerance: float
    command: str | None

    def check(self) -> None:
        """Refuse options that contradict each other.

        Raises:
            UsageError: they do.
        """
        from edgeseal.tflite.diagnosis import CODES

        kinds = {
            "--finding or --node": self.finding or self.node,
            "--against": self.against,
            "--against-fallback": self.against_fallback,
            "--command": self.command,
        }
        given = [name for name, value in kinds.items() if value]
        if len(given) > 1:
            raise UsageError(f"{' and '.join(given)} ask for different faults; give one of them")
        if self.finding is not None and self.finding not in CODES:
            raise UsageError(f"{self.finding}: no code of a finding; known are {', '.join(CODES)}")
        if self.command and self.images:
            raise UsageError("--images are for findings and differences, not for --command")

    def reduce(self, source: Path, settings: ReduceSettings) -> Reduction:
        """Reduce a file."""
        from edgeseal.tflite.graph import read_model
        from edgeseal.tflite.reduction import (
            NodePlace,
            reduce_command,
            reduce_difference,
            reduce_finding,
        )

        if self.command is not None:
            return reduce_command(source, _split(self.command), settings=settings)
        if self.against is not None or self.against_fallback:
            reference = self.against or source
            return reduce_difference(
                source,
                tolerance=self.tolerance,
                against=self.against,
                sample=samples_of(read_model(reference), self.images)[0],
                settings=settings,
            )
        return reduce_finding(
            source,
            code=self.finding,
            place=None if self.node is None else NodePlace.parse(self.node),
            samples=samples_of(read_model(source), self.images),
            settings=settings,
        )


def _split(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError as error:
        raise UsageError(f"--command {command}: {error}; quote it as for a shell") from error


def _show(reduction: Reduction, output: Path, written: list[Path], *, as_json: bool) -> None:
    from edgeseal.tflite.reduction import bug_report

    report = bug_report(reduction, output)
    if as_json:
        record = {
            "source": str(reduction.source),
            "paths": [str(path) for path in written],
            "fault": reduction.title,
            "evidence": reduction.evidence,
            "operators_before": reduction.operators_before,
            "operators": list(report.operators),
            "tensors": [list(lines) for lines in report.tensors],
            "size_bytes": len(reduction.content),
            "kept_weight_bytes": reduction.kept_weight_bytes,
            "trials": reduction.trials,
            "cut_short": reduction.is_cut_short,
            "versions": report.versions,
            "script": report.script,
            "report": report.text,
        }
        print_json("reduce", record)
        return
    print_text(report.text)
    if reduction.is_cut_short:
        note(f"stopped after {reduction.trials} trials; a smaller one may exist (--max-trials)")
    note(f"wrote {', '.join(map(str, written))} after {reduction.trials} trials")
