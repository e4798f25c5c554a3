"""Opens a checkpoint file without running anything in it, and says what is wrong with others."""

from __future__ import annotations

import contextlib
import pickle
import pickletools
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import torch

from edgeseal.errors import CheckpointError

__all__ = ["read_torch_file"]

_HEAD_BYTES = 512
_EXPECTED = "expected a PyTorch checkpoint with the entry 'model'"
# What every good checkpoint asks for. Modules of torch.nn are not among it: their forward is code.
_HARMLESS = ("torch._utils.", "torch.storage.", "torch.Float", "torch.Half", "collections.Ordered")
_SHOWN = 5


def read_torch_file(path: Path) -> object:
    """Return what ``torch.save`` wrote, tensors on the CPU and mapped from the file if possible.

    Raises:
        CheckpointError: the file is missing, not readable, empty, cut short, of another format, or
            a pickle that wants to run code, which is not done.
    """
    head = _read_head(path)
    foreign = _foreign_format(head)
    if foreign:
        raise CheckpointError(f"{path}: is {foreign}; {_EXPECTED}")
    is_zip = head.startswith(b"PK")
    if is_zip:
        _check_archive(path)
    try:
        with warnings.catch_warnings():
            # It warns of pickle protocols that it may not know, and then says so in an error.
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True, mmap=is_zip)
    except pickle.UnpicklingError as error:
        raise _refused(path) from error
    except OSError as error:
        raise _unreadable(path, error) from error
    # torch.load reports damage with whatever its parser stumbled over: RuntimeError, EOFError,
    # KeyError, ValueError, IndexError, struct.error, UnicodeDecodeError ...
    except Exception as error:
        raise CheckpointError(
            f"{path}: is damaged or no PyTorch checkpoint ({_first_line(error)}); "
            "get the file again"
        ) from error


def _read_head(path: Path) -> bytes:
    """Return the first bytes of a file that is there, readable and not empty."""
    if path.is_dir():
        raise CheckpointError(f"{path}: is a folder; give the checkpoint file in it")
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        raise _unreadable(path, error) from error
    if not head:
        raise CheckpointError(f"{path}: is empty (0 bytes); get the file again")
    return head


def _foreign_format(head: bytes) -> str | None:
    """Name the format of a file that is certainly no PyTorch checkpoint, from its first bytes."""
    if head.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not the file it points to (run `git lfs pull`)"
    if head[4:8] == b"TFL3":
        return "a .tflite model, which is what a checkpoint is converted to"
    if head.startswith(b"\x89HDF\r\n"):
        return "an HDF5 file"
    if len(head) > 8 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 2**32:
        return "a safetensors file, which holds no training record (save it with torch.save)"
    if head.lstrip()[:64].lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        return "a web page, perhaps an error page saved in place of the download"
    return "a text file" if _is_text(head) else None


def _is_text(head: bytes) -> bool:
    """Tell whether the bytes are printable UTF-8."""
    try:
        text = head[:-4].decode() if len(head) == _HEAD_BYTES else head.decode()
    except UnicodeDecodeError as error:
        if error.reason != "unexpected end of data":
            return False
        text = head[: error.start].decode()
    return bool(text) and all(letter.isprintable() or letter in "\r\n\t" for letter in text)


def _check_archive(path: Path) -> None:
    """Raise if a zip archive is cut short or holds something else than a checkpoint."""
    try:
        entries = _sound_entries(path)
    except CheckpointError:
        raise
    # Beside BadZipFile, damage shows as NotImplementedError, UnicodeDecodeError, OSError ...
    except Exception as error:
        raise CheckpointError(
            f"{path}: is damaged ({_first_line(error)}); get the file again"
        ) from error
    names = {entry.filename.partition("/")[2] for entry in entries}
    if "data.pkl" not in names:
        raise CheckpointError(f"{path}: is a zip archive without a checkpoint in it; {_EXPECTED}")
    if "constants.pkl" in names:
        raise CheckpointError(f"{path}: is a TorchScript program; {_EXPECTED}")
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise CheckpointError(f"{path}: was compressed again; save it with torch.save")


def _sound_entries(path: Path) -> list[zipfile.ZipInfo]:
    """Return the entries of a zip archive after comparing all with their checksums."""
    if not zipfile.is_zipfile(path):
        raise CheckpointError(
            f"{path}: is cut short ({path.stat().st_size} bytes are there, "
            "the archive's end is missing); get the file again"
        )
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
        if damaged is not None:
            raise CheckpointError(f"{path}: is damaged in {damaged}; get the file again")
        return archive.infolist()


def _refused(path: Path) -> CheckpointError:
    """Return the error for a pickle that torch's restricted reader would not take."""
    wanted = _foreign_objects(path)
    if not wanted:
        return CheckpointError(f"{path}: is damaged or no PyTorch checkpoint; {_EXPECTED}")
    return CheckpointError(
        f"{path}: wants to run code when it is opened ({', '.join(wanted)}). It was refused and "
        "nothing was executed. A checkpoint holds only tensors, numbers and texts; do not trust "
        "this file, or ask its author to save the state dict alone"
    )


def _foreign_objects(path: Path) -> list[str]:
    """Return the Python objects that a pickle asks for beside torch's own, without loading it."""
    found: list[str] = []
    # The stream is known to be bad and may break in any way: what could be read is the answer.
    with contextlib.suppress(Exception), contextlib.ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        for name in _requested_objects(_open_pickle(path, stack)):
            if name not in found and not name.startswith(_HARMLESS):
                found.append(name)
    return found[:_SHOWN]


def _open_pickle(path: Path, stack: contextlib.ExitStack) -> IO[bytes]:
    """Open the pickle in a checkpoint: an entry of the archive, or the file itself."""
    if not zipfile.is_zipfile(path):
        return stack.enter_context(path.open("rb"))
    archive = stack.enter_context(zipfile.ZipFile(path))
    name = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
    return stack.enter_context(archive.open(name))


def _requested_objects(stream: IO[bytes]) -> Iterator[str]:
    """Yield the dotted names that the pickles in a stream import, reading their opcodes only."""
    while True:
        texts: list[str] = []
        for opcode, argument, _ in pickletools.genops(stream):
            if opcode.name in ("GLOBAL", "INST"):
                yield str(argument).replace(" ", ".")
            elif opcode.name == "STACK_GLOBAL":
                yield ".".join(texts[-2:])
            elif isinstance(argument, str):
                texts.append(argument)


def _unreadable(path: Path, error: OSError) -> CheckpointError:
    if isinstance(error, FileNotFoundError):
        return CheckpointError(f"{path}: no such file; check the path of the checkpoint")
    return CheckpointError(f"{path}: cannot be read ({error.strerror or error})")


def _first_line(error: Exception) -> str:
    """Return the type of an error and the first line of its message, cut to a readable length."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:160]}" if lines else type(error).__name__
