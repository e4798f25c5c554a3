r"""Every recipe on one detector: size, time, agreement with float32, bits lost.

::

    python benchmarks/recipes.py FLOAT.tflite --stock STOCK.tflite
    python benchmarks/recipes.py FLOAT.tflite --checkpoint X.pth --images PHOTOS

``FLOAT.tflite`` is what ``edgeseal convert --recipe float32`` writes; ``STOCK.tflite`` a plain
conversion of the same weights, the baseline of the times. The first form measures against 16
pink-noise pictures, the second counts the bits that are read from marked photographs after attacks:
the two columns of a detector with random weights and of a trained one. Recipes that need
calibration get the bundled photographs, as on the command line without ``--calibration``.
``--only`` names recipes, ``--folder`` keeps the files, so that an interrupted run goes on.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from dynamic_int8 import marked
from edgeseal.errors import EdgesealError
from edgeseal.pictures import find_pictures
from edgeseal.tflite.benchmark import measure_interleaved
from edgeseal.tflite.graph import read_model, write_model
from edgeseal.tflite.metrics import nmse_img, sign_agreement
from edgeseal.tflite.quantization import find_recipe, quantize, recipe_names
from edgeseal.watermark.evaluate import (
    ATTACKS,
    MarkedPicture,
    share_of_bits,
)
from edgeseal.watermark.runtime import LiteRTDetector, load_detector, read_info
from pink_noise import pink_noise

_SEED = 0
_CONSOLE = Console(width=130)

Float = NDArray[np.float32]


def main() -> None:
    arguments = _parse()
    names = ("edgeseal", "ai-edge-litert")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    _CONSOLE.print(f"{arguments.source.name}: {versions}, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        files = _files(arguments.source, arguments.only or recipe_names(), folder)
        if arguments.images is not None:
            _trained(arguments, files, folder)
        else:
            _random(arguments, files)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, metavar="FLOAT.tflite")
    parser.add_argument("--stock", type=Path, metavar="STOCK.tflite")
    parser.add_argument("--only", nargs="+", metavar="RECIPE")
    parser.add_argument("--folder", type=Path, help="keep the quantized files here")
    parser.add_argument("--pictures", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--checkpoint", help="the weights, for the embedder that they hold")
    parser.add_argument("--images", type=Path, help="photographs to mark")
    parser.add_argument("--psnr-db", type=float, default=42.0, help="of a plain carrier embedder")
    parser.add_argument("--messages", type=int, default=2, help="per photograph")
    return parser.parse_args()


def _files(source: Path, names: list[str], folder: Path) -> dict[str, Path]:
    """Quantize with each recipe, where that is not done, and say how long it took."""
    files = {}
    for name in names:
        recipe = find_recipe(name)
        path = folder / f"{source.stem}.{recipe.name}.tflite"
        if not path.exists():
            model = read_model(source)
            start, used = time.perf_counter(), time.process_time()
            try:
                quantize(model, recipe)
            except EdgesealError as error:
                _CONSOLE.print(f"{recipe.name}: {error}")
                continue
            seconds, used = time.perf_counter() - start, time.process_time() - used
            write_model(model, path)
            _CONSOLE.print(
                f"{recipe.name}: quantized in {seconds:.1f} s, {used:.1f} s of processor"
            )
        files[recipe.name] = path
    return files


def _random(arguments: argparse.Namespace, files: dict[str, Path]) -> None:
    info = read_info(read_model(arguments.source))
    baseline = {} if arguments.stock is None else {"plain conversion": arguments.stock}
    candidates = {**baseline, **files}
    detectors = _loaded(candidates)
    batch = pink_noise(arguments.pictures, info.image_size, seed=_SEED)
    expected = load_detector(arguments.source).logits(batch)
    calls = {name: _call(detector, batch[:1]) for name, detector in detectors.items()}
    latencies = measure_interleaved(calls, rounds=arguments.rounds)
    table = Table("recipe", "MiB", "time", "ms", "sign", "NMSE(img)")
    for name, detector in detectors.items():
        logits = detector.logits(batch)
        table.add_row(
            name,
            f"{candidates[name].stat().st_size / 2**20:.2f}",
            f"{latencies[name].ratio:.3f}",
            f"{latencies[name].median_ms:.1f}",
            f"{sign_agreement(logits, expected):.4f}",
            f"{nmse_img(logits, expected):.2e}",
        )
    _CONSOLE.print(
        f"{arguments.pictures} pink-noise pictures, seed {_SEED}; time: one thread, median of "
        f"{arguments.rounds} interleaved rounds, as a share of the first row's"
    )
    _CONSOLE.print(table)


def _trained(arguments: argparse.Namespace, files: dict[str, Path], folder: Path) -> None:
    info = read_info(read_model(arguments.source))
    paths = find_pictures(arguments.images)
    arguments.card = info.card
    pictures = marked(arguments, folder, paths)
    expected = _shares(load_detector(arguments.source), pictures, info.image_size)
    table = Table("recipe", *ATTACKS, "mean", "lost (points)")
    table.add_row("float32", *(f"{s:.2f}" for s in expected), f"{expected.mean():.2f}", "")
    for name, detector in _loaded(files).items():
        if name == "float32":
            continue
        read = _shares(detector, pictures, info.image_size)
        lost = f"{expected.mean() - read.mean():+.2f}"
        table.add_row(name, *(f"{share:.2f}" for share in read), f"{read.mean():.2f}", lost)
    bits = sum(picture.bits.size for picture in pictures)
    _CONSOLE.print(
        f"{len(paths)} photographs, {bits} bits per attack, seed {_SEED}; bits read in %"
    )
    _CONSOLE.print(table)


def _loaded(files: dict[str, Path]) -> dict[str, LiteRTDetector]:
    """Load what LiteRT takes, and say what it does not."""
    detectors = {}
    for name, path in files.items():
        try:
            detectors[name] = load_detector(path)
        except EdgesealError as error:
            _CONSOLE.print(f"{name}: cannot run: {error}")
    return detectors


def _shares(detector: LiteRTDetector, pictures: list[MarkedPicture], image_size: int) -> Float:
    """Return the bits read after each attack, in per cent."""
    shares = [
        100 * share_of_bits(detector, pictures, attack, image_size=image_size, seed=_SEED)
        for attack in ATTACKS.values()
    ]
    return np.array(shares, np.float32)


def _call(detector: LiteRTDetector, batch: Float) -> Callable[[], object]:
    return lambda: detector.logits(batch)


if __name__ == "__main__":
    main()
