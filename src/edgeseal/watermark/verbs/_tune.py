"""Measures layers by the bits that a detector reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgeseal._files import check_apart
from edgeseal._progress import SILENT, Progress
from edgeseal.data import photo_paths
from edgeseal.errors import ModelError, UsageError
from edgeseal.pictures import ImageInput, read_image
from edgeseal.tflite.graph import Model
from edgeseal.tflite.tuning import Task
from edgeseal.tflite.verbs._recipe_trials import TaskOf, task_pictures
from edgeseal.tflite.verbs._sensitivity import SensitivityResult
from edgeseal.tflite.verbs._sensitivity import sensitivity as measure
from edgeseal.tflite.verbs._tune import TunedFile
from edgeseal.tflite.verbs._tune import tune as search
from edgeseal.watermark.evaluate import ATTACKS, MarkedPicture, reading_task
from edgeseal.watermark.runtime import Message, load_embedder, read_info

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from edgeseal.tflite.inputs import InputOptions

__all__ = ["sensitivity", "tune"]

Images = str | Path | Iterable[str | Path]


def sensitivity(
    source: str | Path,
    *,
    images: Images | None = None,
    embedder: str | Path | None = None,
    message: str | None = None,
    recipe: str = "dynamic-int8",
    full: bool = False,
    seed: int = 0,
    plot: str | Path | None = None,
    state: str | Path | None = None,
    overwrite: bool = False,
    progress: Progress = SILENT,
    **inputs: Unpack[InputOptions],
) -> SensitivityResult:
    """Find out what each layer costs, as :func:`edgeseal.tflite.sensitivity` does.

    Args:
        source: a float32 model, from any converter.
        images: pictures to measure on, 24 at most; default: bundled ones.
        embedder: mark the pictures; count the bits that the model reads.
        message: the pictures are marked with this, in hexadecimal form; count the bits read.
        recipe: whose methods to use.
        full: measure every precision of every layer.
        seed: of messages and attacks.
        plot: draw the costs here.
        state: keep what was measured here.
        overwrite: whether to replace the plot.
        progress: hears what goes on.
        inputs: how pixels are fed, and sizes that the file leaves open; see :class:`InputOptions`.

    Raises:
        UsageError: arguments that do not fit each other or the model.
        FileError, ImageError, ModelError: a file cannot be read or written.
        MissingExtraError: what draws plots is not installed.
    """
    pictures = task_pictures(images)  # once: they may be listed on stdin
    task = _task(source, pictures, embedder, message, seed)
    check_apart([embedder], [Path(path) for path in (plot, state) if path is not None])
    return measure(
        source,
        images=pictures or None,
        task=task,
        recipe=recipe,
        full=full,
        plot=plot,
        state=state,
        overwrite=overwrite,
        progress=progress,
        **inputs,
    )


def tune(
    source: str | Path,
    output: str | Path,
    *,
    max_size_mib: float | None = None,
    max_drop: float | None = None,
    max_time_ratio: float | None = None,
    images: Images | None = None,
    embedder: str | Path | None = None,
    message: str | None = None,
    calibration: Sequence[str | Path] = (),
    recipe: str = "dynamic-int8",
    seed: int = 0,
    plot: str | Path | None = None,
    report: str | Path | None = None,
    overwrite: bool = False,
    progress: Progress = SILENT,
    **inputs: Unpack[InputOptions],
) -> TunedFile:
    """Search for the best file within a budget, as :func:`edgeseal.tflite.tune` does.

    ``embedder``, ``message`` and ``seed`` are those of :func:`sensitivity`, the others those of
    :func:`edgeseal.tflite.tune`.

    Raises:
        UsageError: no budget, or arguments that do not fit each other or the model.
        FileError, ImageError, ModelError: a file cannot be read or written.
        MissingExtraError: what draws plots is not installed.
    """
    pictures = task_pictures(images)  # once: they may be listed on stdin
    task = _task(source, pictures, embedder, message, seed)
    outputs = [output, *(path for path in (plot, report) if path is not None)]
    check_apart([embedder], map(Path, outputs))
    return search(
        source,
        output,
        max_size_mib=max_size_mib,
        max_drop=max_drop,
        max_time_ratio=max_time_ratio,
        images=pictures or None,
        task=task,
        calibration=calibration,
        recipe=recipe,
        plot=plot,
        report=report,
        overwrite=overwrite,
        progress=progress,
        **inputs,
    )


def _task(
    source: str | Path,
    pictures: list[Path],
    embedder: str | Path | None,
    message: str | None,
    seed: int,
) -> TaskOf | None:
    """Return what makes the task of reading bits; None without marked pictures.

    Raises:
        UsageError: arguments that contradict each other.
    """
    if embedder is not None and message is not None:
        raise UsageError("`embedder` marks pictures, `message` reads marked ones; give one")
    if message is not None and not pictures:
        raise UsageError("`message` needs `images`: pictures that carry this message")
    if embedder is None and message is None:
        return None
    return _ReadingTask(source, pictures, embedder, message, seed)


@dataclass(frozen=True, slots=True)
class _ReadingTask:
    """Makes the task of reading bits off marked pictures."""

    source: str | Path
    pictures: list[Path]
    embedder: str | Path | None
    message: str | None
    seed: int

    def __call__(self, model: Model) -> Task:
        """Mark the pictures, or take them as they are.

        Raises:
            ModelError: the model and the embedder do not belong together, or one is none.
            FileError, ImageError: a picture cannot be read.
        """
        info = read_info(model, source=str(self.source))
        if info.part != "detector":
            raise ModelError(
                f"{self.source}: holds the {info.part}; messages are read by a detector"
            )
        load = self._marker(info.bits)
        paths = self.pictures or photo_paths()
        marked = [load(path, index) for index, path in enumerate(paths)]
        attacks = ATTACKS if self.embedder is not None else {"clean": ATTACKS["clean"]}
        reading = reading_task(marked, attacks, info.image_size, seed=self.seed)
        return Task("bits read", [(picture,) for picture in reading.inputs], reading.score)

    def _marker(self, bits: int) -> Callable[[Path, int], MarkedPicture]:
        """Return what makes a marked picture of a file and its number."""
        if self.embedder is None:
            given = Message.from_hex(self.message or "", bits)
            return lambda path, _index: MarkedPicture(_pixels(path), given.array())
        session = load_embedder(Path(self.embedder))
        if session.info.bits != bits:
            raise ModelError(
                f"{self.embedder}: writes {session.info.bits} bits, the detector reads {bits}; "
                "give a detector and an embedder of one card"
            )

        def mark(path: Path, index: int) -> MarkedPicture:
            drawn = Message.random(bits, seed=self.seed + index)
            return MarkedPicture(_pixels(session.embed(path, drawn).image), drawn.array())

        return mark


def _pixels(image: ImageInput) -> NDArray[np.uint8]:
    return np.rint(read_image(image) * 255).astype(np.uint8)
