"""Stores behind addresses (S3, HTTP, ...), through fsspec."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from edgeseal._files import open_regular
from edgeseal.errors import FileError, MissingExtraError
from edgeseal.pictures._sources import is_address

__all__ = ["download", "each_address", "fetch", "open_seekable", "open_source", "suffix_path"]

_TRIES = 3
_PAUSE_S = 0.5  # before the second try; twice as long before the next
_FINAL = (FileNotFoundError, PermissionError, IsADirectoryError, FileError, MissingExtraError)
_MAGIC = "*[{"  # `?` begins a query


def suffix_path(source: str) -> str:
    """Return what a source's ending is told by: of an address its path, in lower case."""
    return (urlsplit(source).path if is_address(source) else source).lower()


def each_address(address: str, suffixes: tuple[str, ...]) -> Iterator[tuple[str, bool]]:
    """Yield what an address means, and whether it is to be taken.

    A pattern means what fits, an address that ends in ``/`` or is a folder what is in it; files
    there are taken if they have one of the endings. Anything else is taken as it is.

    Raises:
        MissingExtraError: fsspec, or what it needs for this store, is not installed.
        FileError: the store cannot be listed.
    """
    path = suffix_path(address)
    if path.endswith(suffixes) and not any(sign in address for sign in _MAGIC):
        yield address, True
        return
    with _reported(address):
        files, place = _file_system(address)
        if any(sign in address for sign in _MAGIC):
            found = files.glob(place)
        elif path.endswith("/") or files.isdir(place):
            files.ls(place, detail=False)  # `find` passes over what it cannot list
            found = files.find(place)
        else:
            found = None
    if found is None:
        yield address, True
        return
    for one in sorted(found):
        yield files.unstrip_protocol(one), suffix_path(one).endswith(suffixes)


def fetch(address: str) -> bytes:
    """Return what is at an address, after a few tries.

    Raises:
        MissingExtraError: fsspec, or what it needs for this store, is not installed.
        FileError: it cannot be read.
    """
    for attempt in range(_TRIES):
        try:
            with _reported(address):
                files, place = _file_system(address)
                content: bytes = files.cat_file(place)
                return content
        except FileError as error:
            if attempt == _TRIES - 1 or isinstance(error.__cause__, _FINAL):
                raise
            time.sleep(_PAUSE_S * 2**attempt)
    raise AssertionError("the last try returns or raises")


def download(address: str, folder: Path) -> Path:
    """Copy what is at an address to a folder, under its own name.

    Raises:
        MissingExtraError, FileError: as :func:`fetch`.
    """
    path = folder / Path(urlsplit(address).path).name
    with _reported(address):
        files, place = _file_system(address)
        files.get_file(place, str(path))
    return path


@contextlib.contextmanager
def open_source(source: str) -> Iterator[IO[bytes]]:
    """Open a file or what is at an address for the body, to be read from its beginning on.

    Raises:
        MissingExtraError, FileError: as :func:`fetch`.
    """
    if not is_address(source):
        with open_regular(Path(source)) as file:
            yield file
        return
    with _reported(source):
        files, place = _file_system(source)
        remote = files.open(place, "rb")
    with remote:
        yield remote


@contextlib.contextmanager
def open_seekable(source: str) -> Iterator[IO[bytes]]:
    """Open a file as :func:`open_source`, to be read in any order.

    A server that gives no parts of files is read to its end first.
    """
    with open_source(source) as file:
        if file.seekable():
            yield file
            return
        with tempfile.TemporaryFile() as copy:
            with _reported(source):
                shutil.copyfileobj(file, copy)
            copy.seek(0)
            yield copy


def _file_system(address: str) -> tuple[Any, str]:
    """Return fsspec's file system, and what it calls the address."""
    try:
        import fsspec
    except ImportError as error:
        raise MissingExtraError(f"{address}: reading from a store", "scan") from error
    files, place = fsspec.url_to_fs(address)
    return files, place


@contextlib.contextmanager
def _reported(address: str) -> Iterator[None]:
    """Say in one line what goes wrong; the packages behind fsspec raise whatever they like.

    Raises:
        FileError: it does.
    """
    try:
        yield
    except (FileError, MissingExtraError):
        raise
    except FileNotFoundError as error:
        raise FileError(f"{address}: nothing is there ({error})") from error
    except ImportError as error:  # fsspec names the package of this store
        raise FileError(f"{address}: {error}") from error
    except Exception as error:
        words = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(": ")
        raise FileError(
            f"{address}: the store cannot be reached or refuses ({words}); check the address, the "
            "network and the credentials"
        ) from error
