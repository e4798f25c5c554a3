"""Runs the demo."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeseal._files import make_folder, replacing, write_text
from edgeseal.data import photo_paths
from edgeseal.pictures import read_image
from edgeseal.tflite.benchmark import measure_interleaved
from edgeseal.tflite.diagnosis import Level
from edgeseal.tflite.graph import read_model, write_model
from edgeseal.tflite.probe import refusal
from edgeseal.tflite.quantization import find_recipe, quantize
from edgeseal.tflite.repairs import repair_file
from edgeseal.watermark.cards import Part, load_card
from edgeseal.watermark.convert import convert_part, stock_conversion, stock_dynamic_int8
from edgeseal.watermark.demo._result import DemoResult, DemoRow
from edgeseal.watermark.demo._sheet import contact_sheet
from edgeseal.watermark.evaluate import ATTACKS, Detector, MarkedPicture, model_input, share_of_bits
from edgeseal.watermark.models import LoadedPart, TorchDetector, read_checkpoint
from edgeseal.watermark.runtime import (
    Message,
    attach_info,
    load_detector,
    load_embedder,
    read_info,
)

__all__ = ["DemoResult", "run_demo"]

_CARD = "reference"
_ATTACKS = ("clean", "JPEG 75", "resize 70 %")
_SEED = 7
_TIMED_ROUNDS = 25
_RESULTS = "results.json"
_TABLE = "table.md"
_SHEET = "watermarks.png"
_VERSIONS = ("edgeseal", "torch", "litert-torch", "ai-edge-quantizer", "ai-edge-litert")

_PYTORCH = "PyTorch"
_STOCK = "stock float32"
_NAIVE = "stock dynamic INT8"
_REPAIRED = "the same, repaired"
_FLOAT = "Edgeseal float32"
_INTEGER = "Edgeseal dynamic-int8"
_ROWS = (_STOCK, _NAIVE, _REPAIRED, _FLOAT, _INTEGER)

Report = Callable[[str], None]


def run_demo(folder: Path, *, report: Report) -> DemoResult:
    """Convert, quantize, mark, detect and compare; leave every file in a folder.

    Args:
        folder: created if missing; the files of an earlier demo are replaced.
        report: called with a line when a step begins.

    Raises:
        MissingExtraError: the extra for conversion is not installed.
        EdgesealError: a step fails.
    """
    card = load_card(_CARD)
    checkpoint = read_checkpoint(None, card)
    detector = checkpoint.load(card, Part.DETECTOR)
    make_folder(folder)
    files = _convert(detector, folder, report)
    files["embedder"] = _convert_embedder(checkpoint.load(card, Part.EMBEDDER), folder, report)
    pictures, psnr_db = _mark(files["embedder"], folder, report)
    rows = _compare(detector, files, pictures, report)
    versions = {name: importlib.metadata.version(name) for name in _VERSIONS}
    result = DemoResult(rows, psnr_db, versions)
    text = json.dumps(result.to_json(), indent=1) + "\n"
    write_text(folder / _RESULTS, text, overwrite=True)
    write_text(folder / _TABLE, result.markdown(), overwrite=True)
    return result


def _convert(detector: LoadedPart, folder: Path, report: Report) -> dict[str, Path]:
    """Make every detector file, by the name of its row."""
    files = {
        _STOCK: folder / "stock_detector_float32.tflite",
        _NAIVE: folder / "stock_detector_dynamic-int8.tflite",
        _REPAIRED: folder / "stock_detector_dynamic-int8_repaired.tflite",
        _FLOAT: folder / f"{_CARD}_detector_float32.tflite",
        _INTEGER: folder / f"{_CARD}_detector_dynamic-int8.tflite",
    }
    report("Convert the detector the stock way and quantize it with the stock INT8 recipe")
    write_model(stock_conversion(detector), files[_STOCK], overwrite=True)
    stock_dynamic_int8(files[_STOCK], files[_NAIVE])
    _repair(files, report)
    report("Convert the detector with Edgeseal and quantize it with dynamic-int8")
    write_model(convert_part(detector).model, files[_FLOAT], overwrite=True)
    model = read_model(files[_FLOAT])
    quantize(model, find_recipe("dynamic-int8"))
    write_model(model, files[_INTEGER], overwrite=True)
    return files


def _repair(files: Mapping[str, Path], report: Report) -> None:
    report("Check the stock INT8 detector and repair it")
    repaired = repair_file(files[_NAIVE])
    for finding in repaired.before.findings:
        if finding.level is Level.ERROR:
            nodes = f"{len(finding.nodes)} of {repaired.before.operators} operators"
            report(f"{finding.code}, {nodes}: {finding.kind.title}")
    # the stock quantizer drops the description that a detector is loaded by
    info = read_info(read_model(files[_STOCK]))
    attach_info(repaired.model, replace(info, recipe="stock-dynamic-int8"))
    write_model(repaired.model, files[_REPAIRED], overwrite=True)


def _convert_embedder(embedder: LoadedPart, folder: Path, report: Report) -> Path:
    report("Convert the embedder")
    path = folder / f"{_CARD}_embedder_float32.tflite"
    write_model(convert_part(embedder).model, path, overwrite=True)
    return path


def _mark(path: Path, folder: Path, report: Report) -> tuple[list[MarkedPicture], dict[str, float]]:
    """Mark the bundled photographs; return them and the PSNR of each."""
    embedder = load_embedder(path)
    pictures, psnr_db, pairs = [], {}, []
    for index, photo in enumerate(photo_paths()):
        report(f"Mark {photo.name}")
        message = Message.random(embedder.info.bits, seed=_SEED + index)
        marked = embedder.embed(photo, message)
        marked.save(folder / f"{photo.stem}_marked.png", overwrite=True)
        pixels = np.asarray(marked.image.convert("RGB"))
        pictures.append(MarkedPicture(pixels, message.array()))
        psnr_db[photo.stem] = marked.psnr_db
        pairs.append((np.rint(read_image(photo) * 255).astype(np.uint8), pixels))
    with replacing(folder / _SHEET, overwrite=True) as temporary:
        contact_sheet(pairs).save(temporary)
    return pictures, psnr_db


def _compare(
    detector: LoadedPart,
    files: Mapping[str, Path],
    pictures: list[MarkedPicture],
    report: Report,
) -> tuple[DemoRow, ...]:
    size = detector.card.image_size
    errors = {name: refusal(files[name]) for name in _ROWS}
    for name, error in errors.items():
        if error is not None:
            report(f"{name}: LiteRT refuses it: {error}")
    # the naive file lacks the description that a detector is loaded by, and does not run anyway
    running = [name for name, error in errors.items() if error is None and name != _NAIVE]
    detectors: dict[str, Detector] = {_PYTORCH: TorchDetector(detector.module)}
    detectors |= {name: load_detector(files[name]) for name in running}
    report("Time the detectors on one thread, in turn")
    batch = model_input(pictures[0].pixels, ATTACKS["clean"], size, seed=_SEED)[None]
    timed = {name: _call(detectors[name], batch) for name in running}
    latencies = measure_interleaved(timed, rounds=_TIMED_ROUNDS)
    rows = {
        name: DemoRow(name, runs=error is None, size_mib=_size_mib(files[name]), error=error)
        for name, error in errors.items()
    }
    rows[_PYTORCH] = DemoRow(_PYTORCH, runs=True)
    for name, reader in detectors.items():
        report(f"Read the messages with {name}")
        bits = {
            attack: share_of_bits(reader, pictures, ATTACKS[attack], image_size=size, seed=_SEED)
            for attack in _ATTACKS
        }
        rows[name] = replace(rows[name], bits=bits)
        if name in latencies:
            latency = latencies[name]
            rows[name] = replace(rows[name], ratio=latency.ratio, latency_ms=latency.median_ms)
    return tuple(rows[name] for name in (_PYTORCH, *_ROWS))


def _call(detector: Detector, batch: NDArray[np.float32]) -> Callable[[], object]:
    return lambda: detector.logits(batch)


def _size_mib(path: Path) -> float:
    return path.stat().st_size / 2**20
