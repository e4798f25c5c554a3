"""A file that this user has never run is run in a process of its own first.

LiteRT ends the process on some files, whatever is checked before. What ran is remembered by its
checksum, so that only the first use of a file takes longer.
"""

from __future__ import annotations

import contextlib
import platform
from importlib import metadata
from pathlib import Path

import numpy as np

from edgeseal._cache_folder import cache_folder
from edgeseal._files import sha256_of
from edgeseal.errors import FileError, RuntimeRefusalError
from edgeseal.tflite.graph import read_model
from edgeseal.tflite.probe._prober import Prober, default_memory_limit
from edgeseal.tflite.probe._values import draw, size_bytes
from edgeseal.tflite.workers import Outcome, Status

__all__ = ["check_comes_back", "refusal"]

_LIST = "files-that-ran.txt"
_LONGEST_BYTES = 1 << 20  # of the list, which then begins anew
_TIMEOUT_S = 60.0
_TIMEOUT_S_PER_MIB = 1.0
_IN_OTHER_WORDS = {
    Status.CRASHED: "it ends the process that runs it",
    Status.TIMED_OUT: "it does not end",
}


def refusal(path: str | Path, *, prober: Prober | None = None) -> str | None:
    """Return why LiteRT cannot prepare a file or does not come back from it; None if it does.

    The file is prepared and run once, on values that its inputs could have, in a process of its
    own; not again if it ran there before.

    Args:
        path: the file.
        prober: where it is tried, by those who try many; default: one of its own.

    Raises:
        FileError: the file cannot be read.
        ModelError: it is no model.
        ProbeError: the process cannot start.
    """
    outcome = _outcome(Path(path), prober)
    if outcome is None or outcome.is_prepared:
        return None
    return _words(outcome)


def check_comes_back(path: str | Path, *, prober: Prober | None = None) -> None:
    """Refuse a file that would take this process with it, or keep it for ever.

    Args:
        path: the file; one that LiteRT refuses in an orderly way passes.
        prober: as :func:`refusal` takes it.

    Raises:
        RuntimeRefusalError: LiteRT does not come back from it.
        FileError, ModelError, ProbeError: as :func:`refusal`.
    """
    outcome = _outcome(Path(path), prober)
    if outcome is not None and outcome.status in _IN_OTHER_WORDS:
        raise RuntimeRefusalError(
            f"{path}: LiteRT cannot run this model: {_words(outcome)}; see `edgeseal check`"
        )


def _words(outcome: Outcome) -> str:
    words = _IN_OTHER_WORDS.get(outcome.status)
    return outcome.message if words is None else f"{words} ({outcome.message})"


def _outcome(path: Path, prober: Prober | None) -> Outcome | None:
    """Return what came of the first trial; None if the file ran before."""
    key = _key(path)
    if key in _known():
        return None
    if prober is None:
        # twice: the file is about to be loaded here, where no limit is
        limit_bytes = 2 * default_memory_limit()
        with Prober(timeout_s=_timeout_s(path), memory_limit_bytes=limit_bytes) as own:
            outcome = _first_trial(path, own)
    else:
        outcome = _first_trial(path, prober)
    if outcome.status is Status.RAN:
        _remember(key)
    return outcome


def _first_trial(path: Path, prober: Prober) -> Outcome:
    tensors = read_model(path).main.inputs
    total_bytes = sum(map(size_bytes, tensors))
    if total_bytes > prober.trial_limit_bytes:
        words = f"its inputs take {total_bytes / 2**30:.1f} GiB, more than a trial may"
        return Outcome(Status.REFUSED, words)
    generator = np.random.default_rng(0)
    inputs = [draw(tensor, generator) for tensor in tensors]
    values = tuple(array for array in inputs if array is not None)
    return prober.run(path, values) if len(values) == len(inputs) else prober.prepare(path)


def _timeout_s(path: Path) -> float:
    return _TIMEOUT_S + path.stat().st_size / 2**20 * _TIMEOUT_S_PER_MIB


def _key(path: Path) -> str:
    """Return what a file and that which runs it are known by."""
    try:
        checksum = sha256_of(path)
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error.strerror})") from error
    return f"{checksum} LiteRT {metadata.version('ai-edge-litert')} {platform.machine()}"


def _known() -> frozenset[str]:
    try:
        with (cache_folder() / _LIST).open(encoding="utf-8", errors="replace") as file:
            return frozenset(file.read(2 * _LONGEST_BYTES).splitlines())
    except OSError:
        return frozenset()


def _remember(key: str) -> None:
    """Add a file to the list, if there can be one; without it, files are tried each time."""
    path = cache_folder() / _LIST
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        is_long = path.exists() and path.stat().st_size > _LONGEST_BYTES
        with path.open("w" if is_long else "a", encoding="utf-8") as file:
            file.write(key + "\n")
