"""The same pictures for every file, each in its own types."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

from numpy.typing import NDArray

from edgeseal.pictures import ImageInput
from edgeseal.tflite.graph import Model
from edgeseal.tflite.inputs._arrays import are_arrays
from edgeseal.tflite.inputs._paired_samples import (
    drawn_samples,
    samples_from_arrays,
    samples_from_pictures,
)
from edgeseal.tflite.probe import is_quantized

__all__ = ["ModelInputs", "model_inputs"]

ModelInputs: TypeAlias = list[tuple[NDArray[Any], ...]]
"""For each picture, an array for each input of a model, in its order."""


def model_inputs(
    models: Sequence[Model], pictures: Sequence[ImageInput] | None, *, draws: int, seed: int = 0
) -> list[ModelInputs]:
    """Return inputs for each model that stand for the same real values.

    Args:
        models: all take as many inputs of the same shapes.
        pictures: what to run on, resized to the input, or files of arrays; None to draw inputs,
            pink noise for pictures.
        draws: number of inputs if they are drawn.
        seed: for what is drawn.

    Raises:
        ValueError: inputs differ in number or shape.
        UsageError: pictures were given, and the models take none.
        FileError, ImageError: a picture cannot be read.
    """
    # integers say what range values have, and all models are to get the same
    ranged = [model for model in models if any(map(is_quantized, model.main.inputs))]
    source = [*ranged, *models][0]
    found = []
    for model in models:
        if pictures is None:
            samples = drawn_samples(source, model, draws, seed=seed)
        elif are_arrays(pictures):
            samples = samples_from_arrays(source, model, [Path(str(file)) for file in pictures])
        else:
            samples = samples_from_pictures(source, model, pictures, seed=seed)
        found.append(
            [tuple(sample.candidate[tensor] for tensor in model.main.inputs) for sample in samples]
        )
    return found
