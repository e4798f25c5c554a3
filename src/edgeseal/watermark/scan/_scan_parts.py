"""The output of a scan: a folder of Parquet files, each of them whole or not there."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from edgeseal._documents import DocumentError, parse_json, read_document
from edgeseal._files import make_folder, replacing, write_text
from edgeseal._leftovers import try_lock
from edgeseal.errors import FileError, OutputExistsError
from edgeseal.watermark.scan._archives import import_parquet
from edgeseal.watermark.scan._choice import fingerprint
from edgeseal.watermark.scan._scan_row import ERROR, ScanRow

__all__ = [
    "Parts",
    "open_parts",
    "part_name",
    "part_paths",
    "read_column",
    "read_manifest",
    "results_of",
    "write_manifest",
]

_MANIFEST = "_manifest.json"  # what begins with `_` is no data to Spark, Hive and pyarrow
_PART = re.compile(r"part-(\d{6,})\.parquet")
_TYPES = {"str": "string", "float": "float64", "int": "int32"}


class Parts:
    """A folder that is being written.

    Attributes:
        folder: where.
        done: fingerprints of the names of items that have a row.
        count: number of rows that this run gave.
    """

    def __init__(self, folder: Path, head: Mapping[str, Any], part_rows: int) -> None:
        self.folder = folder
        self.done: set[int] = set()
        self.count = 0
        self._head = dict(head)
        self._part_rows = part_rows
        self._rows: list[ScanRow] = []
        self._next = 1 + max((_number(path) for path in part_paths(self.folder)), default=-1)

    def write(self, row: ScanRow) -> None:
        """Keep a row until there are enough for a part."""
        self._rows.append(row)
        self.count += 1
        if len(self._rows) >= self._part_rows:
            self.flush()

    def flush(self) -> None:
        """Write a part of the rows that are kept.

        Raises:
            FileError: the disk refuses it.
        """
        if not self._rows:
            return
        rows = [dataclasses.asdict(row) for row in self._rows]
        _write(self.folder / part_name(self._next), rows)
        self._next += 1
        self._rows.clear()

    def finish(self) -> None:
        """Write what is left, and that nothing is missing.

        Raises:
            FileError: the disk refuses it.
        """
        self.flush()
        write_manifest(self.folder, {**self._head, "is_finished": True})

    def results(self) -> Iterator[tuple[str, float | None]]:
        """Yield verdict and logarithm of the p-value of each row.

        Raises:
            FileError: a part cannot be read.
        """
        return results_of(self.folder)

    def load_done(self, *, retry: bool) -> None:
        """Find out what is done.

        Args:
            retry: whether items that failed are not; their rows are removed.

        Raises:
            FileError: a part cannot be read or written.
        """
        for path in part_paths(self.folder):
            if retry:
                _remove_failed(path)
            for name in read_column(path, "source") if path.exists() else ():
                self.done.add(fingerprint(name))


@contextlib.contextmanager
def open_parts(
    folder: Path, head: Mapping[str, Any], *, part_rows: int, retry: bool
) -> Iterator[Parts]:
    """Open a new folder, or go on with one of the same head.

    However the body ends, the rows that it wrote stay.

    Args:
        folder: where.
        head: what the rows depend on.
        part_rows: rows of a part.
        retry: whether items that failed are to be tried again.

    Raises:
        OutputExistsError: the folder holds something else.
        FileError: another run writes it, it is of another model, schema or settings, or the disk
            refuses it.
        MissingExtraError: pyarrow is not installed.
    """
    import_parquet()
    make_folder(folder)
    with _locked(folder):
        if (folder / _MANIFEST).exists():
            _check_same(folder, head)
        elif any(not path.name.startswith(".") for path in folder.iterdir()):
            raise OutputExistsError(f"{folder}: holds something else than a scan; choose another")
        write_manifest(folder, {**head, "is_finished": False})
        parts = Parts(folder, head, part_rows)
        parts.load_done(retry=retry)
        try:
            yield parts
        except BaseException:
            with contextlib.suppress(FileError):  # such as a full disk, which is said already
                parts.flush()
            raise


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return what a folder is of.

    Raises:
        FileError: it is no output of a scan.
    """
    path = folder / _MANIFEST
    try:
        record = parse_json(read_document(path))
    except DocumentError as error:
        raise FileError(f"{path}: is damaged ({error}); choose another output") from error
    if not isinstance(record, dict) or record.get("command") != "scan":
        raise FileError(f"{path}: is none of `edgeseal scan`; choose another output")
    if not isinstance(record.get("fpr"), float):
        raise FileError(f"{path}: is damaged (`fpr` is no rate); choose another output")
    return record


def write_manifest(folder: Path, record: Mapping[str, Any]) -> None:
    """Write what a folder is of.

    Raises:
        FileError: the disk refuses it.
    """
    write_text(folder / _MANIFEST, json.dumps(record, indent=2) + "\n", overwrite=True)


def part_name(number: int) -> str:
    """Return what a part is called."""
    return f"part-{number:06}.parquet"


def part_paths(folder: Path) -> list[Path]:
    """Return the parts of a folder in their order."""
    return sorted(path for path in folder.iterdir() if _PART.fullmatch(path.name))


def results_of(folder: Path) -> Iterator[tuple[str, float | None]]:
    """Yield verdict and logarithm of the p-value of each row in a folder.

    Raises:
        FileError: a part cannot be read.
    """
    for path in part_paths(folder):
        yield from zip(*_read(path, ("verdict", "log10_p_value")).values(), strict=True)


def read_column(path: Path, name: str) -> list[Any]:
    """Return a column of a part.

    Raises:
        FileError: the part cannot be read.
    """
    return _read(path, (name,))[name]


def _check_same(folder: Path, head: Mapping[str, Any]) -> None:
    record = read_manifest(folder)
    other = [
        f"{name} {record.get(name)}, not {value}"
        for name, value in head.items()
        if name != "model" and record.get(name) != value
    ]
    if other:
        raise FileError(
            f"{folder}: is the output of another scan: {'; '.join(other)}; choose another output, "
            "or give what it was made with"
        )


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other runs on this machine out; without effect on Windows."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        yield
        return
    try:
        if try_lock(descriptor) is False:
            raise FileError(f"{folder}: another run is writing it; wait until that has ended")
        yield
    finally:
        os.close(descriptor)


def _schema() -> Any:
    import pyarrow

    fields = [
        (field.name, getattr(pyarrow, _TYPES[str(field.type).split(" ")[0]])())
        for field in dataclasses.fields(ScanRow)
    ]
    return pyarrow.schema(fields)


def _write(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write a part that is on the disk when it gets its name.

    Raises:
        FileError: the disk refuses it.
    """
    parquet = import_parquet()
    import pyarrow

    table = pyarrow.Table.from_pylist(list(rows), schema=_schema())
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


def _read(path: Path, names: Sequence[str]) -> dict[str, list[Any]]:
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


def _remove_failed(path: Path) -> None:
    """Write a part anew without the rows of items that failed, or remove it if that is all."""
    columns = _read(path, [field.name for field in dataclasses.fields(ScanRow)])
    rows = [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    kept = [row for row in rows if row["verdict"] != ERROR]
    if not kept:
        path.unlink()
    elif len(kept) < len(rows):
        _write(path, kept)


def _number(path: Path) -> int:
    found = _PART.fullmatch(path.name)
    return -1 if found is None else int(found[1])
