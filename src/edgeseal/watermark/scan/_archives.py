"""Pictures inside tar files (WebDataset shards too) and Parquet files, read as a stream."""

from __future__ import annotations

import contextlib
import tarfile
from collections.abc import Iterator
from typing import Any

from edgeseal.errors import FileError, MissingExtraError
from edgeseal.watermark.scan._choice import Item, ItemChoice, printable
from edgeseal.watermark.scan._stores import open_seekable, open_source

__all__ = [
    "PARQUET_SUFFIXES",
    "TAR_SUFFIXES",
    "import_parquet",
    "parquet_items",
    "tar_items",
]

PARQUET_SUFFIXES = (".parquet", ".pq")
TAR_SUFFIXES = (".tar", ".tar.bz2", ".tar.gz", ".tar.xz", ".tgz")

_LARGEST_BYTES = 512 << 20  # of one picture; several are under way
_BATCH_ROWS = 16


class _StrictHeader(tarfile.TarInfo):
    """Of a damaged header tarfile makes the end of the file, unless it is the first."""

    @classmethod
    def fromtarfile(cls, tarfile: Any) -> Any:
        try:
            return super().fromtarfile(tarfile)
        except _damaged_headers as error:
            raise _ReadError(f"a header is damaged: {error}") from error


_ReadError = tarfile.ReadError
_damaged_headers = (tarfile.InvalidHeaderError, tarfile.TruncatedHeaderError)  # type: ignore[attr-defined]


def tar_items(source: str, choice: ItemChoice, suffixes: tuple[str, ...]) -> Iterator[Item]:
    """Yield the pictures of a tar file, whatever it is compressed with.

    Damage ends it with an item that says so. A name that is there again gets a number.

    Args:
        source: a path or an address.
        choice: of items.
        suffixes: endings, in lower case, of the members to take.
    """
    try:
        with (
            open_source(source) as file,
            tarfile.open(fileobj=file, mode="r|*", tarinfo=_StrictHeader) as tar,
        ):
            members: Any = tar
            while (member := members.next()) is not None:
                members.members.clear()  # it would remember them all
                if not member.isreg():
                    continue
                if not member.name.lower().endswith(suffixes):
                    choice.leave_out(member.name)
                    continue
                name = choice.name_again(f"{printable(source)}/{printable(member.name)}", source)
                if not choice.takes(name):
                    continue
                if member.size > _LARGEST_BYTES:
                    yield Item(name, b"", f"has {member.size} bytes; {_LARGEST_BYTES} are the most")
                else:
                    yield Item(name, members.extractfile(member).read())
    except (tarfile.TarError, FileError, OSError, EOFError, ValueError) as error:
        yield from _damaged(source, choice, "tar file", error)


def parquet_items(source: str, choice: ItemChoice, column: str | None) -> Iterator[Item]:
    """Yield the pictures of a column of a Parquet file; they are called by the number of their row.

    Args:
        source: a path or an address.
        choice: of items.
        column: with the bytes of picture files, or with a field ``bytes`` of them as the packages
            of Hugging Face write it; the only one of that kind if None.

    Raises:
        MissingExtraError: pyarrow is not installed.
        FileError: there is no such column, or several and none was named.
    """
    parquet = import_parquet()
    import pyarrow

    row = 0
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(open_seekable(source))
            opened = parquet.ParquetFile(file, buffer_size=1 << 20)
            place = _column(opened.schema_arrow, column, source)
            for batch in opened.iter_batches(batch_size=_BATCH_ROWS, columns=[place]):
                for cell in batch.column(0):
                    name, row = f"{printable(source)}/{row}", row + 1
                    if choice.takes(name):
                        yield _from_cell(name, cell.as_py())
        except (pyarrow.ArrowException, OSError) as error:
            yield from _damaged(source, choice, "Parquet file", error)
        except FileError as error:
            if isinstance(error, _NoColumnError):
                raise
            yield from _damaged(source, choice, "Parquet file", error)


def import_parquet() -> Any:
    """Return the module ``pyarrow.parquet``.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError("reading and writing Parquet", "scan") from error
    return pyarrow.parquet


class _NoColumnError(FileError):
    """It is not clear where the pictures are."""


def _column(schema: Any, wanted: str | None, source: str) -> str:
    """Return the column with pictures, as Parquet calls it."""
    from pyarrow import types

    def is_bytes(kind: Any) -> bool:
        return bool(types.is_binary(kind) or types.is_large_binary(kind))

    places: dict[str, str] = {field.name: field.name for field in schema if is_bytes(field.type)}
    for field in schema:
        if types.is_struct(field.type) and field.type.get_field_index("bytes") >= 0:
            places[field.name] = f"{field.name}.bytes"
    if wanted is None and len(places) == 1:
        return next(iter(places.values()))
    if wanted is not None and wanted in places:
        return places[wanted]
    there = ", ".join(places) or "none"
    what = "a column with the bytes of pictures" if wanted is None else f"such a column {wanted!r}"
    hint = "; choose one with `column`" if len(places) > 1 else ""
    raise _NoColumnError(f"{source}: expected {what}, there is: {there}{hint}")


def _from_cell(name: str, value: Any) -> Item:
    content = value.get("bytes") if isinstance(value, dict) else value
    return Item(name, b"", "holds no picture") if not content else Item(name, content)


def _damaged(source: str, choice: ItemChoice, what: str, error: Exception) -> Iterator[Item]:
    """Yield an item that stands for what cannot be read of an archive."""
    name = printable(source)
    if choice.takes(name):
        words = " ".join(str(error).split())
        yield Item(name, b"", f"cannot be read to its end as a {what}: {words}")
