"""Outputs are checked before any work, and written whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO

from edgeseal._leftovers import temporary_file
from edgeseal.errors import FileError, OutputExistsError, UsageError

__all__ = [
    "check_apart",
    "check_new_folder",
    "check_output",
    "check_outputs",
    "check_sources",
    "listed",
    "make_folder",
    "open_regular",
    "output_folder",
    "replacing",
    "sha256_of",
    "write_text",
]

_BLOCK_BYTES = 1 << 20
_SHOWN = 10


def listed(names: str | Path | Iterable[str | Path]) -> list[str | Path]:
    """Return names as a list, also if there is one alone: a text is no list of its letters."""
    return [names] if isinstance(names, str | Path) else list(names)


def check_output(path: Path, *, overwrite: bool) -> None:
    """Refuse early an output that could not be written later.

    Raises:
        OutputExistsError: the file exists and ``overwrite`` is False.
        FileError: the path is a folder, a link or a device, or its folder is missing or not
            writable.
    """
    try:
        mode = path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        mode = None
    except (OSError, ValueError) as error:  # a name that is too long, or with a zero in it
        raise FileError(f"{path}: cannot be written ({_reason(error)})") from error
    if mode is not None and path.is_dir():
        raise FileError(f"{path}: is a folder; give the name of a file to write")
    if mode is not None and not stat.S_ISREG(mode):
        raise FileError(f"{path}: is a link or a device, no regular file; choose another output")
    if mode is not None and not overwrite:
        raise OutputExistsError(f"{path}: exists already; use `overwrite` to replace it")
    parent = path.parent
    if not parent.is_dir():
        raise FileError(f"{path}: the folder {parent} does not exist; create it first")
    if not os.access(parent, os.W_OK):
        raise FileError(f"{path}: the folder {parent} is not writable; choose another output")


def check_new_folder(path: Path) -> None:
    """Refuse early a folder that could not be made later, or that has something in it.

    Raises:
        OutputExistsError: there is something of that name, other than an empty folder.
        FileError: its parent is missing or not writable.
    """
    if os.path.lexists(path) and (path.is_symlink() or not path.is_dir() or any(path.iterdir())):
        raise OutputExistsError(f"{path}: exists already and is no empty folder; choose another")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise FileError(f"{path}: {path.parent} is no folder that can be written to; create it")


def check_outputs(folder: Path, names: Iterable[str], *, overwrite: bool) -> None:
    """Refuse outputs in a folder, which need not exist yet, that could not be written later.

    Raises:
        OutputExistsError: files exist and ``overwrite`` is False; all are listed.
        FileError: the folder cannot be made or written, or folders are in the way.
    """
    parent = _existing(folder)
    if not parent.is_dir():
        raise FileError(f"{folder}: cannot be made: {parent} is no folder; choose another output")
    if parent != folder:
        if not os.access(parent, os.W_OK | os.X_OK):
            raise FileError(f"{folder}: the folder {parent} is not writable; choose another output")
        return
    failures: list[FileError] = []
    for name in names:
        if not os.path.lexists((folder / name).parent):  # made when it is needed
            continue
        try:
            check_output(folder / name, overwrite=overwrite)
        except FileError as failure:
            failures.append(failure)
    if not failures:
        return
    exist = all(isinstance(failure, OutputExistsError) for failure in failures)
    lines = [str(failure) for failure in failures]
    if len(lines) > _SHOWN:
        lines[_SHOWN:] = [f"and {len(lines) - _SHOWN} more"]
    raise (OutputExistsError if exist else FileError)("\n  ".join(lines))


def check_apart(inputs: Iterable[Path | str | None], outputs: Iterable[Path | str | None]) -> None:
    """Refuse outputs that would replace an input, or each other.

    Args:
        inputs: files that the command reads; None, addresses and names of no file are passed over.
        outputs: files that it is to write; None is passed over.

    Raises:
        UsageError: listing all such outputs.
    """
    named = [path for path in outputs if path is not None]
    given = (path for path in inputs if path is not None)
    places = Counter(os.path.normcase(os.path.abspath(path)) for path in named)  # noqa: PTH100
    twice = [path for path, count in places.items() if count > 1]
    problems = [f"{path}: would be written twice; give each output its own name" for path in twice]
    problems += _replaced(given, named)
    if problems:
        raise UsageError("\n  ".join(problems))


def check_sources(outputs: Mapping[Path, Path] | Mapping[str, str]) -> None:
    """Refuse outputs that fall together or on a source.

    Args:
        outputs: the output of each source.

    Raises:
        UsageError: listing all such outputs.
    """
    sources: defaultdict[str, list[Path | str]] = defaultdict(list)
    for source, output in outputs.items():
        sources[os.path.normcase(output)].append(source)
    problems = [
        f"{Path(output).name}: would be written for {' and for '.join(map(str, several))}; "
        "rename one, or give them in separate runs with other folders"
        for output, several in sources.items()
        if len(several) > 1
    ]
    problems += _replaced(outputs, outputs.values())
    if problems:
        raise UsageError("\n  ".join(problems))


@contextlib.contextmanager
def output_folder(folder: Path) -> Iterator[Path]:
    """Make a folder for the body's files; folders that are empty after it go again.

    Raises:
        FileError: it cannot be made.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    make_folder(folder)
    try:
        yield folder
    finally:
        inner = os.walk(folder, topdown=False) if made else ()
        for path in (*(Path(root) for root, _, _ in inner), *made[1:]):
            with contextlib.suppress(OSError):  # not empty, or gone
                path.rmdir()


