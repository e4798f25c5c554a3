r"""What check says of the detectors that users have, and what repair makes of them.

::

    python benchmarks/broken_detectors.py

The full-size VideoSeal 0.0 detector at random weights, converted by the stock converter and
quantized by ai-edge-quantizer's stock recipes: dynamic INT8, INT16 activations, static INT8.
Calibrated and measured on pink noise, on pictures of different seeds. ``time`` is that of the
repaired file as a share of the float file's, interleaved. The last row gives ``repair`` the float
file to compare with.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import quantizer, recipe
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from edgeseal._native import native_output_held_back
from edgeseal.tflite.benchmark import measure_interleaved
from edgeseal.tflite.diagnosis import CheckReport, Level, check_file
from edgeseal.tflite.graph import write_model
from edgeseal.tflite.metrics import nmse_img, sign_agreement
from edgeseal.tflite.repairs import repair_file
from edgeseal.watermark.cards import Part, load_card
from edgeseal.watermark.convert import stock_conversion
from edgeseal.watermark.models import random_weights
from pink_noise import pink_noise

_SEED = 0
_CALIBRATION_SEED = 1
_CALIBRATION_PICTURES = 4
_RECIPES = {
    "dynamic INT8": recipe.dynamic_wi8_afp32,
    "INT16 activations": recipe.static_wi8_ai16,
    "static INT8": recipe.static_wi8_ai8,
}
_WITH_FLOAT = "dynamic INT8"  # the recipe that is repaired with its float file too
_CONSOLE = Console(width=140)

Float = NDArray[np.float32]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=20)
    arguments = parser.parse_args()
    names = ("ai-edge-litert", "ai-edge-quantizer", "litert-torch", "numpy", "torch")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    _CONSOLE.print(f"{versions}, Python {platform.python_version()}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        _measure(Path(folder), arguments.pictures, arguments.rounds)


def _measure(folder: Path, pictures: int, rounds: int) -> None:
    loaded = random_weights(load_card("videoseal_0.0"), Part.DETECTOR, _SEED)
    size = loaded.card.image_size
    plain = folder / "float.tflite"
    write_model(stock_conversion(loaded), plain)
    batch = pink_noise(pictures, size, seed=_SEED)
    expected = _logits(plain, batch)
    table = Table("stock recipe", "MiB", "check (s)", "failing", "repair (s)", "MiB", "sign",
                  "NMSE(img)", "time")  # fmt: skip
    for name, companion in [*((name, None) for name in _RECIPES), (_WITH_FLOAT, plain)]:
        title = f"{name}, --float" if companion else name
        broken, mended = folder / f"{title}.tflite", folder / f"{title}, repaired.tflite"
        _quantize(
            plain, broken, name, pink_noise(_CALIBRATION_PICTURES, size, seed=_CALIBRATION_SEED)
        )
        report, check_s = _timed(check_file, broken)
        result, repair_s = _timed(partial(repair_file, companion=companion), broken)
        write_model(result.model, mended)
        row = [title, _mib(broken), f"{check_s:.1f}", _failing(report), f"{repair_s:.1f}"]
        table.add_row(*row, _mib(mended), *_quality(mended, plain, batch, expected, rounds))
        for change in result.changes:
            _CONSOLE.print(f"{title}: {change.code} {change.text} ({len(change.names)})")
        for left in result.unmended:
            _CONSOLE.print(f"{title}: left {left.code}: {left.text} ({len(left.names)})")
    _CONSOLE.print(f"{pictures} pink-noise pictures, seed {_SEED}, {rounds} interleaved rounds")
    _CONSOLE.print(table)


def _quantize(source: Path, target: Path, name: str, pictures: Float) -> None:
    with native_output_held_back(stdout=True, show_on_failure=True), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        job = quantizer.Quantizer(os.fspath(source), _RECIPES[name]())
        data = {"serving_default": [{"image": picture[None]} for picture in pictures]}
        calibration = job.calibrate(data) if job.need_calibration else None
        job.quantize(calibration).export_model(os.fspath(target))


def _failing(report: CheckReport) -> str:
    errors = [finding for finding in report.findings if finding.level is Level.ERROR]
    return ", ".join(f"{len(e.nodes)} x {e.code}" for e in errors) or "none"


def _quality(mended: Path, plain: Path, batch: Float, expected: Float, rounds: int) -> list[str]:
    logits = _logits(mended, batch)
    calls: dict[str, Callable[[], object]] = {
        path.name: _caller(path, batch[:1]) for path in (plain, mended)
    }
    ratio = measure_interleaved(calls, rounds=rounds)[mended.name].ratio
    sign, error = sign_agreement(logits, expected), nmse_img(logits, expected)
    return [f"{sign:.4f}", f"{error:.5f}", f"{ratio:.3f}"]


def _logits(path: Path, batch: Float) -> Float:
    interpreter = _interpreter(path)
    return np.concatenate([_run(interpreter, picture[None]) for picture in batch])


def _caller(path: Path, picture: Float) -> Callable[[], object]:
    interpreter = _interpreter(path)
    return lambda: _run(interpreter, picture)


def _interpreter(path: Path) -> Any:
    with native_output_held_back(stdout=False, show_on_failure=False):
        interpreter = Interpreter(model_path=os.fspath(path), num_threads=1)
        interpreter.allocate_tensors()
    return interpreter


def _run(interpreter: Any, picture: Float) -> Float:
    """Run one picture through a model whose ends may be quantized."""
    entry, end = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    interpreter.set_tensor(entry["index"], _stored(picture, entry))
    interpreter.invoke()
    return _real(interpreter.get_tensor(end["index"]), end)


def _stored(values: Float, detail: dict[str, Any]) -> NDArray[Any]:
    scale, zero_point = detail["quantization"]
    if not scale:
        return values
    limits = np.iinfo(detail["dtype"])
    stored: NDArray[Any] = np.rint(values / scale) + zero_point
    return stored.clip(limits.min, limits.max).astype(detail["dtype"])


def _real(values: NDArray[Any], detail: dict[str, Any]) -> Float:
    scale, zero_point = detail["quantization"]
    real = values.astype(np.float32)
    return (real - np.float32(zero_point)) * np.float32(scale) if scale else real


def _timed(call: Callable[[Path], Any], path: Path) -> tuple[Any, float]:
    started = time.perf_counter()
    return call(path), time.perf_counter() - started


def _mib(path: Path) -> str:
    return f"{path.stat().st_size / 2**20:.2f}"


if __name__ == "__main__":
    main()
