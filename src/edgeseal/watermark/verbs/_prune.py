"""Cuts a detector and lets it recover."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgeseal._files import check_apart, check_output
from edgeseal._problems import Problems
from edgeseal._progress import SILENT, Progress
from edgeseal.errors import CheckpointError
from edgeseal.watermark import cards
from edgeseal.watermark.cards import Card, Part
from edgeseal.watermark.verbs._converter import require_packages
from edgeseal.watermark.verbs._weights import Weights

if TYPE_CHECKING:
    from torch import nn

    from edgeseal.watermark.models import Checkpoint, LoadedPart
    from edgeseal.watermark.prune import Pruned

__all__ = ["PrunedCheckpoint", "prune"]


@dataclass(frozen=True, slots=True, eq=False)
class PrunedCheckpoint:
    """A checkpoint that was written.

    Attributes:
        path: the file.
        pruned: the detector in it, and how it came about.
    """

    path: Path
    pruned: Pruned

    @property
    def is_good(self) -> bool:
        """Always: how close it came to the original is for the reader to judge."""
        return True

    def to_json(self) -> dict[str, object]:
        """Return everything but the weights, for ``json.dumps``."""
        pruned = self.pruned
        return {
            "path": str(self.path),
            "summary": pruned.summary(),
            "settings": asdict(pruned.settings),
            "parameters_before": pruned.parameters_before,
            "parameters": pruned.parameters,
            "cut": asdict(pruned.cut),
            "refitted": asdict(pruned.refitted),
            "recovered": asdict(pruned.recovered),
            "widths": [asdict(width) for width in pruned.widths],
        }

    def __str__(self) -> str:
        """Return the number of weights, how close each stage came, and what to do next."""
        pruned = self.pruned
        share = pruned.parameters / pruned.parameters_before
        lines = [f"weights: {pruned.parameters_before:,} -> {pruned.parameters:,} ({share:.1%})"]
        for when, found in {
            "after the cut": pruned.cut,
            "after the fit": pruned.refitted,
            "after distillation": pruned.recovered,
        }.items():
            lines.append(
                f"{when}: {found.sign_agreement:.2%} of bits read as by the original, "
                f"NMSE(img) {found.nmse_img:.4f}"
            )
        command = f"edgeseal convert {pruned.card.name} --checkpoint {self.path}"
        return "\n".join([*lines, f"{self.path}: convert it with `{command}`"])


def prune(
    card: str,
    output: str | Path,
    *,
    ratio: float,
    checkpoint: str | Path | None = None,
    random_weights: int | None = None,
    steps: int = 100,
    batch: int = 8,
    rate: float = 1e-5,
    seed: int = 0,
    overwrite: bool = False,
    progress: Progress = SILENT,
) -> PrunedCheckpoint:
    """Cut heads and channels out of a detector, and let it recover; as ``edgeseal prune`` does.

    After an interruption the same call goes on from the state in ``OUTPUT.part``.

    Args:
        card: name of a model card.
        output: checkpoint to write.
        ratio: share of the blocks' work to remove, 0..1.
        checkpoint: path or address of the weights; the card's own if None.
        random_weights: seed of random weights instead, for trying out.
        steps: of distillation after the cut.
        batch: pictures in each step.
        rate: peak learning rate.
        seed: of everything random.
        overwrite: whether to replace the file.
        progress: hears what goes on.

    Raises:
        UsageError: arguments are unknown, out of range or contradict each other; all of it is said.
        OutputExistsError, FileError: the file exists or cannot be written.
        CheckpointError, DownloadError: the weights cannot be used or fetched.
        MissingExtraError: the extra for pruning is not installed.
    """
    path = Path(output)
    state = path.with_name(path.name + ".part")
    weights = Weights(checkpoint, random_weights)
    problems = Problems()
    with problems.collected():
        weights.check()
    with problems.collected():
        chosen = cards.load_card(card)
    with problems.collected():
        check_apart([checkpoint], [path, state])
        check_output(path, overwrite=overwrite)
    require_packages("edgeseal prune", "torch_pruning", extra="prune")
    from edgeseal.watermark.prune import DistillationSettings, write_pruned
    from edgeseal.watermark.prune import prune as prune_detector

    with problems.collected():
        settings = DistillationSettings(ratio=ratio, steps=steps, batch=batch, rate=rate, seed=seed)
    problems.check()
    source = None if random_weights is not None else weights.open(chosen, progress)
    loaded, embedder = _load(chosen, source, random_weights or 0, progress)
    if state.exists():
        progress.note(f"going on from {state}")
    with progress.busy(f"cutting {ratio:.0%} of the blocks' work") as say:
        pruned = prune_detector(loaded, settings, embedder=embedder, state=state, say=say)
    write_pruned(pruned, path, source=source, overwrite=overwrite)
    state.unlink(missing_ok=True)
    return PrunedCheckpoint(path, pruned)


def _load(
    card: Card, source: Checkpoint | None, seed: int, progress: Progress
) -> tuple[LoadedPart, nn.Module | None]:
    """Return the detector, and the checkpoint's own embedder; a detector can do without."""
    from edgeseal.watermark.models import random_weights

    if source is None:
        return random_weights(card, Part.DETECTOR, seed), None
    loaded = source.load(card, Part.DETECTOR)
    try:
        return loaded, source.load(card, Part.EMBEDDER, allow_unexpected=True).module
    except CheckpointError:
        progress.note(
            "the checkpoint has no embedder of this card; marking along the detector's gradient"
        )
        return loaded, None
