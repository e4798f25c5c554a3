r"""Whether several pictures in one run of a detector cost less than one after the other.

::

    python benchmarks/batches.py reference [--batches 1 2 4 8] [--rounds 9] [--threads 1]
    python benchmarks/batches.py videoseal_1.0 --recipe dynamic-int8

The definition of the card at random weights is converted once for each number of pictures, as stock
tools do; those that take more than one are nowhere else in Edgeseal. All run in turn. For each: the
median over rounds of milliseconds a picture, and of its ratio to that of one picture a run.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from ai_edge_litert.interpreter import Interpreter

from edgeseal.tflite.graph import write_model
from edgeseal.tflite.quantization import find_recipe, quantize
from edgeseal.watermark.cards import Part, load_card
from edgeseal.watermark.convert import ChannelsLast, to_litert
from edgeseal.watermark.models import random_weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("card")
    parser.add_argument("--recipe", default="float32")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runners = {
            batch: _prepared(arguments, batch, Path(folder, f"{batch}.tflite"))
            for batch in arguments.batches
        }
        spent: dict[int, list[float]] = {batch: [] for batch in runners}
        for _ in range(1 + arguments.rounds):
            for batch, interpreter in runners.items():
                began = time.perf_counter()
                interpreter.invoke()
                spent[batch].append(1e3 * (time.perf_counter() - began) / batch)
    print(f"{arguments.card} detector, {arguments.recipe}, {arguments.threads} threads", end=", ")
    print(f"Python {platform.python_version()}, {platform.machine()}; ms a picture, ratio")
    first = spent[arguments.batches[0]][1:]  # what came before warmed up
    for batch, times in spent.items():
        ratio = statistics.median(one / other for one, other in zip(times[1:], first, strict=True))
        print(f"{batch} at once: {statistics.median(times[1:]):.2f} {ratio:.2f}")


def _prepared(arguments: argparse.Namespace, batch: int, path: Path) -> Interpreter:
    card = load_card(arguments.card)
    module = ChannelsLast(random_weights(card, Part.DETECTOR, 0).module).eval()
    pictures = torch.rand(batch, card.image_size, card.image_size, 3)
    model = to_litert(module, (pictures,))
    if arguments.recipe != "float32":
        quantize(model, find_recipe(arguments.recipe))
    write_model(model, path)
    interpreter = Interpreter(model_path=str(path), num_threads=arguments.threads)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], pictures.numpy())
    interpreter.invoke()
    assert np.isfinite(interpreter.get_tensor(interpreter.get_output_details()[0]["index"])).all()
    return interpreter


if __name__ == "__main__":
    main()
