"""Results as JSON lines: one object a line, written as each comes, so that nothing is lost."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TextIO

from edgeseal._documents import DocumentError, parse_json
from edgeseal._files import check_output, sha256_of
from edgeseal._leftovers import try_lock
from edgeseal._version import SCHEMA_VERSION
from edgeseal.errors import FileError, OutputExistsError, UsageError

__all__ = ["JsonLines", "Lines"]


class JsonLines:
    """A file of results that is being written.

    Attributes:
        head: what every line begins with: schema version, command and settings.
    """

    def __init__(self, head: Mapping[str, Any], open_file: Callable[[], IO[str]]) -> None:
        self.head = head
        self._open = open_file
        self._file: IO[str] | None = None

    @property
    def has_begun(self) -> bool:
        """Whether the file has lost what was in it, or got a result."""
        return self._file is not None

    def begin(self) -> IO[str]:
        """Open the file, unless that was done; before the first result it is left alone."""
        if self._file is None:
            self._file = self._open()
        return self._file

    def write(self, record: Mapping[str, Any]) -> None:
        """Write a result, whole and at once."""
        file = self.begin()
        file.write(json.dumps({**self.head, **record}, allow_nan=False) + "\n")
        file.flush()


@dataclass(frozen=True, slots=True)
class Lines:
    """Where results go as lines, and what is done with those that are there.

    Attributes:
        target: a file, a stream, or None for no lines.
        resume: whether to go on with a file of such results.
        overwrite: whether to replace a file otherwise.
    """

    target: str | Path | TextIO | None
    resume: bool
    overwrite: bool

    @property
    def file(self) -> Path | None:
        """The file that is named, if one is."""
        return Path(self.target) if isinstance(self.target, str | Path) else None

    def head(self, command: str, model: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return what every line of a run begins with; empty where no lines are written.

        Args:
            command: that writes the results.
            model: its file, which was read already; going on, it is known by its checksum.
            settings: what else they depend on besides the picture, for JSON.
        """
        if self.target is None:
            return {}
        head = {"schema_version": SCHEMA_VERSION, "command": command}
        return head | {"model": str(model), "model_sha256": sha256_of(model)} | dict(settings)

    def done(self, head: Mapping[str, Any], *, failed_too: bool = False) -> Iterator[str]:
        """Yield the sources that have a result from an earlier run that is gone on with.

        Args:
            head: of this run.
            failed_too: whether those that failed count as done.

        Raises:
            FileError: the file cannot be read, or holds something else than results of the command
                with these settings.
        """
        if not self.resume or self.file is None or not self.file.exists():
            return
        for record, _ in _records(self.file, head):
            if failed_too or record.get("error") is None:
                yield str(record.get("source"))

    def check(self) -> None:
        """Refuse early what could not be done later.

        Raises:
            UsageError: there is no file to go on with.
            OutputExistsError: it exists, and neither resuming nor overwriting was asked for.
            FileError: it cannot be written.
        """
        if self.file is None:
            if self.resume:
                raise UsageError(
                    "`resume` needs the file of an earlier run; give `json_lines` FILE"
                )
            return
        is_empty = self.file.is_file() and not self.file.stat().st_size  # of a run that was killed
        try:
            check_output(self.file, overwrite=self.overwrite or self.resume or is_empty)
        except OutputExistsError as error:
            raise OutputExistsError(f"{error}, or `resume` to go on with it") from error

    @contextlib.contextmanager
    def open(self, head: Mapping[str, Any]) -> Iterator[JsonLines | None]:
        """Open the file for the body; yields None where no lines are written.

        Raises:
            OutputExistsError, FileError: as :meth:`check`, or it holds something else than such
                results.
        """
        if self.target is None:
            yield None
            return
        if not isinstance(self.target, str | Path):
            stream = self.target
            yield JsonLines(head, lambda: stream)
            return
        self.check()
        path = Path(self.target)
        is_new = not path.exists()
        try:
            with path.open("a", encoding="utf-8") as file:
                _lock(file, path)
                kept = _records(path, head) if self.resume else ()
                size = max((end for _, end in kept), default=0)

                def emptied() -> IO[str]:
                    file.truncate(size)  # also what an interruption left of a line
                    return file

                lines = JsonLines(head, emptied)
                try:
                    yield lines
                except BaseException:
                    if is_new and not lines.has_begun:
                        path.unlink(missing_ok=True)
                    raise
                lines.begin()  # without any result, too, there is a file
        except OSError as error:
            raise FileError(f"{path}: cannot be written ({error.strerror or error})") from error


def _lock(file: IO[str], path: Path) -> None:
    """Keep other runs from writing the file as long as it is open; without effect on Windows.

    Raises:
        FileError: another run is at it.
    """
    if try_lock(file.fileno()) is False:
        raise FileError(
            f"{path}: another run is writing it; wait until that has ended, or give another file"
        )


def _records(path: Path, head: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield the whole lines of a file, and where in it each ends."""
    end = 0
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n") and _may_be_left_over(line, head):
                    break
                record = _checked(line, head, f"{path}, line {number}")
                end += len(line)
                yield record, end
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error.strerror})") from error


def _may_be_left_over(line: bytes, head: Mapping[str, Any]) -> bool:
    """Whether a last line without an end may be what an interruption left of a result."""
    first = {name: head[name] for name in list(head)[:2]}
    opening = json.dumps(first).removesuffix("}").encode() + b", "
    return line.startswith(opening) or opening.startswith(line)


def _checked(line: bytes, head: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return a result after checking that it is one of a run with the same settings.

    Raises:
        FileError: it is not.
    """
    hint = "give another file, or leave out `resume`"
    try:
        record = parse_json(line)
    except DocumentError:
        record = None
    version, command, model, checksum, *settings = head
    if not isinstance(record, dict) or any(record.get(k) != head[k] for k in (version, command)):
        raise FileError(f"{where}: is no result of `edgeseal {head[command]} --jsonl`; {hint}")
    other = [
        f"{name} {record.get(name)}, not {head[name]}"
        for name in settings
        if record.get(name) != head[name]
    ]
    if record.get(checksum) != head[checksum]:
        other.insert(0, f"another model ({record.get(model)}, by its checksum)")
    if other:
        raise FileError(f"{where}: is of a run with {' and '.join(other)}; {hint}")
    return record
