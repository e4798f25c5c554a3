"""The pieces of a ``.tflite`` file: packed tables, then data that is never copied.

Constant data does not go through the flatbuffer builder, which would copy it and ends at 2 GiB:
it follows the tables, and the tables are told where it is.
"""

from __future__ import annotations

import struct
from typing import Any

import flatbuffers
import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.graph._appended import is_archive, moved_archive
from edgeseal.tflite.graph._model import Appended
from edgeseal.tflite.graph._schema import schema

__all__ = ["Constant", "FileBuilder", "Layout"]

_ALIGNMENT = 16  # of constant data within the file: the schema's force_align
_LENGTH = struct.Struct("<I")
_OFFSET = struct.Struct("<I")
_TO_LAYOUT = struct.Struct("<i")
_HEADER_SIZE = 8  # offset of the root table, identifier
_SOMEWHERE = 2  # an offset that counts: 0 and 1 mean that there is none
_LARGEST_SHARED = 2**20  # bytes


class FileBuilder(flatbuffers.Builder):  # type: ignore[misc]
    """Stores equal vectors once: shapes, and the zero points of every per-channel tensor."""

    current_vtable: Any

    def __init__(self) -> None:
        super().__init__(2**10)
        self._vectors: dict[tuple[str, bytes], Any] = {}
        self._layouts: dict[bytes, int] = {}
        self.minalign = _ALIGNMENT  # its end is aligned; what follows can rely on that

    def CreateNumpyVector(self, x: NDArray[Any]) -> Any:
        """Write a vector unless an equal one is there, and return its offset."""
        if x.nbytes > _LARGEST_SHARED:
            return super().CreateNumpyVector(x)
        key = (x.dtype.str, x.tobytes())
        if key not in self._vectors:
            self._vectors[key] = super().CreateNumpyVector(x)
        return self._vectors[key]

    def WriteVtable(self) -> int:
        """Write the layout of a table unless an equal one is there, and return the table's offset.

        The inherited method writes each number for itself; thousands of one-operator models are
        written to try them.
        """
        self.PrependSOffsetTRelative(0)
        table = self.Offset()
        fields = [table - field if field else 0 for field in self.current_vtable]
        while fields and not fields[-1]:
            fields.pop()
        count = len(fields) + 2  # with its own size, and that of the table
        layout = struct.pack(f"<{count}H", 2 * count, table - self.objectEnd, *fields)
        if layout not in self._layouts:
            self.Prep(2, len(layout))
            self.head -= len(layout)
            self.Bytes[self.head : self.head + len(layout)] = layout
            self._layouts[layout] = self.Offset()
        _TO_LAYOUT.pack_into(self.Bytes, len(self.Bytes) - table, self._layouts[layout] - table)
        self.current_vtable = None
        return int(table)


class Constant:
    """Stands in for the schema's record of a buffer."""

    def __init__(self, data: NDArray[np.uint8]) -> None:
        """Take the data: uint8 [size_bytes]."""
        self.data = np.ascontiguousarray(data).reshape(-1).view(np.uint8)
        self.is_outside = False  # whether it goes behind the flatbuffer
        self.offset = _SOMEWHERE
        self._slot = 0  # of the reference to the data, counted from the end of the tables

    def Pack(self, builder: Any) -> Any:
        """Write the record without its data, and return its offset."""
        schema.BufferStart(builder)
        if self.is_outside:
            schema.BufferAddOffset(builder, self.offset)
            schema.BufferAddSize(builder, self.data.size)
        else:
            builder.PrependUOffsetTRelative(builder.Offset())  # until link() knows better
            builder.Slot(0)
            self._slot = builder.Offset()
        return schema.BufferEnd(builder)

    def link(self, tables: bytearray, start: int) -> None:
        """Let the packed record refer to the data.

        Args:
            tables: which :meth:`Pack` took part in writing.
            start: their place in the file.
        """
        slot = len(tables) - self._slot
        _OFFSET.pack_into(tables, slot, self.offset - _LENGTH.size - (start + slot))


class Layout:
    """The pieces of a file, in order, and where each is."""

    def __init__(self, tables: bytearray, appended: Appended | None) -> None:
        """Begin with the tables.

        Args:
            tables: a flatbuffer that lacks constant data; may still change, but not in size.
            appended: what the file is to end with, or must have at its place.
        """
        self.pieces: list[Any] = []
        self.size = 0
        is_archived = appended is not None and is_archive(appended)
        self._archive = appended if is_archived else None
        self._fixed = None if is_archived else appended
        self.start = self._add_tables(tables)

    def add(self, constant: Constant) -> None:
        """Add constant data, and note its place."""
        lead = b"" if constant.is_outside else _LENGTH.pack(constant.data.size)
        constant.offset = self._add(constant.data, lead)

    def finish(self) -> list[Any]:
        """Add what follows the model, and return all pieces."""
        self._pass_fixed()
        if self._archive is not None:
            self.pieces.append(moved_archive(self._archive, self.size))
        return self.pieces

    def _add_tables(self, tables: bytearray) -> int:
        if self._fixed is None or len(tables) <= self._fixed.offset:
            return self._add(tables, b"")
        # what must stay does not leave them room: only their header comes before it
        header = tables[:_HEADER_SIZE]
        self._add(header, b"")
        start = self._add(tables, b"")
        _OFFSET.pack_into(header, 0, start + _OFFSET.unpack_from(tables)[0])
        return start

    def _add(self, data: Any, lead: bytes) -> int:
        """Add data at an aligned place, with ``lead`` right before it, and return the place."""
        place = self._next(lead)
        if self._fixed is not None and place + len(data) > self._fixed.offset:
            self._pass_fixed()
            place = self._next(lead)
        self.pieces += [bytes(place - len(lead) - self.size) + lead, data]
        self.size = place + len(data)
        return place

    def _next(self, lead: bytes) -> int:
        return -(-(self.size + len(lead)) // _ALIGNMENT) * _ALIGNMENT

    def _pass_fixed(self) -> None:
        """Add what must have its place in the file."""
        if self._fixed is not None:
            self.pieces += [bytes(self._fixed.offset - self.size), self._fixed.data]
            self.size = self._fixed.offset + self._fixed.data.size
            self._fixed = None
