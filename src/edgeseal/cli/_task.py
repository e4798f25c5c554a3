"""What ``sensitivity`` and ``tune`` measure on: marked pictures, or the float model's results."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgeseal.cli._shared._console import busy, note
from edgeseal.errors import ModelError, UsageError

if TYPE_CHECKING:
    from edgeseal.tflite.calibration import CalibrationInputs
    from edgeseal.tflite.quantization import Recipe
    from edgeseal.tflite.tuning import Layer, Task, Trials
    from edgeseal.watermark.evaluate import MarkedPicture

__all__ = ["TaskChoice"]

_MAX_PICTURES = 24


@dataclass(frozen=True, slots=True)
class TaskChoice:
    """What the options say.

    With an embedder pictures are marked first, with a message they are marked already; without
    either, results are compared with the float model's.

    Attributes:
        pictures: to measure on; empty for the bundled ones.
        embedder: marks the pictures.
        message: that the pictures carry, in hexadecimal form.
        seed: of messages and attacks.
    """

    pictures: tuple[Path, ...]
    embedder: Path | None
    message: str | None
    seed: int

    @classmethod
    def of(
        cls, images: list[Path] | None, embedder: Path | None, message: str | None, seed: int
    ) -> TaskChoice:
        """Take options, which must not contradict each other.

        Raises:
            UsageError: they do.
            FileError: there are no pictures in what was named.
        """
        from edgeseal.pictures import list_pictures

        if embedder is not None and message is not None:
            raise UsageError("--embedder marks pictures, --message reads marked ones; give one")
        if message is not None and not images:
            raise UsageError("--message needs --images: pictures that carry this message")
        pictures = list_pictures(images)[:_MAX_PICTURES] if images else []
        return cls(tuple(pictures), embedder, message, seed)

    @contextlib.contextmanager
    def trials(
        self, source: Path, base: Recipe, state: Path, *, learned: CalibrationInputs | None = None
    ) -> Iterator[tuple[list[Layer], Trials]]:
        """Yield the layers of a float model, screened, and what measures recipes on it.

        Args:
            source: the model.
            base: recipe to start from.
            state: where trials are kept.
            learned: pictures that recipes learn from; None for the bundled ones.

        Raises:
            ModelError: the model and the embedder do not belong together, or one is none.
            FileError, ImageError: a picture or the state cannot be read.
            UsageError: the state belongs to another model, task or calibration.
        """
        from edgeseal.tflite.graph import read_model
        from edgeseal.tflite.tuning import Trials, find_layers

        with busy("screening the layers") as say:
            layers = find_layers(read_model(source), base, self._inputs(), source=str(source))
            say("reading pictures")
            task = self._task(source)
            if state.exists():
                note(f"going on from {state}")
            yield (
                layers,
                Trials(
                    source,
                    task,
                    calibration=learned,
                    state=state,
                    on_trial=lambda what: say(f"trying {what}"),
                ),
            )

    def _inputs(self) -> CalibrationInputs:
        from edgeseal.tflite.calibration import bundled_inputs, inputs_from

        return inputs_from(self.pictures) if self.pictures else bundled_inputs()

    def _task(self, source: Path) -> Task:
        from edgeseal.tflite.graph import read_model
        from edgeseal.tflite.tuning import plain_task

        if self.embedder is None and self.message is None:
            return plain_task(read_model(source), self._inputs())
        return self._reading(source)

    def _reading(self, source: Path) -> Task:
        from edgeseal.data import photo_paths
        from edgeseal.tflite.graph import read_model
        from edgeseal.tflite.tuning import Task
        from edgeseal.watermark.evaluate import ATTACKS, reading_task
        from edgeseal.watermark.runtime import read_info

        info = read_info(read_model(source), source=str(source))
        if info.part != "detector":
            raise ModelError(f"{source}: holds the {info.part}; messages are read by a detector")
        load = _marker(self.embedder, self.message, info.bits, self.seed)
        paths = self.pictures or photo_paths()
        marked = [load(path, index) for index, path in enumerate(paths)]
        attacks = ATTACKS if self.embedder is not None else {"clean": ATTACKS["clean"]}
        reading = reading_task(marked, attacks, info.image_size, seed=self.seed)
        inputs = [(picture,) for picture in reading.inputs]
        return Task("bits read", inputs, reading.score)


def _marker(
    embedder: Path | None, message: str | None, bits: int, seed: int
) -> Callable[[Path, int], MarkedPicture]:
    """Return what makes a marked picture of a file and its number."""
    import numpy as np

    from edgeseal.pictures import read_image
    from edgeseal.watermark.evaluate import MarkedPicture
    from edgeseal.watermark.runtime import Message, load_embedder

    if embedder is None:
        given = Message.from_hex(message or "", bits)

        def read(path: Path, index: int) -> MarkedPicture:
            del index
            pixels = np.rint(read_image(path) * 255).astype(np.uint8)
            return MarkedPicture(pixels, given.array())

        return read
    session = load_embedder(embedder)
    if session.info.bits != bits:
        raise ModelError(
            f"{embedder}: writes {session.info.bits} bits, the detector reads {bits}; give a "
            "detector and an embedder of one card"
        )

    def mark(path: Path, index: int) -> MarkedPicture:
        drawn = Message.random(bits, seed=seed + index)
        pixels = np.rint(read_image(session.embed(path, drawn).image) * 255).astype(np.uint8)
        return MarkedPicture(pixels, drawn.array())

    return mark
