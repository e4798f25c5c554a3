"""A searched mix against every fixed recipe, on photographs that the search did not see.

    python benchmarks/tune.py --card reference --tune-on FOLDER --images TEST --max-drop 0.1
    python benchmarks/tune.py --card videoseal_0.0 --checkpoint TRAINED.pth --model FLOAT.tflite ...

The search sees ``--tune-on`` alone; the table's bits are those of ``--images``. Both are marked by
the checkpoint's own embedder. Time is processor time at one thread by the float model's.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from dynamic_int8 import marked
from edgeseal.pictures import find_pictures
from edgeseal.tflite.calibration import bundled_inputs
from edgeseal.tflite.graph import read_model, write_model
from edgeseal.tflite.quantization import find_recipe, recipe_names
from edgeseal.tflite.tuning import (
    Budget,
    Task,
    Trials,
    TunedRecipe,
    find_layers,
    measure_sensitivity,
    search,
)
from edgeseal.watermark.cards import Part, load_card
from edgeseal.watermark.convert import convert_part
from edgeseal.watermark.evaluate import ATTACKS, MarkedPicture, reading_task
from edgeseal.watermark.models import load_checkpoint

_BASE = "dynamic-int8"
_CONSOLE = Console(width=120)


def main() -> None:
    arguments = _parse()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = arguments.model or _converted(arguments, folder)
        seen = _task(_draw(arguments, folder, arguments.tune_on, arguments.tune_pictures))
        unseen = _task(_draw(arguments, folder, arguments.images, None))
        _compare(arguments, source, seen, unseen)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--card", required=True)
    parser.add_argument("--checkpoint")
    parser.add_argument("--model", type=Path, help="the float model, if it is converted already")
    parser.add_argument("--tune-on", type=Path, required=True)
    parser.add_argument("--tune-pictures", type=int, default=12)
    parser.add_argument("--images", type=Path, required=True, help="photographs to report on")
    parser.add_argument("--max-drop", type=float, default=0.1)
    parser.add_argument("--max-ms-ratio", type=float)
    parser.add_argument("--psnr-db", type=float, default=42.0, help="of a plain carrier embedder")
    parser.add_argument("--messages", type=int, default=1, help="per photograph")
    parser.add_argument("--state", type=Path, help="to go on from after an interruption")
    return parser.parse_args()


def _converted(arguments: argparse.Namespace, folder: Path) -> Path:
    card = load_card(arguments.card)
    path = folder / "float.tflite"
    loaded = load_checkpoint(arguments.checkpoint, card, Part.DETECTOR)
    write_model(convert_part(loaded).model, path)
    return path


def _draw(
    arguments: argparse.Namespace, folder: Path, images: Path, count: int | None
) -> list[MarkedPicture]:
    with tempfile.TemporaryDirectory(dir=folder) as own:
        return marked(arguments, Path(own), find_pictures([images])[:count])


def _task(pictures: list[MarkedPicture]) -> Task:
    reading = reading_task(pictures, ATTACKS, 256)
    return Task("bits read", [(one,) for one in reading.inputs], reading.score)


def _compare(arguments: argparse.Namespace, source: Path, seen: Task, unseen: Task) -> None:
    base = find_recipe(_BASE)
    known = {name: find_recipe(name) for name in recipe_names()}
    fixed = {name: recipe for name, recipe in known.items() if not recipe.is_float32}
    started, processor = time.monotonic(), time.process_time()
    trials = Trials(source, seen, state=arguments.state)
    layers = find_layers(read_model(source), base, bundled_inputs())
    costs = measure_sensitivity(trials, layers, base, quick=True)
    budget = Budget(None, arguments.max_drop, arguments.max_ms_ratio)
    found = search(trials, layers, costs, base, budget, fixed=fixed)
    minutes = (time.monotonic() - started) / 60
    processor_minutes = (time.process_time() - processor) / 60
    _CONSOLE.print(
        f"{arguments.card}: {len(layers)} layers, {trials.measured} trials on {len(seen.inputs)} "
        f"pictures, {minutes:.1f} min, {processor_minutes:.1f} min of processor time; budget: "
        f"{arguments.max_drop:g} points, time {arguments.max_ms_ratio or 'free'}"
    )
    final = Trials(source, unseen)
    table = Table("recipe", "MB", "x float time", "error", "drop, tuned on", "drop, unseen")
    for one in sorted((*found.fixed, *found.front), key=lambda one: -one.trial.size_bytes):
        table.add_row(*_row(one, final, is_winner=one is found.winner))
    bits = len(unseen.inputs) * 96
    reference = 100 * final.float_trial.score
    _CONSOLE.print(
        f"unseen: {len(unseen.inputs)} attacked pictures, {bits} bits; float32 reads "
        f"{reference:.2f} %; drops in points"
    )
    _CONSOLE.print(table)
    for line in found.shortfalls:
        _CONSOLE.print(f"the budget cannot be met: {line}")


def _row(one: TunedRecipe, final: Trials, *, is_winner: bool) -> list[str]:
    trial = final.measure(one.recipe, one.name)
    drop = 100 * (final.float_trial.score - trial.score)
    figures = [
        f"{one.trial.size_bytes / 1e6:.2f}",
        f"{one.time_ratio:.2f}",
        f"{trial.nmse_img:.4f}",
        f"{one.drop_points:+.3f}",
        f"{drop:+.3f}",
    ]
    return [one.name + (" (winner)" if is_winner else ""), *figures]


if __name__ == "__main__":
    np.seterr(all="raise", under="ignore")
    main()
