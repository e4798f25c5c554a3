r"""How long a detector takes to start, and what one more worker costs in memory.

::

    python benchmarks/startup.py DETECTOR.tflite ...

Every figure is the median of fresh processes, the ways in turn. ``Interpreter`` is what Edgeseal
uses; ``CompiledModel`` is LiteRT's other interface, the only one that can keep XNNPACK's packed
weights in a file. The ways:

- cold: the model's file, and the cache's, are dropped from the page cache before;
- warm: they are in it;
- empty cache: the weight cache is written by this start;
- warm cache: it is there.

"import" loads LiteRT's interface, "load" prepares the model, "first run" gives the first result:
milliseconds of wall time; "processor" is the processor time of the three. "one worker more" is
memory: what each of three more interpreters in the same process adds that is its own, in MiB.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from edgeseal.tflite.graph import read_model

_CONSOLE = Console(width=120)
_INTERPRETER, _COMPILED = "Interpreter", "CompiledModel"
_MORE = 3  # interpreters after the first
_COLUMNS = ("import_ms", "load_ms", "first_ms", "cpu_ms", "private_mib")

Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]
Opener = Callable[[Path, str], Run]
_WAYS = (
    (_INTERPRETER, "cold"),
    (_INTERPRETER, "warm"),
    (_COMPILED, "warm"),
    (_COMPILED, "empty cache"),
    (_COMPILED, "cold cache"),
    (_COMPILED, "warm cache"),
)


def main() -> None:
    arguments = _parse()
    if arguments.inside is not None:
        print(json.dumps(_start(arguments.models[0], arguments.inside, arguments.cache)))
        return
    names = ("edgeseal", "ai-edge-litert", "numpy")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    _CONSOLE.print(f"{versions}, Python {platform.python_version()}; {arguments.rounds} rounds")
    for model in arguments.models:
        _CONSOLE.print(_table(model, arguments.rounds))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--inside", choices=(_INTERPRETER, _COMPILED), help=argparse.SUPPRESS)
    parser.add_argument("--cache", default="", help=argparse.SUPPRESS)
    return parser.parse_args()


def _table(model: Path, rounds: int) -> Table:
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "weights.cache"
        found = [[_measured(model, *way, cache) for way in _WAYS] for _ in range(rounds)]
        cache_mib = cache.stat().st_size / 2**20
    title = f"{model.name}, {model.stat().st_size / 2**20:.1f} MiB; cache {cache_mib:.1f} MiB"
    table = Table(
        *("", "", "import", "load", "first run", "processor", "one worker more", "logits"),
        title=title,
    )
    expected = found[0][0]["logits"]
    for index, way in enumerate(_WAYS):
        runs = [of_round[index] for of_round in found]
        middle = [float(np.median([run[name] for run in runs])) for name in _COLUMNS]
        same = "equal" if all(run["logits"] == expected for run in runs) else "differ"
        table.add_row(*way, *(f"{value:.1f}" for value in middle), same)
    return table


def _measured(model: Path, interface: str, state: str, cache: Path) -> dict[str, Any]:
    if state == "empty cache":
        cache.unlink(missing_ok=True)
    if state.startswith("cold"):
        _drop_pages(model)
        if cache.exists():
            _drop_pages(cache)
    command = [sys.executable, __file__, str(model), "--inside", interface]
    command += ["--cache", str(cache)] if "cache" in state else []
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    measured: dict[str, Any] = json.loads(result.stdout)
    return measured


def _drop_pages(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())  # else what was just written stays
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _start(model: Path, interface: str, cache: str) -> dict[str, Any]:
    """Start in this process and say how it went."""
    begin, cpu = time.perf_counter(), time.process_time()
    opener = _interpreters() if interface == _INTERPRETER else _compiled_models()
    imported = time.perf_counter()
    run = opener(model, cache)
    loaded = time.perf_counter()
    picture = np.random.default_rng(0).random((1, 256, 256, 3), np.float32)
    logits = run(picture)
    ready, cpu = time.perf_counter(), time.process_time() - cpu
    before = _private_mib()
    more = [opener(model, cache) for _ in range(_MORE)]
    for other in more:
        other(picture)
    return {
        "import_ms": 1e3 * (imported - begin),
        "load_ms": 1e3 * (loaded - imported),
        "first_ms": 1e3 * (ready - loaded),
        "cpu_ms": 1e3 * cpu,
        "private_mib": (_private_mib() - before) / _MORE,
        "logits": np.asarray(logits).ravel().tolist(),
    }


def _interpreters() -> Opener:
    from ai_edge_litert.interpreter import Interpreter

    def opener(model: Path, _cache: str) -> Run:
        interpreter = Interpreter(model_path=str(model), num_threads=1)
        interpreter.allocate_tensors()
        given = interpreter.get_input_details()[0]["index"]
        made = interpreter.get_output_details()[0]["index"]

        def run(picture: NDArray[np.float32]) -> NDArray[np.float32]:
            interpreter.set_tensor(given, picture)
            interpreter.invoke()
            result: NDArray[np.float32] = interpreter.get_tensor(made)
            return result

        return run

    return opener


def _compiled_models() -> Opener:
    from ai_edge_litert.compiled_model import (
        CompiledModel,
        CpuOptions,
        HardwareAccelerator,
        Options,
    )

    def opener(model: Path, cache: str) -> Run:
        options = Options(
            hardware_accelerators=HardwareAccelerator.CPU,
            cpu_options=CpuOptions(num_threads=1, xnnpack_weight_cache_path=cache),
        )
        compiled = CompiledModel.from_file(str(model), options=options)
        given, made = compiled.create_input_buffers(0), compiled.create_output_buffers(0)
        outputs = read_model(model).main.outputs[0].shape

        def run(picture: NDArray[np.float32]) -> NDArray[np.float32]:
            given[0].write(picture)
            compiled.run_by_index(0, given, made)
            result: NDArray[np.float32] = made[0].read(math.prod(outputs), np.float32)
            return result

        return run

    return opener


def _private_mib() -> float:
    """Return the memory that is this process's own, written or not from a file. Linux only."""
    with Path("/proc/self/smaps_rollup").open() as lines:
        sizes = {line.split()[0]: line.split()[1] for line in lines if line.endswith(" kB\n")}
    return (int(sizes["Private_Dirty:"]) + int(sizes["Private_Clean:"])) / 2**10


if __name__ == "__main__":
    main()
