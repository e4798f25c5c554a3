"""``edgeseal quantize``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeseal._files import check_apart
from edgeseal.cli._embedder_gate import is_acceptable, watermark_error_db
from edgeseal.cli._shared._console import mib, note, print_json, print_text
from edgeseal.cli._shared._options import FloatArgument, JsonOption, OverwriteOption
from edgeseal.errors import ModelError, UsageError

if TYPE_CHECKING:
    from edgeseal.tflite.quantization import Ends, QuantizationReport, Share

__all__ = ["quantize"]


def quantize(
    source: FloatArgument,
    recipe_name: Annotated[
        str,
        typer.Option(
            "--recipe",
            metavar="NAME|FILE.json",
            help="How to quantize, such as dynamic-int8; `edgeseal recipes` lists them.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="OUT.tflite", help="File to write.")
    ],
    pictures: Annotated[
        list[Path] | None,
        typer.Option(
            "--calibration",
            metavar="DIR|PICTURE",
            help="Pictures to observe the model on, any number; may be repeated. [default: the "
            "bundled photographs, where the recipe needs some]",
        ),
    ] = None,
    ranges: Annotated[
        Path | None,
        typer.Option(metavar="FILE.json", help="Use ranges that were saved, and no pictures."),
    ] = None,
    save_ranges: Annotated[
        Path | None,
        typer.Option(
            "--save-ranges",
            metavar="FILE.json",
            help="Save what was observed; an interrupted run continues where it was.",
        ),
    ] = None,
    ends: Annotated[
        str,
        typer.Option(
            "--io",
            metavar="float32|int8|uint8",
            help="What the model takes and gives; integers where all of it is quantized.",
        ),
    ] = "float32",
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Quantize a float model; needs no PyTorch.

    Says how much of it is quantized: of the weights, and of the multiply-accumulates, and how far
    an embedder's watermark is off. Exits with 1 if LiteRT cannot prepare the result, or if that is
    another watermark.
    """
    from edgeseal._files import check_output
    from edgeseal.cli._shared._calibration import calibrating, check_options
    from edgeseal.tflite.graph import read_model, write_model
    from edgeseal.tflite.quantization import Ends, find_recipe, make_plan, set_ends
    from edgeseal.tflite.quantization import quantize as apply_recipe

    recipe, kind = find_recipe(recipe_name), _find_ends(ends)
    if recipe.is_float32:
        raise UsageError(
            f"recipe {recipe.name} quantizes nothing; name another, such as dynamic-int8"
        )
    check_options(recipe, pictures, ranges, save_ranges)
    check_apart([source, ranges, recipe_name, *(pictures or ())], [output, save_ranges])
    for path in (output, save_ranges):
        if path is not None:
            check_output(path, overwrite=overwrite)
    model = read_model(source)
    before_bytes = source.stat().st_size
    try:
        plan = make_plan(model, recipe)  # what does not fit shows before any work
        if kind is not Ends.FLOAT32 and not plan.is_integer:
            raise UsageError(
                f"--io {ends} goes with recipes that make every operator an integer one, such as "
                f"full-int8; {recipe.name} leaves some float"
            )
        with calibrating(model, recipe, pictures, ranges, save_ranges) as calibration:
            report = apply_recipe(model, recipe, calibration=calibration)
        set_ends(model, kind)
    except (ModelError, UsageError) as error:
        raise type(error)(f"{source}: {error}") from error
    write_model(model, output, overwrite=overwrite)
    if calibration is not None and save_ranges is not None:
        calibration.save(save_ranges, overwrite=overwrite)
    written = _Written.of(source, output, recipe.name, before_bytes, report)
    if as_json:
        print_json("quantize", written.record())
    else:
        written.show()
    written.note()
    if not written.is_good:
        raise typer.Exit(1)


def _find_ends(name: str) -> Ends:
    from edgeseal.tflite.quantization import Ends

    known = [kind.value for kind in Ends]
    if name not in known:
        raise UsageError(f"--io: expected one of {', '.join(known)}, got {name!r}")
    return Ends(name)


@dataclass(frozen=True, slots=True)
class _Written:
    """A file that was written, and how it turned out.

    Attributes:
        source: the float file.
        path: the file.
        recipe: name of the recipe.
        size_bytes_before: of the float file.
        size_bytes: of the file.
        report: what was quantized.
        refusal: why LiteRT cannot prepare it; None if it can.
        watermark_error_db: of an embedder; else None.
    """

    source: Path
    path: Path
    recipe: str
    size_bytes_before: int
    size_bytes: int
    report: QuantizationReport
    refusal: str | None
    watermark_error_db: float | None

    @classmethod
    def of(
        cls, source: Path, path: Path, recipe: str, before_bytes: int, report: QuantizationReport
    ) -> _Written:
        """Try a file that was written."""
        from edgeseal.tflite.probe import refusal

        reason = refusal(path)
        error_db = None if reason is not None else watermark_error_db(source, path)
        size_bytes = path.stat().st_size
        return cls(source, path, recipe, before_bytes, size_bytes, report, reason, error_db)

    @property
    def is_good(self) -> bool:
        """Whether it can be prepared, and is the same watermark if it is an embedder."""
        return self.refusal is None and is_acceptable(self.watermark_error_db)

    def record(self) -> dict[str, object]:
        """Return everything for JSON."""
        return {
            "source": str(self.source),
            "path": str(self.path),
            "recipe": self.recipe,
            "size_bytes_before": self.size_bytes_before,
            "size_bytes": self.size_bytes,
            "refusal": self.refusal,
            "watermark_error_db": self.watermark_error_db,
            "weights": {part.name: part.share for part in self.report.weights},
            "macs": {part.name: part.share for part in self.report.macs},
            "layers": [asdict(layer) for layer in self.report.layers],
            "notes": list(self.report.notes),
        }

    def show(self) -> None:
        """Print it."""
        before, after = self.size_bytes_before, self.size_bytes
        print_text(f"{self.path}: {mib(before)} -> {mib(after)} ({after / before:.1%})")
        print_text(f"weights: {_shares(self.report.weights)}")
        print_text(f"multiply-accumulates: {_shares(self.report.macs)}")
        if self.watermark_error_db is not None:
            print_text(f"watermark error: {self.watermark_error_db:.1f} dB")

    def note(self) -> None:
        """Say what went otherwise than one may think."""
        for line in self.report.notes:
            note(f"{self.path}: {line}")
        if self.refusal is not None:
            note(f"{self.path}: LiteRT cannot prepare this model: {self.refusal}")


def _shares(shares: tuple[Share, ...]) -> str:
    return ", ".join(f"{part.share:.1%} {part.name}" for part in shares) or "none"
