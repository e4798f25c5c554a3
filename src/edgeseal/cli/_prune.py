"""``edgeseal prune``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeseal._files import check_apart
from edgeseal.cli._shared._console import (
    busy,
    download_bar,
    new_table,
    note,
    print_json,
    print_table,
    print_text,
)
from edgeseal.cli._shared._options import (
    CardArgument,
    CheckpointOption,
    JsonOption,
    OverwriteOption,
    RandomWeightsOption,
)
from edgeseal.errors import CheckpointError, MissingExtraError, UsageError

if TYPE_CHECKING:
    from torch import nn

    from edgeseal.watermark.cards import Card
    from edgeseal.watermark.models import Checkpoint
    from edgeseal.watermark.prune import DistillationSettings, Pruned

__all__ = ["prune"]


def prune(
    card_name: CardArgument,
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
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", min=0, help="Of everything random.")
    ] = 0,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Cut heads and channels out of a detector, and let it recover.

    Writes a checkpoint for `edgeseal convert CARD --checkpoint OUT.pth`. No pictures are needed:
    the detector learns from the original's own answers. After an interruption the same command
    goes on from the state in OUT.pth.part.
    """
    from edgeseal._files import check_output
    from edgeseal.watermark.cards import load_card

    if checkpoint is not None and random_weights is not None:
        raise UsageError("--checkpoint and --random-weights contradict each other; give one")
    card = load_card(card_name)
    state = output.with_name(output.name + ".part")
    check_apart([checkpoint], [output, state])
    check_output(output, overwrite=overwrite)
    _require_pruning()
    from edgeseal.watermark.prune import DistillationSettings, write_pruned

    settings = DistillationSettings(ratio=ratio, steps=steps, batch=batch, rate=rate, seed=seed)
    source = None if random_weights is not None else _open(card, checkpoint)
    pruned = _run(card, source, random_weights, settings, state)
    write_pruned(pruned, output, source=source, overwrite=overwrite)
    state.unlink(missing_ok=True)
    _show(pruned, output, as_json=as_json)


def _require_pruning() -> None:
    """Find out before any work whether detectors can be pruned here.

    Raises:
        MissingExtraError: torch-pruning is not installed.
    """
    from importlib.util import find_spec

    if find_spec("torch") is None or find_spec("torch_pruning") is None:
        raise MissingExtraError("edgeseal prune", "prune")


def _open(card: Card, checkpoint: str | None) -> Checkpoint:
    from edgeseal.watermark.models import read_checkpoint

    source = checkpoint or card.checkpoint.source
    with download_bar(source) as progress:
        return read_checkpoint(source, card, progress=progress)


def _run(
    card: Card,
    source: Checkpoint | None,
    seed: int | None,
    settings: DistillationSettings,
    state: Path,
) -> Pruned:
    from edgeseal.watermark.cards import Part
    from edgeseal.watermark.models import random_weights
    from edgeseal.watermark.prune import prune as prune_detector

    if source is None:
        loaded = random_weights(card, Part.DETECTOR, seed or 0)
        embedder = None
    else:
        loaded = source.load(card, Part.DETECTOR)
        embedder = _embedder(card, source)
    if state.exists():
        note(f"going on from {state}")
    with busy(f"cutting {settings.ratio:.0%} of the blocks' work") as say:
        return prune_detector(loaded, settings, embedder=embedder, state=state, say=say)


def _embedder(card: Card, source: Checkpoint) -> nn.Module | None:
    """Return the checkpoint's own embedder; a detector can do without."""
    from edgeseal.watermark.cards import Part

    try:
        return source.load(card, Part.EMBEDDER, allow_unexpected=True).module
    except CheckpointError:
        note("the checkpoint has no embedder of this card; marking along the detector's gradient")
        return None


def _show(pruned: Pruned, output: Path, *, as_json: bool) -> None:
    if as_json:
        record = {
            "path": str(output),
            "summary": pruned.summary(),
            "settings": asdict(pruned.settings),
            "parameters_before": pruned.parameters_before,
            "parameters": pruned.parameters,
            "cut": asdict(pruned.cut),
            "refitted": asdict(pruned.refitted),
            "recovered": asdict(pruned.recovered),
            "widths": [asdict(width) for width in pruned.widths],
        }
        print_json("prune", record)
        return
    table = new_table(
        "group", "kind", "before", "after", right=("before", "after"), names=("group",)
    )
    for width in pruned.widths:
        table.add_row(width.name, width.kind, str(width.before), str(width.after))
    print_table(table)
    share = pruned.parameters / pruned.parameters_before
    print_text(f"weights: {pruned.parameters_before:,} -> {pruned.parameters:,} ({share:.1%})")
    stages = {
        "after the cut": pruned.cut,
        "after the fit": pruned.refitted,
        "after distillation": pruned.recovered,
    }
    for when, found in stages.items():
        print_text(
            f"{when}: {found.agreement:.2%} of bits read as by the original, error {found.nmse:.4f}"
        )
    print_text(f"{output}: convert it with `edgeseal convert CARD --checkpoint {output}`")
