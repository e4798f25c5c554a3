"""Temporary files and folders; what killed runs left of them goes with the next.

Whoever works with one holds a lock on it, which the system drops with the process. So what is not
locked is nobody's. Windows has no such locks, and nothing is removed there.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

__all__ = ["scratch_folder", "temporary_file", "try_lock"]

_BESIDE = ".edgeseal-run_"  # beside what is to be written
_ELSEWHERE = "edgeseal-run_"

_swept: set[Path] = set()


@contextlib.contextmanager
def temporary_file(folder: Path, *, suffix: str) -> Iterator[Path]:
    """Yield a new file in a folder, which is gone afterwards unless the body renames it.

    Raises:
        OSError: the folder cannot be written to.
    """

    def make() -> Path:
        handle, name = tempfile.mkstemp(dir=folder, prefix=_BESIDE, suffix=suffix)
        os.close(handle)
        return Path(name)

    _sweep(folder, _BESIDE)
    with _held(make) as path:
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def scratch_folder(parent: Path | None = None) -> Iterator[Path]:
    """Yield a new folder, which is gone with all that is in it afterwards.

    Args:
        parent: where; default: the system's folder for temporary files.

    Raises:
        OSError: it cannot be made.
    """
    prefix = _ELSEWHERE if parent is None else _BESIDE
    where = Path(tempfile.gettempdir()) if parent is None else parent
    _sweep(where, prefix)
    with _held(lambda: Path(tempfile.mkdtemp(dir=where, prefix=prefix))) as path:
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)


def try_lock(descriptor: int) -> bool | None:
    """Lock an open file until it is closed.

    Returns:
        Whether it is locked now; False if another process has it, None where there are no locks.
    """
    try:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):  # Windows, or a file system without locks
        return None
    return True


@contextlib.contextmanager
def _held(make: Callable[[], Path]) -> Iterator[Path]:
    """Yield what was made, with a lock on it.

    Another run may take it for left over before it is locked, and then removes it.
    """
    while True:
        path = make()
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            continue
        except OSError:  # Windows opens no folders
            yield path
            return
        is_locked = try_lock(descriptor)
        if is_locked and path.exists():
            break
        os.close(descriptor)
        if is_locked is None:  # and what is open cannot be renamed on Windows
            yield path
            return
    try:
        yield path
    finally:
        os.close(descriptor)


def _sweep(folder: Path, prefix: str) -> None:
    """Remove files and folders of this user with a prefix that no process has locked, once."""
    if folder in _swept or not hasattr(os, "getuid"):  # Windows
        return
    _swept.add(folder)
    with contextlib.suppress(OSError):
        for path in folder.glob(prefix + "*"):
            with contextlib.suppress(OSError):
                _remove_unlocked(path)


def _remove_unlocked(path: Path) -> None:
    if path.lstat().st_uid != os.getuid():
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if not try_lock(descriptor):
            return
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()
    finally:
        os.close(descriptor)
