"""What an evaluation will do: every model, picture, attack and seed, checked before any work."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeseal.errors import ModelError, UsageError
from edgeseal.watermark.evaluate._engines import open_detector, sha256
from edgeseal.watermark.evaluate.attacks import Attack, attacks_to_json
from edgeseal.watermark.runtime import ModelInfo, load_embedder
from edgeseal.watermark.video import is_video

__all__ = ["EvaluationPlan", "EvaluationSettings", "ModelFacts", "make_plan", "versions"]

_PACKAGES = (
    "edgeseal",
    "ai-edge-litert",
    "numpy",
    "Pillow",
    "scipy",
    "scikit-image",
    "torch",
    "av",
)
_FLOAT_RECIPES = ("float32", "PyTorch")


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """A model, as a report names it.

    Attributes:
        name: its file's name without ending; with the folder where two are alike.
        path: the file as it was given.
        engine: what runs it.
        card: its model card.
        recipe: how it was quantized.
        bits: of its messages.
        image_size: side of its pictures, in pixels.
        size_bytes: of the file.
        sha256: checksum of the file.
        checkpoint_sha256: of the checkpoint that it came from, if known.
    """

    name: str
    path: str
    engine: str
    card: str
    recipe: str
    bits: int
    image_size: int
    size_bytes: int
    sha256: str
    checkpoint_sha256: str | None

    @property
    def is_float(self) -> bool:
        """Whether nothing in it was quantized."""
        return self.recipe in _FLOAT_RECIPES


@dataclass(frozen=True, slots=True)
class EvaluationSettings:
    """What decides the figures, beside the models and the pictures.

    Attributes:
        attacks: what happens to every marked picture.
        seed: of messages, attacks and resamples.
        max_side: pictures with a longer side are shrunk to it first; 0 keeps all as they are.
        rates: false-positive rates to detect at.
        message: hexadecimal message for every picture; None draws one for each.
        card: model card of files that do not say it.
        frames: of each video, from its beginning.
        device: where ``.tflite`` detectors run; None for this processor.
    """

    attacks: tuple[Attack, ...]
    seed: int = 0
    max_side: int = 1024
    rates: tuple[float, ...] = (0.01, 1e-6)
    message: str | None = None
    card: str | None = None
    frames: int = 24
    device: str | None = None

    def __post_init__(self) -> None:
        """Refuse what means nothing.

        Raises:
            UsageError: naming all of it.
        """
        problems = [
            f"false-positive rate: expected more than 0 and less than 1, got {rate:g}"
            for rate in self.rates
            if not 0 < rate < 1
        ]
        if self.seed < 0:
            problems.append(f"seed: expected 0 or more, got {self.seed}")
        if self.max_side != 0 and self.max_side < 16:
            problems.append(f"longest side: expected 16 or more, or 0 for any, got {self.max_side}")
        if self.frames < 1:
            problems.append(f"frames: expected 1 or more, got {self.frames}")
        if not self.attacks:
            problems.append("attacks: expected one or more, got none")
        if problems:
            raise UsageError("\n  ".join(problems))


@dataclass(frozen=True, slots=True)
class EvaluationPlan:
    """An evaluation before it runs.

    Attributes:
        models: the detectors to compare; at least one.
        embedder: what marks the pictures.
        settings: attacks, seeds and the like.
        pictures: to mark; each is an unmarked picture too, before that.
        unmarked: more unmarked pictures.
    """

    models: tuple[ModelFacts, ...]
    embedder: ModelFacts
    settings: EvaluationSettings
    pictures: tuple[Path, ...]
    unmarked: tuple[Path, ...] = ()

    @property
    def bits(self) -> int:
        """Length of the messages."""
        return self.embedder.bits

    @property
    def reference(self) -> ModelFacts:
        """The model that the others are compared with: the first that is not quantized."""
        return next((model for model in self.models if model.is_float), self.models[0])

    def fingerprint(self) -> str:
        """Return what tells results apart that must not be mixed: hexadecimal digits.

        Pictures are no part of it: each result belongs to one.
        """
        settings = dataclasses.asdict(self.settings) | {
            "attacks": attacks_to_json(self.settings.attacks)
        }
        del settings["rates"]  # applied to the results
        models = [(model.name, model.sha256) for model in (*self.models, self.embedder)]
        text = json.dumps([models, settings, versions()], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def make_plan(
    models: Sequence[Path],
    embedder: Path,
    pictures: Iterable[Path],
    settings: EvaluationSettings,
    *,
    unmarked: Iterable[Path] = (),
) -> EvaluationPlan:
    """Open every model once and check that they belong together.

    Args:
        models: detectors, each of a file of its own.
        embedder: a ``.tflite`` embedder.
        pictures: to mark and attack.
        settings: attacks, seeds and the like.
        unmarked: more pictures, to measure false positives.

    Raises:
        UsageError: there are no models, or no pictures; or one is there twice.
        ModelError: models differ in card or message length; all that do are listed.
        FileError, CheckpointError, MissingExtraError: as the models' engines raise them.
    """
    models = list(models)
    if not models:
        raise UsageError("evaluate: expected one model or more, got none")
    twice = sorted({str(path) for path in models if models.count(path) > 1})
    if twice:
        raise UsageError(f"{', '.join(twice)}: is given twice; name each model once")
    writer = load_embedder(embedder)
    marks = _facts(embedder, embedder.stem, "LiteRT", writer.info)
    readers = tuple(_open_facts(path, _name(path, models), settings) for path in models)
    problems = list(_misfits(marks, readers))
    if problems:
        raise ModelError("\n  ".join(problems))
    found, more = tuple(pictures), tuple(unmarked)
    if not found:
        raise UsageError("evaluate: expected one picture or more, got none")
    _check_kinds((*found, *more), settings)
    return EvaluationPlan(readers, marks, settings, found, more)


def versions() -> dict[str, str]:
    """Return the versions of the packages that figures depend on, as far as they are installed."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _name(path: Path, models: Sequence[Path]) -> str:
    alike = [other for other in models if other.stem == path.stem]
    return path.stem if len(alike) == 1 else str(path)


