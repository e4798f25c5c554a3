"""Arrays as inputs of any model: ``.npy`` and ``.npz`` files, for tokens, sound and all else.

An array holds one input, or many, one after the other along its first axis. Where a model takes
several inputs, those of one ``.npz`` belong together, by their names, and so do ``.npy`` files that
are named after the inputs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.errors import FileError, UsageError
from edgeseal.pictures import PICTURE_SUFFIXES, ImageInput, given_pictures
from edgeseal.tflite.graph import Model, Tensor
from edgeseal.tflite.probe import is_quantized, numpy_type, quantize

__all__ = ["ARRAY_SUFFIXES", "are_arrays", "given_inputs", "read_arrays"]

ARRAY_SUFFIXES = (".npy", ".npz")

Array = NDArray[Any]


def are_arrays(files: Iterable[Any]) -> bool:
    """Whether what was named are files of arrays, and not pictures.

    Raises:
        UsageError: there are both.
    """
    kinds = {isinstance(f, str | Path) and Path(f).suffix.lower() in ARRAY_SUFFIXES for f in files}
    if len(kinds) > 1:
        raise UsageError("there are files of arrays and pictures among the inputs; give one kind")
    return kinds == {True}


def given_inputs(images: ImageInput | Iterable[ImageInput]) -> list[Any]:
    """Return what was given to run on: pictures, or files of arrays, those in folders included.

    Raises:
        FileError: there are none in what was named, or a folder or list cannot be read.
    """
    suffixes = (*PICTURE_SUFFIXES, *ARRAY_SUFFIXES)
    return given_pictures(images, suffixes=suffixes, kind="pictures or arrays")


def read_arrays(files: Sequence[str | Path], model: Model) -> list[dict[str, Array]]:
    """Return what files of arrays give a model, as an array for each input by its name.

    Args:
        files: ``.npy`` and ``.npz``.
        model: whose inputs they are; values that do not change by it are brought to their types,
            real values to the scale of quantized inputs.

    Raises:
        FileError: a file cannot be read.
        UsageError: an array fits no input, or an input has none.
    """
    names = {tensor: _names(model, tensor) for tensor in model.main.inputs}
    rows: list[dict[str, Array]] = []
    for group in _groups([Path(file) for file in files], names):
        rows += _rows(group, names)
    return rows


def _groups(
    files: Sequence[Path], names: Mapping[Tensor, set[str]]
) -> list[dict[str, tuple[Path, Array]]]:
    """Return the arrays that belong together, with their files, by their names."""
    known = {_plain(name) for given in names.values() for name in given}
    together = {f.stem: (f, a) for f in files if _plain(f.stem) in known for a in _load(f).values()}
    if len(names) > 1 and len(together) == len(files) == len(names):
        return [together]
    return [{name: (file, array) for name, array in _load(file).items()} for file in files]


def _load(file: Path) -> dict[str, Array]:
    try:
        if file.suffix.lower() == ".npy":
            return {"": np.load(file, mmap_mode="r", allow_pickle=False)}
        with np.load(file, allow_pickle=False) as opened:
            return {name: opened[name] for name in opened.files}
    except OSError as error:
        raise FileError(f"{file}: cannot be read ({error.strerror or error})") from error
    except (ValueError, EOFError, KeyError, MemoryError) as error:
        raise FileError(f"{file}: no arrays of numbers in there ({error})") from error
    except Exception as error:  # zipfile and zlib raise their own
        raise FileError(f"{file}: damaged ({error})") from error


def _rows(
    given: Mapping[str, tuple[Path, Array]], names: Mapping[Tensor, set[str]]
) -> list[dict[str, Array]]:
    found: dict[str, list[Array]] = {}
    for place, (tensor, known) in enumerate(names.items()):
        file, array = _chosen(given, place, tensor, known, len(names))
        found[tensor.name] = _split(file, array, tensor)
    counts = {len(parts) for parts in found.values()}
    if len(counts) > 1:
        file = next(iter(given.values()))[0]
        told = ", ".join(f"{name} {len(parts)}" for name, parts in found.items())
        raise UsageError(f"{file}: expected as many values for each input, got {told}")
    return [dict(zip(found, parts, strict=True)) for parts in zip(*found.values(), strict=True)]


def _chosen(
    given: Mapping[str, tuple[Path, Array]],
    place: int,
    tensor: Tensor,
    known: set[str],
    inputs: int,
) -> tuple[Path, Array]:
    """Return the array for an input: by its name, by the order of unnamed ones, or the only one."""
    plain = {_plain(name) for name in known}
    for name, one in given.items():
        if name in known or _plain(name) in plain:
            return one
    if len(given) == inputs == 1:
        return next(iter(given.values()))
    unnamed = given.get(f"arr_{place}")
    if unnamed is not None:
        return unnamed
    file = next(iter(given.values()))[0]
    raise UsageError(
        f"{file}: has no array for input {tensor.name} {tensor.dtype} {list(tensor.shape)}; its "
        f"arrays are: {', '.join(given) or 'none'}; name them after the inputs"
    )


def _split(file: Path, array: Array, tensor: Tensor) -> list[Array]:
    """Return the values for an input, one after the other, in its type."""
    shape = tuple(array.shape)
    if _fits(shape, tensor.shape):
        parts = [array]
    elif len(shape) == tensor.rank and tensor.shape[0] == 1 and _fits(shape[1:], tensor.shape[1:]):
        parts = [array[index : index + 1] for index in range(shape[0])]
    elif _fits(shape[1:], tensor.shape):
        parts = [array[index] for index in range(shape[0])]
    else:
        raise UsageError(
            f"{file}: array {list(shape)}, expected {list(tensor.shape)} for input {tensor.name}, "
            "or many of them along a first axis"
        )
    return [_typed(file, part, tensor) for part in parts]


def _fits(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return len(shape) == len(wanted) and all(
        size == want or want < 0 for size, want in zip(shape, wanted, strict=True)
    )


def _typed(file: Path, values: Array, tensor: Tensor) -> Array:
    kind = numpy_type(tensor)
    is_real = np.issubdtype(values.dtype, np.floating)
    if is_real and is_quantized(tensor):
        return quantize(np.asarray(values), tensor)
    with np.errstate(all="ignore"):
        typed = np.asarray(values) if kind is None else np.asarray(values).astype(kind)
    is_same = np.issubdtype(typed.dtype, np.floating) or np.array_equal(typed, values)
    if kind is None or not is_same or values.dtype.kind not in "fiub":
        raise UsageError(
            f"{file}: values of type {values.dtype} cannot be given to input {tensor.name}, which "
            f"takes {tensor.dtype}"
        )
    return typed


def _names(model: Model, tensor: Tensor) -> set[str]:
    """Return what an input may be called: its own name, and those that signatures give it."""
    found = {tensor.name}
    for signature in model.signatures:
        found |= {name for name, one in signature.inputs.items() if one is tensor}
    return found


def _plain(name: str) -> str:
    return re.sub(r"\W+", "_", name)
