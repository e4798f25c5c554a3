"""The output of a scan: a folder of Parquet files, each of them whole or not there."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from edgeseal._documents import DocumentError, parse_json, read_document
from edgeseal._files import make_folder, write_text
from edgeseal._leftovers import try_lock
from edgeseal.errors import FileError, OutputExistsError
from edgeseal.watermark.runtime import Message
from edgeseal.watermark.scan._archives import import_parquet
from edgeseal.watermark.scan._name_set import NameSet
from edgeseal.watermark.scan._row_table import RowTable, part_paths, read_columns
from edgeseal.watermark.scan._scan_row import PartRow, ScanRow, joined_row

__all__ = [
    "Parts",
    "joined_rows",
    "open_parts",
    "read_manifest",
    "results_of",
    "video_table",
    "write_manifest",
]

_MANIFEST = "_manifest.json"  # what begins with `_` is no data to Spark, Hive and pyarrow
_VIDEOS = "_videos"


class Parts:
    """A folder that is being written.

    Parts of videos have a table of their own, until each video has its row: for a shard until the
    merge, since others have the rest of its parts.

    Attributes:
        folder: where.
        done: names of items that have a row.
        count: number of rows that this run gave.
    """

    def __init__(
        self, folder: Path, head: Mapping[str, Any], part_rows: int, done: NameSet
    ) -> None:
        self.folder = folder
        self.done = done
        self.count = 0
        self._head = dict(head)
        self._rows = RowTable(folder, ScanRow, part_rows)
        self._videos = video_table(folder, part_rows)

    def write(self, row: ScanRow | PartRow) -> None:
        """Keep a row until there are enough for a file.

        Raises:
            FileError: the disk refuses it.
        """
        if isinstance(row, PartRow):
            self._videos.write(row)
        else:
            self._rows.write(row)
            self.count += 1

    def flush(self) -> None:
        """Write the rows that are kept.

        Raises:
            FileError: the disk refuses it.
        """
        self._videos.flush()
        self._rows.flush()

    def finish(self, completed: Callable[[ScanRow], ScanRow]) -> None:
        """Write what is left, and that nothing is missing.

        Args:
            completed: says more of the row of a video.

        Raises:
            FileError: the disk refuses it.
        """
        self.flush()
        if not self._head.get("shard"):
            for row in joined_rows([self._videos], self._head):
                if row.source not in self.done:  # else a run was killed behind this
                    self.write(completed(row))
            self.flush()
            shutil.rmtree(self._videos.folder, ignore_errors=True)
        write_manifest(self.folder, {**self._head, "is_finished": True})

    def results(self) -> Iterator[tuple[str, float | None]]:
        """Yield verdict and logarithm of the p-value of each row.

        Raises:
            FileError: a file cannot be read.
        """
        return results_of(self.folder)

    def load_done(self, *, retry: bool) -> None:
        """Find out what is done.

        Args:
            retry: whether items that failed are not; their rows are removed.

        Raises:
            FileError: a file cannot be read or written.
        """
        for table in (self._rows, self._videos):
            if retry:
                table.remove_failed()
            for name in table.sources():
                self.done.add(name)


def video_table(folder: Path, part_rows: int = 1) -> RowTable:
    """Return the table of parts of videos in a folder."""
    return RowTable(folder / _VIDEOS, PartRow, part_rows)


def joined_rows(tables: Iterable[RowTable], head: Mapping[str, Any]) -> Iterator[ScanRow]:
    """Yield the rows of videos from those of their parts.

    Args:
        tables: with the parts.
        head: what the folder is of.

    Raises:
        FileError: a part is missing, or a file cannot be read.
    """
    videos: defaultdict[str, dict[tuple[int, int], PartRow]] = defaultdict(dict)
    for table in tables:
        for row in table.rows():
            videos[row.video][row.parts, row.part] = row
    for name, rows in sorted(videos.items()):
        counts = Counter(count for count, _ in rows)
        whole = [count for count, there in counts.items() if there == count]
        if not whole:
            raise FileError(
                f"{name}: some of its parts are missing, as if the file had changed between runs; "
                "scan it again into another output"
            )
        parts = [rows[whole[0], index] for index in range(whole[0])]
        expect = head.get("expect")
        message = None if expect is None else Message.from_hex(expect, head["bits"])
        yield joined_row(parts, expect=message, fpr=head["fpr"])


@contextlib.contextmanager
def open_parts(
    folder: Path, head: Mapping[str, Any], *, part_rows: int, retry: bool
) -> Iterator[Parts]:
    """Open a new folder, or go on with one of the same head.

    However the body ends, the rows that it wrote stay; a new folder without any does not.

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
    is_new = not folder.exists()
    make_folder(folder)
    with _locked(folder), NameSet() as done:
        if (folder / _MANIFEST).exists():
            _check_same(folder, head)
        elif any(not path.name.startswith(".") for path in folder.iterdir()):
            raise OutputExistsError(f"{folder}: holds something else than a scan; choose another")
        write_manifest(folder, {**head, "is_finished": False})
        parts = Parts(folder, head, part_rows, done)
        parts.load_done(retry=retry)
        try:
            yield parts
        except BaseException:
            with contextlib.suppress(FileError):  # such as a full disk, which is said already
                parts.flush()
            if is_new and not any(map(part_paths, (folder, folder / _VIDEOS))):
                with contextlib.suppress(OSError):
                    (folder / _MANIFEST).unlink()
                    folder.rmdir()
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


def results_of(folder: Path) -> Iterator[tuple[str, float | None]]:
    """Yield verdict and logarithm of the p-value of each row in a folder.

    Raises:
        FileError: a part cannot be read.
    """
    for path in part_paths(folder):
        yield from zip(*read_columns(path, ("verdict", "log10_p_value")).values(), strict=True)


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
