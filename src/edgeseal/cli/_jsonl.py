"""Results as JSON lines: one object a line, written as each comes, so that nothing is lost."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Annotated, Any, TypeAlias

import typer

from edgeseal._files import check_output
from edgeseal.cli._console import SCHEMA_VERSION
from edgeseal.errors import FileError, UsageError

__all__ = ["JsonLines", "JsonLinesOption", "ResumeOption", "check_lines", "open_lines"]

JsonLinesOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--jsonl", metavar="FILE|-", help="Write each result as a line of JSON when it comes."
    ),
]
ResumeOption: TypeAlias = Annotated[
    bool, typer.Option("--resume", help="Go on: leave out what is done already.")
]

_STDOUT = "-"


class JsonLines:
    """A file of results, or stdout.

    Attributes:
        done: sources with a result in the file from before.
    """

    def __init__(self, command: str, file: IO[str], done: frozenset[str]) -> None:
        self.done = done
        self._command = command
        self._file = file

    def left(self, pictures: Iterable[Path]) -> list[Path]:
        """Return those without a result yet; failures are tried again."""
        return [path for path in pictures if str(path) not in self.done]

    def write(self, record: Mapping[str, Any]) -> None:
        """Write a result, whole and at once."""
        line = {"schema_version": SCHEMA_VERSION, "command": self._command, **record}
        self._file.write(json.dumps(line, allow_nan=False) + "\n")
        self._file.flush()


def check_lines(target: str | None, *, resume: bool, as_json: bool) -> None:
    """Refuse options that contradict each other.

    Raises:
        UsageError: they do.
    """
    if target is not None and as_json:
        raise UsageError("--json and --jsonl contradict each other; give one")
    if resume and target == _STDOUT:
        raise UsageError("--resume needs the file of an earlier run; give --jsonl FILE")


@contextlib.contextmanager
def open_lines(
    target: str | None, command: str, *, resume: bool, overwrite: bool
) -> Iterator[JsonLines | None]:
    """Open what ``--jsonl`` names for the body; yields None if it names nothing.

    Raises:
        OutputExistsError: the file exists, and neither resuming nor overwriting was asked for.
        FileError: it cannot be written, or holds something else than such results.
    """
    if target is None:
        yield None
        return
    if target == _STDOUT:
        yield JsonLines(command, sys.stdout, frozenset())
        return
    path = Path(target)
    goes_on = resume and path.exists()
    check_output(path, overwrite=overwrite or goes_on)
    done, size = _read(path, command) if goes_on else (frozenset(), 0)
    try:
        with path.open("a", encoding="utf-8") as file:
            file.truncate(size)  # also what an interruption left of a line
            yield JsonLines(command, file, done)
    except OSError as error:
        raise FileError(f"{path}: cannot be written ({error.strerror or error})") from error


def _read(path: Path, command: str) -> tuple[frozenset[str], int]:
    """Return the sources that are done, and the size of the whole lines in bytes."""
    done: set[str] = set()
    size = 0
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    break
                record = _record(line)
                if record is None or record.get("command") != command:
                    raise FileError(
                        f"{path}, line {number}: is no result of `edgeseal {command} --jsonl`; "
                        "give another file, or leave out --resume"
                    )
                size += len(line)
                source = str(record.get("source"))
                if record.get("error") is None:
                    done.add(source)
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error.strerror})") from error
    return frozenset(done), size


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    if not isinstance(record, dict) or record.get("schema_version") != SCHEMA_VERSION:
        return None
    return record
