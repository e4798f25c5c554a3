"""What follows a model in its file: an archive of labels, code for an accelerator."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.graph._flatbuffer import FileSource
from edgeseal.tflite.graph._model import Appended

__all__ = ["find_appended", "is_archive", "moved_archive"]

# ZIP, see PKWARE's APPNOTE.TXT: an entry of the directory is this long, then three texts
_ARCHIVE = b"PK"
_END_MARK = b"PK\x05\x06"
_END = struct.Struct("<4s4HIIH")  # ..., entries, size and offset of the directory, comment
_ENTRY_SIZE = 46
_TEXT_SIZES = struct.Struct("<3H")
_TEXT_SIZES_AT = 28
_OFFSET = struct.Struct("<I")
_OFFSET_AT = 42
_DIRECTORY_OFFSET_AT = 16
_LONGEST_END = _END.size + 2**16  # with its comment
_CHUNK = 2**20  # bytes that are searched at a time


def find_appended(source: FileSource, *, has_custom_operators: bool) -> Appended | None:
    """Return what follows the last byte that reading visited.

    Data that is no archive matters to custom operators only; elsewhere it is waste that a tool
    left behind.
    """
    tail = np.frombuffer(source.data[source.end :], np.uint8)
    start = _first_filled(tail)
    if start is None:
        return None
    appended = Appended(tail[start:], source.end + start)
    return appended if has_custom_operators or is_archive(appended) else None


def is_archive(appended: Appended) -> bool:
    """Whether this is a ZIP archive, as model metadata has it for label files."""
    data = appended.data
    return bytes(data[:2]) == _ARCHIVE and _END_MARK in bytes(data[-_LONGEST_END:])


def moved_archive(appended: Appended, offset: int) -> NDArray[np.uint8]:
    """Return the archive as it must be to start at ``offset`` of a file.

    Its directory counts from the start of the file, and not every reader sees that it was moved.
    """
    data = bytearray(appended.data)
    try:
        _shift_directory(data, appended.offset, offset - appended.offset)
    except struct.error:  # a damaged archive stays as it is
        return appended.data
    return np.frombuffer(data, np.uint8)


def _shift_directory(data: bytearray, base: int, shift: int) -> None:
    end = data.rfind(_END_MARK)
    _, _, _, _, entries, size, directory, _ = _END.unpack_from(data, end)
    place = directory - base
    if place < 0 or place != end - size:  # it counts from somewhere else
        return
    _shift(data, end + _DIRECTORY_OFFSET_AT, shift)
    for _ in range(entries):
        _shift(data, place + _OFFSET_AT, shift)
        place += _ENTRY_SIZE + sum(_TEXT_SIZES.unpack_from(data, place + _TEXT_SIZES_AT))


def _shift(data: bytearray, place: int, shift: int) -> None:
    (offset,) = _OFFSET.unpack_from(data, place)
    _OFFSET.pack_into(data, place, offset + shift)


def _first_filled(data: NDArray[np.uint8]) -> int | None:
    """Return the place of the first byte that is not 0; None if there is none."""
    for start in range(0, data.size, _CHUNK):
        filled = np.flatnonzero(data[start : start + _CHUNK])
        if filled.size:
            return start + int(filled[0])
    return None
