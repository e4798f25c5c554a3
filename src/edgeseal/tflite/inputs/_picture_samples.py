"""Pictures as inputs of any model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.errors import UsageError
from edgeseal.pictures._read_image import ImageInput, read_image
from edgeseal.pictures._resize import resize
from edgeseal.tflite.graph import Model, Tensor
from edgeseal.tflite.inputs._arrays import are_arrays, given_inputs, read_arrays
from edgeseal.tflite.inputs._picture_scale import PictureScale, known_scale
from edgeseal.tflite.probe import is_quantized, quantize

__all__ = ["picture_input", "picture_samples", "samples_of"]

_CHANNELS = (1, 3)
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
_TYPES = ("FLOAT32", "UINT8", "INT8", "INT16")


def picture_input(model: Model) -> Tensor:
    """Return the input of a model's main subgraph that takes a picture.

    Raises:
        UsageError: there is none, or more than one.
    """
    inputs = model.main.inputs
    found = [tensor for tensor in inputs if tensor.dtype in _TYPES and _layout(tensor)]
    if len(found) != 1:
        listed = ", ".join(f"{t.name} {t.dtype} {list(t.shape)}" for t in inputs) or "none"
        raise UsageError(
            "pictures need one input of shape [1, H, W, 3], [1, H, W, 1], [1, 3, H, W] or "
            f"[1, 1, H, W]; the model's inputs are: {listed}; leave the pictures out to draw inputs"
        )
    return found[0]


def picture_samples(
    pictures: Sequence[ImageInput], tensor: Tensor, scale: PictureScale | None = None
) -> list[dict[str, NDArray[Any]]]:
    """Read pictures in the size, layout and type of an input.

    Without a scale floats are 0..1; 8-bit integers use their whole range, INT16 the scale of the
    tensor.

    Args:
        pictures: files, or pictures in memory.
        tensor: an input as :func:`picture_input` finds it.
        scale: how the model wants pixels.

    Returns:
        For each picture, the array by the input's name.

    Raises:
        FileError, ImageError: a picture cannot be read.
    """
    return [{tensor.name: _fitted(read_image(picture), tensor, scale)} for picture in pictures]


def samples_of(
    model: Model, images: ImageInput | Iterable[ImageInput] | None
) -> list[dict[str, NDArray[Any]]]:
    """Return what to run a model on: pictures, arrays, or one sample whose inputs are to be drawn.

    Raises:
        UsageError: the model takes no picture, or not these arrays.
        FileError, ImageError: there are none in what was named, or one cannot be read.
    """
    if images is None:
        return [{}]
    given = given_inputs(images)
    if are_arrays(given):
        return read_arrays(given, model)
    return picture_samples(given, picture_input(model), known_scale(model))


def _layout(tensor: Tensor) -> str:
    if tensor.rank != 4 or tensor.shape[0] not in (1, -1):
        return ""
    if tensor.shape[3] in _CHANNELS:
        return "NHWC"
    return "NCHW" if tensor.shape[1] in _CHANNELS else ""


def _fitted(image: NDArray[np.float32], tensor: Tensor, scale: PictureScale | None) -> NDArray[Any]:
    is_last = _layout(tensor) == "NHWC"
    height, width = tensor.shape[1:3] if is_last else tensor.shape[2:]
    channels = tensor.shape[3] if is_last else tensor.shape[1]
    if height > 0 and width > 0:  # else the size is free
        image = resize(image, height, width)
    if channels == 1:
        image = (image @ _LUMA)[..., np.newaxis]
    if scale is not None:
        image = scale.values_of(image)
    batch = (image if is_last else image.transpose(2, 0, 1))[np.newaxis]
    if scale is not None and is_quantized(tensor):
        return np.ascontiguousarray(quantize(batch, tensor))
    return np.ascontiguousarray(_stored(batch, tensor))


def _stored(values: NDArray[np.float32], tensor: Tensor) -> NDArray[Any]:
    stored: NDArray[Any] = values
    if tensor.dtype == "UINT8":
        stored = np.rint(255 * values).astype(np.uint8)
    elif tensor.dtype == "INT8":
        stored = (np.rint(255 * values) - 128).astype(np.int8)
    elif tensor.dtype == "INT16":
        scale = 1 / 32767 if tensor.quantization is None else float(tensor.quantization.scale[0])
        stored = np.clip(np.rint(values / scale), -32768, 32767).astype(np.int16)
    return stored
