"""Files are written whole or not at all, and told apart by their checksums."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from edgeseal.errors import FileError, OutputExistsError

__all__ = ["check_output", "make_folder", "replacing", "sha256_of"]

_BLOCK_BYTES = 1 << 20


def check_output(path: Path, *, overwrite: bool) -> None:
    """Refuse early an output that could not be written later.

    Raises:
        OutputExistsError: the file exists and ``overwrite`` is False.
        FileError: the path is a folder, a link or a device, or its folder is missing or not
            writable.
    """
    if path.is_dir():
        raise FileError(f"{path}: is a folder; give the name of a file to write")
    if os.path.lexists(path) and (path.is_symlink() or not path.is_file()):
        raise FileError(f"{path}: is a link or a device, no regular file; choose another output")
    if path.exists() and not overwrite:
        raise OutputExistsError(
            f"{path}: exists already; use --overwrite (overwrite=True) to replace it"
        )
    parent = path.parent
    if not parent.is_dir():
        raise FileError(f"{path}: the folder {parent} does not exist; create it first")
    if not os.access(parent, os.W_OK):
        raise FileError(f"{path}: the folder {parent} is not writable; choose another output")


def make_folder(path: Path) -> Path:
    """Create a folder with its parents and return it.

    Raises:
        FileError: it cannot be created, or a file of that name is in the way.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"{path}: cannot create this folder ({error.strerror})") from error
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
    temporary: Path | None = None
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".edgeseal-", suffix=path.suffix)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        raise FileError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """Return a file's SHA-256 as 64 hexadecimal digits.

    Raises:
        OSError: it cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _umask() -> int:
    """Return the process's umask (which can only be read by setting it)."""
    current = os.umask(0)
    os.umask(current)
    return current
