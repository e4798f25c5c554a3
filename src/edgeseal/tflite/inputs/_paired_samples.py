"""Inputs for two files of the same graph: pictures, or drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.errors import UsageError
from edgeseal.pictures import ImageInput
from edgeseal.tflite.graph import Model, Tensor, paired_ends
from edgeseal.tflite.inputs._arrays import read_arrays
from edgeseal.tflite.inputs._picture_samples import picture_input, picture_samples
from edgeseal.tflite.inputs._picture_scale import known_scale
from edgeseal.tflite.metrics._error_sums import real_values
from edgeseal.tflite.probe import draw, is_quantized, quantize

__all__ = [
    "Sample",
    "converted",
    "drawn_samples",
    "pink_noise",
    "samples_from_arrays",
    "samples_from_pictures",
]

Array = NDArray[Any]
_SIDES = (32, 1024)  # pixels of drawn pictures, which are then fitted to the input
_CHROMA = 0.3  # colour of drawn pictures, as a share of their brightness
_MEAN, _DEVIATION = 0.5, 0.2  # of drawn pictures, as of photographs


@dataclass(frozen=True, slots=True)
class Sample:
    """The same real values for the inputs of both files, each in its own types.

    Attributes:
        reference: by the inputs of the reference.
        candidate: by the inputs of the candidate.
    """

    reference: Mapping[Tensor, Array]
    candidate: Mapping[Tensor, Array]


def samples_from_pictures(
    reference: Model, candidate: Model, pictures: Sequence[ImageInput], *, seed: int = 0
) -> Iterator[Sample]:
    """Return pictures, read one after the other and resized to the input's height and width.

    Other inputs are drawn.

    Args:
        reference: a model with one input for a picture.
        candidate: another of the same graph.
        pictures: files, or pictures in memory.
        seed: for what is drawn.

    Raises:
        UsageError: the models take no picture, or more than one.
        FileError, ImageError: while iterating, where a picture cannot be read.
    """
    picture = picture_input(reference)
    generator = np.random.default_rng(seed)
    return (_sample(reference, candidate, {picture: path}, generator) for path in pictures)


def samples_from_arrays(
    reference: Model, candidate: Model, files: Sequence[str | Path]
) -> Iterator[Sample]:
    """Return what files of arrays hold; see :func:`read_arrays`.

    Args:
        reference: a model, whose inputs the arrays are.
        candidate: another of the same graph.
        files: ``.npy`` and ``.npz``.

    Raises:
        FileError: a file cannot be read.
        UsageError: an array fits no input.
    """
    ends = paired_ends(reference.main.inputs, candidate.main.inputs)
    for row in read_arrays(files, reference):
        given = {tensor: row[tensor.name] for tensor in reference.main.inputs}
        yield Sample(given, {one: converted(given[other], other, one) for one, other in ends})


def drawn_samples(
    reference: Model, candidate: Model, count: int, *, seed: int = 0
) -> Iterator[Sample]:
    """Draw inputs from their ranges, and pink noise for an input that takes pictures.

    Its spectrum is that of photographs, so layers see values as they would really be.

    Args:
        reference: a model.
        candidate: another of the same graph.
        count: number of samples.
        seed: for what is drawn.
    """
    generator = np.random.default_rng(seed)
    try:
        picture = picture_input(reference)
    except UsageError:
        picture = None
    for _ in range(count):
        pictures: dict[Tensor, ImageInput] = {}
        if picture is not None:
            side = int(np.clip(max(picture.shape), *_SIDES))
            pictures[picture] = pink_noise(side, generator)
        yield _sample(reference, candidate, pictures, generator)


def pink_noise(side: int, generator: np.random.Generator) -> NDArray[np.float32]:
    """Return a picture with the 1/f spectrum of photographs: float32 [side, side, 3], 0..1."""
    brightness = _pink_plane(side, generator)
    planes = [brightness + _CHROMA * _pink_plane(side, generator) for _ in range(3)]
    picture = _MEAN + _DEVIATION * np.stack(planes, axis=-1)
    return np.clip(picture, 0, 1).astype(np.float32)


def converted(values: Array, tensor: Tensor, target: Tensor) -> Array:
    """Return a tensor's values in the type and quantization of another tensor."""
    if not is_quantized(tensor) and not is_quantized(target) and tensor.dtype == target.dtype:
        return values
    real = real_values(values, tensor)
    return values if real is None else quantize(real, target)


def _pink_plane(side: int, generator: np.random.Generator) -> NDArray[np.float64]:
    rows, columns = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]
    frequency = np.hypot(rows, columns)
    frequency[0, 0] = np.inf  # no constant part
    spectrum = np.fft.rfft2(generator.standard_normal((side, side))) / frequency
    plane = np.fft.irfft2(spectrum, s=(side, side))
    return np.asarray(plane / plane.std(), np.float64)


def _sample(
    reference: Model,
    candidate: Model,
    pictures: Mapping[Tensor, ImageInput],
    generator: np.random.Generator,
) -> Sample:
    scale = next((known for known in map(known_scale, (candidate, reference)) if known), None)
    ours: dict[Tensor, Array] = {}
    theirs: dict[Tensor, Array] = {}
    for tensor, other in paired_ends(reference.main.inputs, candidate.main.inputs):
        # the quantized one says what range its values have
        source = tensor if is_quantized(tensor) and not is_quantized(other) else other
        picture = pictures.get(other)
        if picture is not None:
            values: Array | None = picture_samples([picture], source, scale)[0][source.name]
        else:
            values = draw(source, generator)
        if values is None:
            raise UsageError(f"input {source.name}: values of type {source.dtype} cannot be given")
        ours[other] = converted(values, source, other)
        theirs[tensor] = converted(values, source, tensor)
    return Sample(ours, theirs)
