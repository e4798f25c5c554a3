"""Pictures, one after the other, as inputs of a float model; messages are drawn."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.data import photo_paths
from edgeseal.errors import FileError, ModelError, UsageError
from edgeseal.pictures import find_pictures, picture_suffixes, read_image
from edgeseal.tflite.graph import Model, Tensor
from edgeseal.tflite.inputs import PictureScale, known_scale, picture_input, picture_samples

__all__ = ["CalibrationInputs", "bundled_inputs", "inputs_from"]

_BUNDLED_VIEWS = 2
_ADVICE = (
    "give files of arrays (.npy, .npz) as `calibration`, or use a recipe that needs no calibration"
)
_MIN_SIDE = 32  # of a view, in pixels

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class CalibrationInputs:
    """Inputs for any model that takes a picture; nothing is read before it is asked for.

    Attributes:
        pictures: files.
        views: per picture: the whole one, then crops drawn at random.
        seed: for crops and messages.
        is_bundled: whether these are the package's own photographs.
        advice: what to do where the model takes no pictures.
    """

    pictures: tuple[Path, ...]
    views: int = 1
    seed: int = 0
    is_bundled: bool = False
    advice: str = _ADVICE

    def __len__(self) -> int:
        """Return the number of inputs."""
        return len(self.pictures) * self.views

    def arrays(self, index: int, model: Model) -> list[NDArray[Any]]:
        """Return values for the inputs of a model's main function, in their order.

        The picture is resized to the input's size. Other inputs of rank 2 are messages: bits drawn
        at random, the same for the same index.

        Raises:
            UsageError: the model takes no picture, or something that is neither picture nor bits.
            FileError, ImageError: the picture cannot be read.
        """
        picture, messages = _roles(model, self.advice)
        rng = np.random.default_rng((self.seed, index))
        path, view = self.pictures[index // self.views], index % self.views
        found: dict[Tensor, NDArray[Any]] = {
            picture: self._picture(path, view, picture, known_scale(model), rng)
        }
        for message in messages:
            found[message] = rng.integers(0, 2, message.shape).astype(np.float32)
        return [found[tensor] for tensor in model.main.inputs]

    def digest(self, count: int) -> str:
        """Return what tells the first ``count`` inputs from others, as hexadecimal digits.

        It goes by the pictures' names and sizes.
        """
        told = hashlib.sha256(f"{self.views} {self.seed}".encode())
        for path in self.pictures[: -(-count // self.views)]:
            told.update(f"{path.name} {_size_bytes(path)}\n".encode())
        return told.hexdigest()

    def _picture(
        self,
        path: Path,
        view: int,
        tensor: Tensor,
        scale: PictureScale | None,
        rng: np.random.Generator,
    ) -> NDArray[Any]:
        picture = path if view == 0 else _crop(read_image(path), rng)
        return picture_samples([picture], tensor, scale)[0][tensor.name]


def bundled_inputs(
    *, views: int = _BUNDLED_VIEWS, seed: int = 0, advice: str = _ADVICE
) -> CalibrationInputs:
    """Return the package's photographs as inputs."""
    return CalibrationInputs(tuple(photo_paths()), views, seed, is_bundled=True, advice=advice)


def inputs_from(paths: Sequence[Path], *, seed: int = 0) -> CalibrationInputs:
    """Return files, and the pictures in folders, as inputs.

    Raises:
        FileError: there are none, or a folder cannot be read.
    """
    found = tuple(dict.fromkeys(find_pictures(paths)))
    if not found:
        names, endings = ", ".join(map(str, paths)), " ".join(picture_suffixes())
        raise FileError(
            f"{names}: no pictures to calibrate with; files with these endings are: {endings}"
        )
    return CalibrationInputs(found, seed=seed)


def _roles(model: Model, advice: str) -> tuple[Tensor, list[Tensor]]:
    """Return the input for the picture and those for messages."""
    try:
        picture = picture_input(model)
    except UsageError as error:
        listed = ", ".join(f"{t.name} {t.dtype} {list(t.shape)}" for t in model.main.inputs)
        raise UsageError(
            "calibration needs pictures, and the model has no single input for one (shape [1, H, "
            f"W, 3 or 1] or [1, 3 or 1, H, W]); its inputs are: {listed or 'none'}; {advice}"
        ) from error
    if picture.dtype != "FLOAT32":
        raise ModelError(
            f"input {picture.name!r} is {picture.dtype}, expected FLOAT32: calibration observes "
            "the float model"
        )
    others = [tensor for tensor in model.main.inputs if tensor is not picture]
    odd = [t for t in others if t.dtype != "FLOAT32" or t.rank != 2 or min(t.shape) < 1]
    if odd or min(picture.shape) < 1:
        listed = ", ".join(f"{t.name} {t.dtype} {list(t.shape)}" for t in odd or [picture])
        raise UsageError(
            "calibration gives a model one picture of a fixed size and messages FLOAT32 [1, bits]; "
            f"this one also takes: {listed}; {advice}"
        )
    return picture, others


def _crop(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return a part of a picture [H, W, 3], between half and nine tenths of its sides."""
    share = rng.uniform(0.5, 0.9)
    height, width = (max(min(_MIN_SIDE, side), round(side * share)) for side in image.shape[:2])
    top = int(rng.integers(0, image.shape[0] - height + 1))
    left = int(rng.integers(0, image.shape[1] - width + 1))
    return image[top : top + height, left : left + width]


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error.strerror})") from error
