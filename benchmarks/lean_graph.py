r"""What each rewrite of ``edgeseal lean`` gains, and how far the result is from bare layers.

::

    python benchmarks/lean_graph.py videoseal_0.0 detector
    python benchmarks/lean_graph.py videoseal_1.0 embedder
    python benchmarks/lean_graph.py videoseal_0.0 detector --stock STOCK.tflite --raw RAW.tflite

Random weights, one thread. Times are processor time of runs in turn, as shares of the first row:
the stock conversion, or for an embedder, which stock conversion refuses, our conversion before any
rewrite. ``left out`` is the whole but for one rewrite. ``bare layers`` are FULLY_CONNECTED layers
with as many multiply-accumulates as the whole, one behind the other and nothing between.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from bare_layers import bare_layers
from edgeseal.tflite.graph import Model, read_model, write_model
from edgeseal.tflite.quantization import find_recipe, quantize
from edgeseal.tflite.rewrites import LEAN, lean
from edgeseal.watermark.cards import Part, load_card
from edgeseal.watermark.convert import exportable, lower, sample_inputs, stock_conversion
from edgeseal.watermark.models import random_weights

_CONSOLE = Console(width=120)

Arrays = tuple[NDArray[np.float32], ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("card")
    parser.add_argument("part", choices=[part.value for part in Part])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--raw", type=Path, help="our conversion before any rewrite")
    parser.add_argument("--stock", type=Path, help="the stock conversion of a detector")
    arguments = parser.parse_args()
    loaded = random_weights(load_card(arguments.card), Part(arguments.part), 0)
    sample = sample_inputs(loaded)[0]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        raw = arguments.raw or folder / "raw.tflite"
        if arguments.raw is None:
            write_model(lower(exportable(loaded.module, loaded.card.image_size), sample), raw)
        files: dict[str, Path] = {}
        if loaded.part is Part.DETECTOR:
            files["stock float32"] = arguments.stock or folder / "stock.tflite"
            if arguments.stock is None:
                write_model(stock_conversion(loaded), files["stock float32"])
        files |= _variants(raw, folder)
        inputs = tuple(value.numpy() for value in sample)
        times, outputs = _measure(files, inputs, arguments.rounds)
    _say(arguments.card, arguments.part, arguments.rounds)
    _CONSOLE.print(_table(files, times, outputs))


def _variants(raw: Path, folder: Path) -> dict[str, Path]:
    """Write the conversion without rewrites, with all, with all but one; float and INT8."""
    used = [rewrite for rewrite in LEAN if rewrite.apply(read_model(raw))]
    chosen = {"no rewrites": (), "all rewrites": tuple(used)}
    if len(used) > 1:
        for left_out in used:
            rest = tuple(rewrite for rewrite in used if rewrite is not left_out)
            chosen[f"{left_out.name} left out"] = rest
    files: dict[str, Path] = {}
    for recipe in ("float32", "dynamic-int8"):
        for name, rewrites in chosen.items():
            model = read_model(raw)
            lean(model, rewrites)
            files[f"{recipe}, {name}"] = _written(model, recipe, folder / f"{len(files)}.tflite")
        bare = bare_layers(read_model(raw))
        files[f"{recipe}, bare layers"] = _written(bare, recipe, folder / f"bare_{recipe}.tflite")
    return files


def _written(model: Model, recipe: str, path: Path) -> Path:
    quantize(model, find_recipe(recipe))
    write_model(model, path)
    return path


def _measure(
    files: dict[str, Path], inputs: Arrays, rounds: int
) -> tuple[dict[str, float], dict[str, NDArray[np.float32]]]:
    """Return milliseconds of processor time and the first result of each file."""
    calls = {name: _call(path, inputs) for name, path in files.items()}
    results = {name: call() for name, call in calls.items()}
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            call()  # its weights are in the caches then, as in a service
            start = time.process_time()
            call()
            times[name].append(time.process_time() - start)
    return {name: 1e3 * float(np.median(taken)) for name, taken in times.items()}, results


def _call(path: Path, inputs: Arrays) -> Callable[[], NDArray[np.float32]]:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    rng = np.random.default_rng(0)
    for position, detail in enumerate(interpreter.get_input_details()):
        shape = tuple(detail["shape"])
        fits = [array for array in inputs[position:] if array.shape == shape]
        array = fits[0] if fits else rng.normal(size=shape).astype(np.float32)
        interpreter.set_tensor(detail["index"], array)

    def call() -> NDArray[np.float32]:
        interpreter.invoke()
        return np.array(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))

    return call


def _table(
    files: dict[str, Path], times: dict[str, float], outputs: dict[str, NDArray[np.float32]]
) -> Table:
    names = list(files)
    table = Table("file", "share", "ms", "difference")
    for name in names:
        difference = "-"
        if "bare" not in name and outputs[name].shape == outputs[names[0]].shape:
            difference = f"{np.abs(outputs[name] - outputs[names[0]]).max():.1e}"
        share = times[name] / times[names[0]]
        table.add_row(name, f"{share:.3f}", f"{times[name]:.1f}", difference)
    return table


def _say(card: str, part: str, rounds: int) -> None:
    packages: Sequence[str] = ("edgeseal", "torch", "litert-torch", "ai-edge-litert")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)
    _CONSOLE.print(
        f"{card} {part}: {versions}, Python {platform.python_version()}, one thread, "
        f"{rounds} interleaved rounds"
    )


if __name__ == "__main__":
    main()
