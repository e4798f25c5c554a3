r"""Issued messages: how fast they are kept and found again.

::

    python benchmarks/registry.py [--count 1000000] [--bits 96] [--place FILE|postgresql://...]

Keeps random messages, reads them back into a new registry, and searches for some of them with as
many wrong bits as the code of payloads corrects, and for some that were never issued. A file is
made anew; a database of PostgreSQL has to be empty.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeseal.watermark.payload import payload_code
from edgeseal.watermark.registry import Issued, Registry
from edgeseal.watermark.runtime import Message

_BATCH = 10_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--bits", type=int, default=96)
    parser.add_argument("--place")
    parser.add_argument("--searches", type=int, default=200)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        _run(arguments, arguments.place or str(Path(folder) / "issued.sqlite"))


def _run(arguments: argparse.Namespace, place: str) -> None:
    bits, count = arguments.bits, arguments.count
    errors = payload_code(bits).correctable_errors
    generator = np.random.default_rng(0)
    wanted = {int(number) for number in generator.integers(0, count, arguments.searches)}
    kept: dict[int, list[int]] = {}
    seconds = busy = 0.0
    with Registry(place, bits) as registry:
        for first in range(0, count, _BATCH):
            draws = generator.integers(0, 2, (min(_BATCH, count - first), bits)).tolist()
            batch = [Issued(row, str(number)) for number, row in enumerate(draws, first)]
            kept |= {n: draws[n - first] for n in wanted if first <= n < first + len(draws)}
            began, busy_before = time.perf_counter(), time.process_time()
            assert registry.add(batch) == len(batch)
            seconds += time.perf_counter() - began
            busy += time.process_time() - busy_before
    print(f"Python {platform.python_version()}, {count} messages of {bits} bits, {errors} errors")
    print(f"kept in batches of {_BATCH}: {count / seconds:.0f} a second, ", end="")
    print(f"{count / busy:.0f} a second of processor time", flush=True)
    with Registry(place, bits) as registry:
        began = time.perf_counter()
        registry.find(Message.random(bits, seed=0))
        print(f"first search, with reading and sorting: {time.perf_counter() - began:.1f} s")
        read = {label: np.array(message) for label, message in kept.items()}
        for message in read.values():
            message[generator.choice(bits, errors, replace=False)] ^= 1
        strangers = [np.array(Message.random(bits, seed=n + 1).bits) for n in range(len(read))]
        found, ms = _search(registry, list(read.values()))
        right = sum(labels[:1] == [str(n)] for n, labels in zip(read, found, strict=True))
        print(f"issued: {right} of {len(read)} found; {_times(ms)}")
        found, ms = _search(registry, strangers)
        print(f"never issued: {sum(map(bool, found))} of {len(found)} found; {_times(ms)}")


def _search(
    registry: Registry, messages: list[NDArray[np.int64]]
) -> tuple[list[list[str]], list[float]]:
    """Return the labels found for each message, and the milliseconds that took."""
    labels, ms = [], []
    for message in messages:
        began = time.perf_counter()
        matches = registry.find(message.tolist())
        ms.append(1e3 * (time.perf_counter() - began))
        labels.append([match.label for match in matches])
    return labels, ms


def _times(ms: list[float]) -> str:
    return f"median {statistics.median(ms):.2f} ms, worst {max(ms):.2f} ms"


if __name__ == "__main__":
    main()
