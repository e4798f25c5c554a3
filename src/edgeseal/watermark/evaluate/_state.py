"""Results of single pictures on the disk, so that an interrupted evaluation goes on."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
from pathlib import Path

from edgeseal._documents import DocumentError, parse_json, read_document
from edgeseal._files import make_folder, write_text
from edgeseal.errors import FileError, UsageError
from edgeseal.watermark.evaluate._from_json import from_record
from edgeseal.watermark.evaluate._picture_record import PictureRecord

__all__ = ["State"]

_FOLDER = ".evaluation"
_PLAN = re.compile("[0-9a-f]{16}")  # a fingerprint
_RESULT = re.compile(r"[0-9a-f]{64}\.(un)?marked\.json|\.edgeseal-\w+\.json")


class State:
    """A folder with a file for each finished picture."""

    def __init__(self, output: Path, fingerprint: str) -> None:
        """Use the results below ``output`` that belong to a plan."""
        self._root = output / _FOLDER
        self._folder = self._root / fingerprint

    def load(self, checksum: str, *, mark: bool) -> PictureRecord | None:
        """Return the record of a picture; None if there is none that can be used."""
        try:
            text = read_document(self._path(checksum, mark=mark))
            return from_record(PictureRecord, parse_json(text, allow_nan=True))
        except (FileError, DocumentError, UsageError):
            return None  # missing, or damaged: it is evaluated again

    def save(self, record: PictureRecord) -> None:
        """Write the record of a picture, whole or not at all.

        Raises:
            FileError: the disk refuses it.
        """
        make_folder(self._folder)
        path = self._path(record.sha256, mark=record.is_marked)
        write_text(path, json.dumps(dataclasses.asdict(record)), overwrite=True)

    def remove(self) -> None:
        """Remove all results, which the report has; anything else in the folder is left."""
        with contextlib.suppress(OSError):
            if self._root.is_symlink():
                return
            for folder in self._root.iterdir():
                if _PLAN.fullmatch(folder.name) and not folder.is_symlink() and folder.is_dir():
                    _empty(folder)
            self._root.rmdir()

    def _path(self, checksum: str, *, mark: bool) -> Path:
        return self._folder / f"{checksum}.{'marked' if mark else 'unmarked'}.json"


def _empty(folder: Path) -> None:
    """Remove results, finished or cut short, and the folder if nothing else is in it."""
    for path in folder.iterdir():
        if _RESULT.fullmatch(path.name):
            path.unlink()
    with contextlib.suppress(OSError):
        folder.rmdir()
