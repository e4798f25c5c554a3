"""What ``sensitivity`` and ``tune`` measure on: marked pictures, or the float model's results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from edgeseal.cli._console import busy
from edgeseal.cli._pictures import list_pictures
from edgeseal.errors import ModelError, UsageError

if TYPE_CHECKING:
    from edgeseal.calibrate import Inputs
    from edgeseal.evaluate import MarkedPicture
    from edgeseal.tune import Task

__all__ = ["check_task", "chosen_inputs", "chosen_pictures", "chosen_task"]

_MAX_PICTURES = 24


def chosen_pictures(images: list[Path] | None) -> list[Path]:
    """Return the pictures that were named, no more than are used; empty for the bundled ones.

    Raises:
        FileError: there are none in what was named.
    """
    return list_pictures(images)[:_MAX_PICTURES] if images else []


def chosen_inputs(pictures: list[Path]) -> Inputs:
    """Return what :func:`chosen_pictures` gave as inputs of a model."""
    from edgeseal.calibrate import bundled_inputs, inputs_from

    return inputs_from(pictures) if pictures else bundled_inputs()


def check_task(embedder: Path | None, images: list[Path] | None, message: str | None) -> None:
    """Refuse options that contradict each other.

    Raises:
        UsageError: they do.
    """
    if embedder is not None and message is not None:
        raise UsageError("--embedder marks pictures, --message reads marked ones; give one")
    if message is not None and not images:
        raise UsageError("--message needs --images: pictures that carry this message")


def chosen_task(
    source: Path,
    pictures: list[Path],
    embedder: Path | None,
    message: str | None,
    seed: int,
) -> Task:
    """Return what the options ask for.

    With ``embedder`` pictures are marked first, with ``message`` they are marked already; without
    either, results are compared with the float model's.

    Raises:
        ModelError: the detector and the embedder do not belong together, or the source is none.
        FileError, ImageError: a picture cannot be read.
    """
    from edgeseal.graph import read_model
    from edgeseal.tune import plain_task

    if embedder is None and message is None:
        with busy("reading pictures"):
            return plain_task(read_model(source), chosen_inputs(pictures))
    with busy("marking and attacking pictures"):
        return _reading(source, pictures, embedder, message, seed)


def _reading(
    source: Path, pictures: list[Path], embedder: Path | None, message: str | None, seed: int
) -> Task:
    from edgeseal.data import photo_paths
    from edgeseal.evaluate import ATTACKS, reading_task
    from edgeseal.graph import read_model
    from edgeseal.runtime import read_info
    from edgeseal.tune import Task

    info = read_info(read_model(source), source=str(source))
    if info.part != "detector":
        raise ModelError(f"{source}: holds the {info.part}; messages are read by a detector")
    load = _marker(embedder, message, info.bits, seed)
    marked = [load(path, index) for index, path in enumerate(pictures or photo_paths())]
    attacks = ATTACKS if embedder is not None else {"clean": ATTACKS["clean"]}
    reading = reading_task(marked, attacks, info.image_size, seed=seed)
    inputs = [(picture,) for picture in reading.inputs]
    return Task("bits read", inputs, reading.score)


def _marker(
    embedder: Path | None, message: str | None, bits: int, seed: int
) -> Callable[[Path, int], MarkedPicture]:
    """Return what makes a marked picture of a file and its number."""
    import numpy as np

    from edgeseal.evaluate import MarkedPicture
    from edgeseal.runtime import Message, load_embedder, read_image

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