def _open_facts(path: Path, name: str, settings: EvaluationSettings) -> ModelFacts:
    opened = open_detector(path, card=settings.card, device=settings.device)
    return _facts(path, name, opened.engine, opened.info)


def _facts(path: Path, name: str, engine: str, info: ModelInfo) -> ModelFacts:
    return ModelFacts(
        name=name,
        path=str(path),
        engine=engine,
        card=info.card,
        recipe=info.recipe,
        bits=info.bits,
        image_size=info.image_size,
        size_bytes=path.stat().st_size,
        sha256=sha256(path),
        checkpoint_sha256=info.checkpoint_sha256,
    )


def _check_kinds(paths: Sequence[Path], settings: EvaluationSettings) -> None:
    """Refuse video attacks on pictures, and videos among pictures."""
    videos = [path for path in paths if is_video(path)]
    encoders = [attack.name for attack in settings.attacks if attack.is_clip]
    if videos and len(videos) < len(paths):
        raise UsageError(
            f"{videos[0]}: is a video among pictures; evaluate {len(videos)} videos and "
            f"{len(paths) - len(videos)} pictures separately"
        )
    if encoders and not videos:
        raise UsageError(
            f"attack {encoders[0]}: is for videos, but {paths[0]} is a picture; choose `attacks` "
            "quick or full, or give videos"
        )


def _misfits(embedder: ModelFacts, models: Iterable[ModelFacts]) -> Iterator[str]:
    for model in models:
        if (model.card, model.bits) != (embedder.card, embedder.bits):
            yield (
                f"{model.path}: reads {model.bits} bits of {model.card}, but the embedder "
                f"{embedder.path} writes {embedder.bits} bits of {embedder.card}; give a detector "
                "and an embedder of one card"
            )