def make_folder(path: Path) -> Path:
    """Create a folder with its parents and return it.

    Raises:
        FileError: it cannot be created, or a file of that name is in the way.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise FileError(f"{path}: cannot create this folder ({_reason(error)})") from error
    return path


@contextlib.contextmanager
def replacing(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that takes its name on success.

    If the body raises, Ctrl-C included, the temporary file is removed and whatever was at ``path``
    is still there.

    Raises:
        OutputExistsError, FileError: as :func:`check_output`, or the disk refuses the write.
    """
    check_output(path, overwrite=overwrite)
    try:
        with temporary_file(path.parent, suffix=path.suffix) as temporary:
            yield temporary
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(path)
    except OSError as error:
        raise FileError(f"{path}: cannot be written ({_reason(error)})") from error


def write_text(path: Path, text: str, *, overwrite: bool = False) -> None:
    """Write a text in UTF-8, whole or not at all; what is none of a file's name is escaped.

    Raises:
        OutputExistsError, FileError: as :func:`replacing`.
    """
    with replacing(path, overwrite=overwrite) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def open_regular(path: Path) -> IO[bytes]:
    """Open a file for reading; opening a pipe may wait for ever, and a device has no end.

    Raises:
        FileError: there is no such file, it cannot be read, or is a folder, a pipe or a device.
    """
    try:
        return _open_regular(path)
    except (OSError, ValueError) as error:  # ValueError: a name with a zero in it
        raise FileError(f"{path}: cannot be read ({_reason(error)})") from error


def _open_regular(path: Path) -> IO[bytes]:
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise FileError(f"{path}: is a folder; give a file")
    if not stat.S_ISREG(mode):
        raise FileError(f"{path}: is a pipe or a device, no regular file; give a file")
    return path.open("rb")


def sha256_of(path: Path) -> str:
    """Return a file's SHA-256 as 64 hexadecimal digits.

    Raises:
        FileError: it is a folder, a pipe or a device.
        OSError: it cannot be read.
    """
    digest = hashlib.sha256()
    with _open_regular(path) as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _reason(error: OSError | ValueError) -> object:
    return getattr(error, "strerror", None) or error


def _umask() -> int:
    """Return the process's umask (which can only be read by setting it)."""
    current = os.umask(0)
    os.umask(current)
    return current


def _existing(path: Path) -> Path:
    """Return the path, or the nearest one above that exists."""
    candidates = (path, *path.absolute().parents)
    return next((candidate for candidate in candidates if os.path.lexists(candidate)), path)


def _replaced(inputs: Iterable[Path | str], outputs: Iterable[Path | str]) -> list[str]:
    """Return what is wrong with outputs that are inputs, whatever names they go by."""
    there = [(path, found) for path in outputs if (found := _identity(path)) is not None]
    known = {_identity(path) for path in inputs} if there else set()
    return [
        f"{path}: is an input itself; choose another output"
        for path, found in there
        if found in known
    ]


def _identity(path: Path | str) -> tuple[int, int] | None:
    """Return what tells a file from all others, or None if there is none of that name."""
    try:
        status = os.stat(path)  # noqa: PTH116  # a path that is asked keeps itself as a text as well
    except (OSError, ValueError):  # no such file, or no name for one
        return None
    return status.st_dev, status.st_ino
