"""``edgeseal prune``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgeseal.cli._shared._console import new_table, print_result, print_table, print_text
from edgeseal.cli._shared._options import (
    CardArgument,
    CheckpointOption,
    JsonOption,
    OverwriteOption,
    RandomWeightsOption,
    SeedOption,
)
from edgeseal.cli._shared._progress import ConsoleProgress

__all__ = ["prune"]


def prune(
    card: CardArgument,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="OUT.pth", help="Checkpoint to write.")
    ],
    ratio: Annotated[
        float, typer.Option(metavar="R", help="Share of the blocks' work to remove, 0..1.")
    ],
    checkpoint: CheckpointOption = None,
    random_weights: RandomWeightsOption = None,
    steps: Annotated[int, typer.Option(help="Steps of distillation after the cut.")] = 100,
    batch: Annotated[int, typer.Option(help="Pictures in each step.")] = 8,
    rate: Annotated[float, typer.Option(help="Peak learning rate.")] = 1e-5,
    seed: SeedOption = 0,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Cut heads and channels out of a detector, and let it recover.

    Writes a checkpoint for `edgeseal convert CARD --checkpoint OUT.pth`. No pictures are needed:
    the detector learns from the original's own answers. After an interruption the same command
    goes on from the state in OUT.pth.part.
    """
    import edgeseal

    written = edgeseal.prune(
        card,
        output,
        ratio=ratio,
        checkpoint=checkpoint,
        random_weights=random_weights,
        steps=steps,
        batch=batch,
        rate=rate,
        seed=seed,
        overwrite=overwrite,
        progress=ConsoleProgress(),
    )

    def show() -> None:
        table = new_table("group", "kind", "before", "after", right=("before", "after"))
        for width in written.pruned.widths:
            table.add_row(width.name, width.kind, width.before, width.after)
        print_table(table)
        print_text(str(written))

    print_result("prune", written, as_json=as_json, show=show)
