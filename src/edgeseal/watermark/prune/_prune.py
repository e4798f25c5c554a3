"""From a loaded detector to a smaller one, and to a checkpoint that loads like any other."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from edgeseal._files import replacing
from edgeseal.errors import CheckpointError
from edgeseal.watermark.cards import Card, Part
from edgeseal.watermark.cards._read_fields import plain
from edgeseal.watermark.models import Checkpoint, LoadedPart, build
from edgeseal.watermark.prune._choose_channels import choose_steps, cut, measure_statistics
from edgeseal.watermark.prune._distill import Distillation, DistillationSettings, Fidelity, fidelity
from edgeseal.watermark.prune._groups import ChannelGroup, groups, pruned_spec
from edgeseal.watermark.prune._refit import refit
from edgeseal.watermark.prune._training_pictures import (
    Marker,
    PictureSource,
    embedder_marker,
    gradient_marker,
)

__all__ = ["GroupWidth", "Pruned", "prune", "write_pruned"]

_CALIBRATION_PICTURES = 64
_CALIBRATION_STREAM = 2


@dataclass(frozen=True, slots=True)
class GroupWidth:
    """What is left of a group of heads or channels."""

    name: str
    kind: str
    before: int
    after: int


@dataclass(frozen=True, slots=True, eq=False)
class Pruned:
    """A detector that was cut and has recovered.

    Attributes:
        module: the detector, in evaluation mode.
        card: the card it now answers to: the original's, with its own widths.
        settings: how it was made.
        marks: what drew the messages: ``embedder`` or ``gradient``.
        widths: of every group.
        parameters_before: values in the weights of the original.
        parameters: values in its weights.
        cut: how close it was to the original right after the cut.
        refitted: how close it was after the fit to the original's features.
        recovered: how close it is now.
    """

    module: nn.Module
    card: Card
    settings: DistillationSettings
    marks: str
    widths: tuple[GroupWidth, ...]
    parameters_before: int
    parameters: int
    cut: Fidelity
    refitted: Fidelity
    recovered: Fidelity

    def summary(self) -> str:
        """Return one line for the description of a model file."""
        counts = [
            f"{sum(w.before for w in own)} -> {sum(w.after for w in own)} {kind}"
            for kind in ("heads", "channels")
            if (own := [width for width in self.widths if width.kind == kind])
        ]
        return (
            f"ratio {self.settings.ratio:g}: {', '.join(counts)}; {self.settings.steps} steps of "
            f"distillation on {self.marks} marks, seed {self.settings.seed}"
        )


def prune(
    loaded: LoadedPart,
    settings: DistillationSettings,
    *,
    embedder: nn.Module | None = None,
    state: Path | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Pruned:
    """Cut a detector and let it learn from the original.

    Args:
        loaded: the detector; left as it is.
        settings: of the run; the same settings give the same weights on the same machine.
        embedder: of the same checkpoint, to mark pictures with; None to mark them along the
            detector's gradient.
        state: file that keeps the state of the training; taken up if it is there.
        say: called with what goes on, a line each time.

    Raises:
        MissingExtraError: torch-pruning is not installed.
        UsageError: ``state`` belongs to another run.
    """
    teacher, student = loaded.module, copy.deepcopy(loaded.module)
    size = loaded.card.image_size
    marker: Marker = gradient_marker(loaded.card, teacher)
    if embedder is not None:
        marker = embedder_marker(loaded.card, embedder)
    pictures = PictureSource(size, marker, settings.seed)
    found = groups(student)
    before = [group.units for group in found]
    say("drawing pictures")
    calibration = pictures.batch(0, _CALIBRATION_PICTURES, stream=_CALIBRATION_STREAM)
    say("cutting")
    _cut_all(student, found, calibration, settings)
    widths = tuple(
        GroupWidth(group.name, group.kind, count, group.units)
        for group, count in zip(found, before, strict=True)
    )
    card = _with_spec(loaded.card, student)
    _prove_structure(student, card)
    first = fidelity(student, teacher, pictures, settings.batch)
    refit(student, teacher, found, calibration, lambda n, of: say(f"fitting, stage {n} of {of}"))
    refitted = fidelity(student, teacher, pictures, settings.batch)
    identity = loaded.provenance.sha256 or loaded.provenance.source
    blocks = list({id(group.block): group.block for group in found}.values())
    training = Distillation(student, teacher, blocks, pictures, settings, identity)
    if state is not None and state.exists():
        training.restore(state)
    training.run(state, lambda n, loss: say(_progress(settings, n, loss)))
    return Pruned(
        module=student.eval(),
        card=card,
        settings=settings,
        marks="gradient" if embedder is None else "embedder",
        widths=widths,
        parameters_before=_parameters(teacher),
        parameters=_parameters(student),
        cut=first,
        refitted=refitted,
        recovered=fidelity(student, teacher, pictures, settings.batch),
    )


def write_pruned(
    pruned: Pruned, path: Path, *, source: Checkpoint | None, overwrite: bool = False
) -> None:
    """Write a checkpoint in upstream's layout, which records its own architecture.

    Args:
        pruned: the detector.
        path: file to write.
        source: where it came from; all but its detector is taken over. None: random weights.
        overwrite: replace the file.

    Raises:
        FileError: the file exists or cannot be written.
    """
    own = f"{Part.DETECTOR.value}."
    tensors = {} if source is None else dict(source.tensors)
    model = {key: value.clone() for key, value in tensors.items() if not key.startswith(own)}
    model |= {own + name: value for name, value in pruned.module.state_dict().items()}
    args = {} if source is None else dict(source.args)
    spec = plain(pruned.card.detector)
    args[Part.DETECTOR.value] = spec
    args["pruning"] = {"summary": pruned.summary(), **dataclasses.asdict(pruned.settings)}
    # torch puts a part of a name into the file, and refuses one without an ending
    with replacing(path, overwrite=overwrite) as temporary, temporary.open("wb") as file:
        torch.save({"model": model, "args": args}, file)


def _cut_all(
    student: nn.Module,
    found: Sequence[ChannelGroup],
    pictures: Tensor,
    settings: DistillationSettings,
) -> None:
    statistics = measure_statistics(student, found, pictures, settings.seed)
    steps = choose_steps(found, statistics, settings.ratio)
    for group, stats, count in zip(found, statistics, steps, strict=True):
        cut(group, stats, count)


def _progress(settings: DistillationSettings, step: int, loss: float) -> str:
    return f"distilling, step {step} of {settings.steps}, error {loss:.4f}"


def _with_spec(card: Card, module: nn.Module) -> Card:
    spec = pruned_spec(card, module)
    return dataclasses.replace(
        card, detector=spec, detector_parameters=None, embedder_parameters=None
    )


def _prove_structure(module: nn.Module, card: Card) -> None:
    """Check that the card builds exactly this network.

    Raises:
        CheckpointError: it does not; that is a mistake of ours.
    """
    with torch.device("meta"):
        expected = {
            name: value.shape for name, value in build(card, Part.DETECTOR).state_dict().items()
        }
    found = {name: value.shape for name, value in module.state_dict().items()}
    if expected != found:
        names = sorted(name for name in expected if expected[name] != found.get(name))
        raise CheckpointError(f"the pruned network is not what its card builds: {', '.join(names)}")


def _parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
