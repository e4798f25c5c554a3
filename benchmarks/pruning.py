"""Pruned detectors against the one they were cut from: size, time and bits.

    edgeseal prune reference --ratio 0.5 -o pruned.pth
    python benchmarks/pruning.py --card reference --pruned pruned.pth --images TEST

Both are converted and quantized with dynamic-int8; pictures are marked by the original checkpoint's
embedder.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from dynamic_int8 import marked
from edgeseal.pictures import find_pictures
from edgeseal.tflite.benchmark import measure_interleaved
from edgeseal.tflite.graph import read_model, write_model
from edgeseal.tflite.quantization import find_recipe, quantize
from edgeseal.watermark.cards import Part, load_card
from edgeseal.watermark.convert import convert_part
from edgeseal.watermark.evaluate import ATTACKS, reading_task
from edgeseal.watermark.models import load_checkpoint
from edgeseal.watermark.runtime import LiteRTDetector, load_detector

_RECIPES = ("float32", "dynamic-int8")
_CONSOLE = Console(width=120)


def main() -> None:
    arguments = _parse()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pictures = marked(arguments, folder, find_pictures([arguments.images]))
        task = reading_task(pictures, ATTACKS, load_card(arguments.card).image_size)
        files = _files(arguments, folder)
        detectors = {name: load_detector(path) for name, path in files.items()}
        batch = np.concatenate(task.inputs)
        ratios = measure_interleaved(
            {name: _call(detector, batch[:1]) for name, detector in detectors.items()},
            rounds=arguments.rounds,
        )
        table = Table("detector", "MiB", "x original", "bits read (%)", "lost (points)")
        first = 0.0
        for index, (name, detector) in enumerate(detectors.items()):
            share = 100 * float(np.mean((detector.logits(batch) > 0) == (task.sent > 0.5)))
            first = share if index == 0 else first
            size = f"{files[name].stat().st_size / 2**20:.2f}"
            row = [size, f"{ratios[name].ratio:.3f}", f"{share:.2f}", f"{first - share:+.2f}"]
            table.add_row(name, *row)
    _CONSOLE.print(
        f"{arguments.card}: {len(pictures)} marked photographs, {len(ATTACKS)} attacks, "
        f"{task.sent.size} bits"
    )
    _CONSOLE.print(table)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--card", required=True)
    parser.add_argument("--checkpoint", help="of the original")
    parser.add_argument("--pruned", type=Path, nargs="+", required=True)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--psnr-db", type=float, default=42.0, help="of a plain carrier embedder")
    parser.add_argument("--messages", type=int, default=1, help="per photograph")
    parser.add_argument("--rounds", type=int, default=30)
    return parser.parse_args()


def _files(arguments: argparse.Namespace, folder: Path) -> dict[str, Path]:
    """Convert and quantize the original and the pruned ones."""
    card = load_card(arguments.card)
    found = {}
    for index, checkpoint in enumerate([arguments.checkpoint, *arguments.pruned]):
        conversion = convert_part(load_checkpoint(checkpoint, card, Part.DETECTOR))
        what = "original" if index == 0 else (conversion.info.pruning or "pruned").split(":")[0]
        source = folder / f"{index}.tflite"
        write_model(conversion.model, source)
        for recipe in _RECIPES:
            model, path = read_model(source), folder / f"{index}_{recipe}.tflite"
            quantize(model, find_recipe(recipe))
            write_model(model, path)
            found[f"{what}, {recipe}"] = path
    return found


def _call(detector: LiteRTDetector, batch: NDArray[np.float32]) -> Callable[[], object]:
    return lambda: detector.logits(batch)


if __name__ == "__main__":
    main()
