"""Constants in the order that LiteRT stores them in, with little memory."""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["in_c_order"]

_KEPT_IN_MEMORY = 2**20  # bytes of a copy


def in_c_order(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array in C order: where it is, or else a copy, in a mapped file if it is large.

    The file has no name any more. The system may take the memory of its pages for other things.
    """
    if array.flags.c_contiguous:
        return array
    if array.nbytes <= _KEPT_IN_MEMORY:
        return np.ascontiguousarray(array)
    with tempfile.TemporaryFile() as file:
        file.truncate(array.nbytes)
        copy = np.memmap(file, array.dtype, "r+", shape=array.shape)
    copy[...] = array
    return copy
