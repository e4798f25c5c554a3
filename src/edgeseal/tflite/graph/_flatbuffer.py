"""Reading of a flatbuffer that may be damaged: every access is checked, and all are counted.

The generated code of the schema trusts the file: an offset may lead anywhere, also back, and
vectors that overlap unfold into far more objects than the file has bytes. :func:`guarded` gives
such code a table that trusts nothing.
"""

from __future__ import annotations

import importlib.util
import struct
from types import ModuleType, SimpleNamespace
from typing import Any

import flatbuffers
import numpy as np
from flatbuffers import number_types
from numpy.typing import NDArray

from edgeseal.errors import ModelError

__all__ = ["FileSource", "damaged", "guarded"]

_HEADER_SIZE = 8  # offset of the root table, identifier
_OFFSET = struct.Struct("<I")
_TO_VTABLE = struct.Struct("<i")
_VTABLE_HEAD = struct.Struct("<HH")  # its own size, the size of the table
_FIRST_FIELD = 2  # of a vtable's 16-bit entries: the two above come first

# Real files have 25 bytes and more, without constant data, for every table that is met; the
# generated code meets most of them twice.
_BYTES_PER_TABLE = 8
_FEW_TABLES = 2**12
_MOST_TABLES = 1_000_000  # half a gigabyte of objects; a detector of 884 operators has 7,000
# Vectors and texts may be shared, as equal shapes and zero points are in the files that we write.
_SHARING = 4
_FEW_BYTES = 2**16


def damaged(what: str) -> ModelError:
    """Return the error for a file whose content contradicts itself."""
    return ModelError(f"a damaged .tflite model: {what}; fetch or convert it again")


def guarded(name: str) -> ModuleType:
    """Return a copy of a module that flatc generated which reads through checked tables.

    Its classes read what is given as a :class:`FileSource`; the module of that name stays as it is
    for everybody else.
    """
    spec = importlib.util.find_spec(name)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"No module named {name!r}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    tables = SimpleNamespace(Table=_Table)
    module.__dict__["flatbuffers"] = SimpleNamespace(**{**vars(flatbuffers), "table": tables})
    return module


class FileSource:
    """The bytes of a file, and how many of them reading may still visit."""

    def __init__(self, data: memoryview) -> None:
        """Look at the bytes of a whole file, without copying them."""
        self.data = data
        self.size = len(data)
        self.end = _HEADER_SIZE  # of what was visited
        self._tables_left = min(_MOST_TABLES, self.size // _BYTES_PER_TABLE + _FEW_TABLES)
        self._bytes_left = _SHARING * self.size + _FEW_BYTES
        self._layouts: dict[int, tuple[int, tuple[int, ...]]] = {}

    def root(self) -> int:
        """Return the place of the root table."""
        return self.follow(0)

    def follow(self, place: int) -> int:
        """Return the place to which the offset at ``place`` leads."""
        return place + int(self.number(_OFFSET, place))

    def number(self, kind: struct.Struct, place: int) -> Any:
        """Return the number at ``place``."""
        if not 0 <= place <= self.size - kind.size:
            raise self._outside(place)
        return kind.unpack_from(self.data, place)[0]

    def take(self, start: int, size_bytes: int) -> memoryview:
        """Return the bytes of a vector or a text; raises if the file does not have them."""
        if start + size_bytes > self.size:
            raise damaged(
                f"it is cut short: a value goes on to byte {start + size_bytes}, the file to byte "
                f"{self.size}"
            )
        self._bytes_left -= size_bytes
        if self._bytes_left < 0:
            raise damaged("its values overlap and would unfold into many times its size")
        self.end = max(self.end, start + size_bytes)
        return self.data[start : start + size_bytes]

    def fields(self, place: int) -> tuple[int, ...]:
        """Return where the fields of the table at ``place`` are, from its start; 0 if absent."""
        self._tables_left -= 1
        if self._tables_left < 0:
            raise damaged("its tables overlap and would unfold into many times its size")
        vtable = place - self.number(_TO_VTABLE, place)
        if vtable not in self._layouts:
            self._layouts[vtable] = self._layout(vtable)
        size, fields = self._layouts[vtable]
        if place + size > self.size:
            raise self._outside(place + size)
        self.end = max(self.end, place + size)
        return fields

    def _layout(self, vtable: int) -> tuple[int, tuple[int, ...]]:
        """Return the size of a table and the places of its fields."""
        if not 0 <= vtable <= self.size - _VTABLE_HEAD.size:
            raise self._outside(vtable)
        own_size, table_size = _VTABLE_HEAD.unpack_from(self.data, vtable)
        if own_size < _VTABLE_HEAD.size or own_size % 2 or vtable + own_size > self.size:
            raise damaged(f"the layout of a table, at byte {vtable}, makes no sense")
        fields = struct.unpack_from(f"<{own_size // 2}H", self.data, vtable)
        if any(field >= table_size for field in fields[_FIRST_FIELD:]):
            raise damaged(f"the layout of a table, at byte {vtable}, has fields outside of it")
        self.end = max(self.end, vtable + own_size)
        return table_size, fields

    def _outside(self, place: int) -> ModelError:
        return damaged(f"an offset leads to byte {place}, outside its {self.size} bytes")


class _Table(flatbuffers.table.Table):  # type: ignore[misc]
    """Stands in for the table through which generated code reads; ``Bytes`` is a Source."""

    __slots__ = ("_fields",)
    Bytes: FileSource
    Pos: int

    def __init__(self, source: FileSource, place: int) -> None:
        self.Bytes = source  # type: ignore[misc]  # a slot of the class above
        self.Pos = place  # type: ignore[misc]
        self._fields = source.fields(place)

    def Offset(self, slot: int) -> int:
        """Return where a field is, from the table's start; 0 if it is absent."""
        index = slot // 2
        return self._fields[index] if index < len(self._fields) else 0

    def Indirect(self, place: int) -> int:
        """Return the place of the table that an element of a vector refers to."""
        return self.Bytes.follow(place)

    def String(self, place: int) -> bytes:
        """Return the text that a field refers to."""
        start = self.Bytes.follow(place)
        return bytes(self.Bytes.take(start + _OFFSET.size, self.Bytes.number(_OFFSET, start)))

    def VectorLen(self, field: int) -> int:
        """Return the number of a vector's elements."""
        start = self.Bytes.follow(self.Pos + field)
        length = int(self.Bytes.number(_OFFSET, start))
        self.Bytes.take(start + _OFFSET.size, length)  # an element has a byte at least
        return length

    def Vector(self, field: int) -> int:
        """Return the place of a vector's first element."""
        return self.Bytes.follow(self.Pos + field) + _OFFSET.size

    def Union(self, table: flatbuffers.table.Table, field: int) -> None:
        """Let ``table`` stand for the table that a field refers to."""
        table.Bytes = self.Bytes
        table.Pos = self.Bytes.follow(self.Pos + field)

    def Get(self, flags: Any, place: int) -> Any:
        """Return the number at ``place``."""
        return flags.py_type(self.Bytes.number(flags.packer_type, place))

    def GetVectorAsNumpy(self, flags: Any, field: int) -> NDArray[Any]:
        """Return a vector of numbers, as a view."""
        start = self.Bytes.follow(self.Pos + field)
        size_bytes = flags.bytewidth * self.Bytes.number(_OFFSET, start)
        data = self.Bytes.take(start + _OFFSET.size, size_bytes)
        return np.frombuffer(data, number_types.to_numpy_type(flags))
