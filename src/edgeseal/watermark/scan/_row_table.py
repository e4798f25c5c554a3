"""Rows in a folder of Parquet files, each of them whole or not there."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from edgeseal._files import make_folder, replacing
from edgeseal.errors import FileError
from edgeseal.watermark.scan._archives import import_parquet

__all__ = ["PART_ROWS", "RowTable", "part_name", "part_paths", "read_columns"]

PART_ROWS = 500  # what a run that is killed has to read again, at most
_PART = re.compile(r"part-(\d{6,})\.parquet")
_TYPES = {"bool": "bool_", "bytes": "binary", "float": "float64", "int": "int32", "str": "string"}


class RowTable:
    """A folder of rows of one kind; there is one once there is a row."""

    def __init__(self, folder: Path, kind: type, part_rows: int) -> None:
        """Take what is there.

        Args:
            folder: where.
            kind: the dataclass of a row; has ``source`` and ``error``.
            part_rows: rows of a file.
        """
        self.folder = folder
        self._kind = kind
        self._part_rows = part_rows
        self._rows: list[Any] = []
        self._next = 1 + max((_number(path) for path in part_paths(folder)), default=-1)

    def write(self, row: Any) -> None:
        """Keep a row until there are enough for a file.

        Raises:
            FileError: the disk refuses it.
        """
        self._rows.append(row)
        if len(self._rows) >= self._part_rows:
            self.flush()

    def flush(self) -> None:
        """Write a file of the rows that are kept.

        Raises:
            FileError: the disk refuses it.
        """
        if not self._rows:
            return
        make_folder(self.folder)
        rows = [dataclasses.asdict(row) for row in self._rows]
        _write(self.folder / part_name(self._next), rows, self._kind)
        self._next += 1
        self._rows.clear()

    def rows(self) -> Iterator[Any]:
        """Yield the rows that are written.

        Raises:
            FileError: a file cannot be read.
        """
        names = [field.name for field in dataclasses.fields(self._kind)]
        for path in part_paths(self.folder):
            for cells in zip(*read_columns(path, names).values(), strict=True):
                yield self._kind(*cells)

    def sources(self) -> Iterator[str]:
        """Yield the names of the items that have a row.

        Raises:
            FileError: a file cannot be read.
        """
        for path in part_paths(self.folder):
            yield from read_columns(path, ("source",))["source"]

    def remove_failed(self) -> None:
        """Write files anew without the rows of items that failed, or remove them if that is all.

        Raises:
            FileError: a file cannot be read or written.
        """
        for path in part_paths(self.folder):
            columns = read_columns(path, [field.name for field in dataclasses.fields(self._kind)])
            cells = zip(*columns.values(), strict=True)
            rows = [dict(zip(columns, row, strict=True)) for row in cells]
            kept = [row for row in rows if row["error"] is None]
            if not kept:
                path.unlink()
            elif len(kept) < len(rows):
                _write(path, kept, self._kind)


def part_name(number: int) -> str:
    """Return what a file of rows is called."""
    return f"part-{number:06}.parquet"


def part_paths(folder: Path) -> list[Path]:
    """Return the files of rows in a folder in their order; none if it is not there."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if _PART.fullmatch(path.name))


def read_columns(path: Path, names: Sequence[str]) -> dict[str, list[Any]]:
    """Return columns of a file of rows.

    Raises:
        FileError: it cannot be read, or is none.
    """
    parquet = import_parquet()
    import pyarrow

    try:
        found: dict[str, list[Any]] = parquet.read_table(
            str(path), columns=list(names), partitioning=None, use_threads=False
        ).to_pydict()
    except (pyarrow.ArrowException, OSError) as error:
        words = " ".join(str(error).split())
        raise FileError(
            f"{path}: cannot be read ({words}); remove it, and the next run does its items again"
        ) from error
    if set(found) != set(names):
        raise FileError(f"{path}: is no part of a scan; remove it")
    return found


def _schema(kind: type) -> Any:
    import pyarrow

    fields = [
        (field.name, getattr(pyarrow, _TYPES[str(field.type).split(" ")[0]])())
        for field in dataclasses.fields(kind)
    ]
    return pyarrow.schema(fields)


def _write(path: Path, rows: Sequence[Mapping[str, Any]], kind: type) -> None:
    """Write a part that is on the disk when it gets its name.

    Raises:
        FileError: the disk refuses it.
    """
    parquet = import_parquet()
    import pyarrow

    table = pyarrow.Table.from_pylist(list(rows), schema=_schema(kind))
    with replacing(path, overwrite=True) as temporary:
        parquet.write_table(table, str(temporary))
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
    with contextlib.suppress(OSError):  # Windows opens no folders
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _number(path: Path) -> int:
    found = _PART.fullmatch(path.name)
    return -1 if found is None else int(found[1])
