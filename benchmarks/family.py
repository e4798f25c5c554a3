r"""Every part of the published cards at random weights: size, time and agreement.

::

    python benchmarks/family.py --card videoseal_1.0 --card pixelseal

For each card and part there are the stock conversion, ours, and both in dynamic INT8 (for ours the
recipe ``dynamic-int8``). Times are interleaved, on one thread, and given as ratios to the first
float file that runs, as errors are: LiteRT refuses the stock embedders. Errors are those on
pink-noise pictures: for a detector the normalised error of the logits and the share of bits of
equal sign, for an embedder the normalised error of the watermark.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import platform
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from edgeseal.bench import measure_interleaved
from edgeseal.cards import Part, load_card
from edgeseal.convert import convert_part, stock_conversion, stock_dynamic_int8
from edgeseal.evaluate import image_nmse, sign_agreement
from edgeseal.graph import read_model, write_model
from edgeseal.models import LoadedPart, random_weights
from edgeseal.quantize import find_recipe, quantize
from edgeseal.runtime import Message, attach_info, open_session, read_info, refusal
from pink_noise import pink_noise

_SEED = 0
_CARDS = ("videoseal_0.0", "videoseal_1.0", "pixelseal")
_STOCK, _STOCK_INT8 = "stock float32", "stock dynamic INT8"
_FLOAT, _INT8 = "Edgeseal float32", "dynamic-int8"
_CONSOLE = Console(width=120)

Float = NDArray[np.float32]
Call = Callable[[int], Float]


def main() -> None:
    arguments = _parse()
    names = ("edgeseal", "torch", "litert-torch", "ai-edge-litert")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    _CONSOLE.print(f"{versions}, Python {platform.python_version()}, one thread")
    table = Table("card", "part", "file", "MiB", "x float", "ms", "NMSE", "sign")
    for name in arguments.card or _CARDS:
        for part in Part:
            loaded = random_weights(load_card(name), part, _SEED)
            with tempfile.TemporaryDirectory() as folder:
                for row in _rows(loaded, Path(folder), arguments):
                    table.add_row(name, part.value, *row)
    _CONSOLE.print(
        f"{arguments.pictures} pink-noise pictures, seed {_SEED}, {arguments.rounds} interleaved "
        "rounds"
    )
    _CONSOLE.print(table)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--card", action="append", help="may be repeated")
    parser.add_argument("--pictures", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=20)
    return parser.parse_args()


def _rows(loaded: LoadedPart, folder: Path, arguments: argparse.Namespace) -> list[list[str]]:
    files = _files(loaded, folder)
    calls = {
        name: _call(path, loaded, arguments.pictures)
        for name, path in files.items()
        if not refusal(path)
    }
    latencies = measure_interleaved(
        {name: _first(call) for name, call in calls.items()}, rounds=arguments.rounds
    )
    reference = _STOCK if _STOCK in calls else _FLOAT
    expected = _results(calls[reference], arguments.pictures)
    rows = []
    for name, path in files.items():
        row = [name, f"{path.stat().st_size / 2**20:.2f}"]
        if name in calls:
            found = _results(calls[name], arguments.pictures)
            ratio = latencies[name].ratio / latencies[reference].ratio
            row += [f"{ratio:.3f}", f"{latencies[name].median_ms:.1f}"]
            row += _agreement(loaded.part, found, expected)
        rows.append(row if name in calls else [*row, "cannot run"])
    return rows


def _files(loaded: LoadedPart, folder: Path) -> dict[str, Path]:
    """Write the four files of a part."""
    names = (_STOCK, _STOCK_INT8, _FLOAT, _INT8)
    files = {name: folder / f"{index}.tflite" for index, name in enumerate(names)}
    stock = stock_conversion(loaded)
    write_model(stock, files[_STOCK])
    stock_dynamic_int8(files[_STOCK], files[_STOCK_INT8])
    described = read_model(files[_STOCK_INT8])  # the stock quantizer drops the description
    attach_info(described, read_info(stock))
    write_model(described, files[_STOCK_INT8], overwrite=True)
    write_model(convert_part(loaded).model, files[_FLOAT])
    model = read_model(files[_FLOAT])
    quantize(model, find_recipe(_INT8))
    write_model(model, files[_INT8])
    return files


def _call(path: Path, loaded: LoadedPart, count: int) -> Call:
    """Return what runs a file on the picture and message of an index."""
    session = open_session(path, loaded.part.value, threads=1)
    pictures = pink_noise(count, loaded.card.image_size, seed=_SEED)

    def call(index: int) -> Float:
        inputs = {"image": pictures[index : index + 1]}
        if loaded.part is Part.EMBEDDER:
            message = Message.random(loaded.card.bits, seed=_SEED + index)
            inputs["message"] = message.array()[None]
        (result,) = session.run(inputs).values()
        return result

    return call


def _first(call: Call) -> Callable[[], object]:
    return lambda: call(0)


def _results(call: Call, count: int) -> Float:
    return np.concatenate([call(index) for index in range(count)])


def _agreement(part: Part, found: Float, expected: Float) -> list[str]:
    if part is Part.EMBEDDER:
        error = np.square(found - expected).mean() / expected.var()
        return [f"{error:.5f}"]
    logits, reference = found[:, 1:], expected[:, 1:]  # index 0 carries no information
    return [
        f"{image_nmse(logits, reference):.5f}",
        f"{sign_agreement(logits, reference):.4f}",
    ]


if __name__ == "__main__":
    main()
