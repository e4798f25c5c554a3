r"""What dynamic-int8 costs and gains: size, time, agreement at random weights, bits read.

::

    python benchmarks/dynamic_int8.py random
    python benchmarks/dynamic_int8.py trained --card reference --images PHOTOS
    python benchmarks/dynamic_int8.py trained --card videoseal_0.0 --checkpoint X.pth \
        --images PHOTOS

``random`` measures the full-size VideoSeal 0.0 detector against its stock conversion: the rows of
size, time, sign agreement and error. ``trained`` marks photographs and counts the bits that are
read after attacks. ``--checkpoint`` may hold a plain carrier embedder (``embedder.carriers``
alone); the card's own embedder is used otherwise.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import platform
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from edgeseal.pictures import find_pictures, read_image, resize
from edgeseal.tflite.benchmark import measure_interleaved
from edgeseal.tflite.graph import read_model, write_model
from edgeseal.tflite.metrics import nmse_img, sign_agreement
from edgeseal.tflite.probe import refusal
from edgeseal.tflite.quantization import find_recipe, quantize
from edgeseal.watermark.cards import Part, load_card
from edgeseal.watermark.convert import convert_part, stock_conversion, stock_dynamic_int8
from edgeseal.watermark.evaluate import (
    ATTACKS,
    MarkedPicture,
    share_of_bits,
)
from edgeseal.watermark.models import CarrierEmbedder, LoadedPart, load_checkpoint, random_weights
from edgeseal.watermark.runtime import (
    LiteRTDetector,
    Message,
    ModelInfo,
    attach_info,
    load_detector,
    load_embedder,
    read_info,
)
from pink_noise import pink_noise

_SEED = 0
_STOCK = "stock float32"
_NAIVE = "stock dynamic INT8"
_PLAIN = "stock INT8, BATCH_MATMUL float"
_FLOAT = "Edgeseal float32"
_RECIPE = "dynamic-int8"
_CONSOLE = Console(width=120)

Float = NDArray[np.float32]


def main() -> None:
    arguments = _parse()
    _say_versions(arguments.command)
    with tempfile.TemporaryDirectory() as folder:
        if arguments.command == "random":
            _random(Path(folder), arguments.pictures, arguments.rounds)
        else:
            _trained(Path(folder), arguments)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    untrained = commands.add_parser("random")
    untrained.add_argument("--pictures", type=int, default=16)
    untrained.add_argument("--rounds", type=int, default=40)
    trained = commands.add_parser("trained")
    trained.add_argument("--card", required=True)
    trained.add_argument("--checkpoint")
    trained.add_argument("--images", required=True, type=Path)
    trained.add_argument("--psnr-db", type=float, default=42.0, help="of a plain carrier embedder")
    trained.add_argument("--messages", type=int, default=2, help="per photograph")
    return parser.parse_args()


def _say_versions(command: str) -> None:
    names = ("edgeseal", "torch", "litert-torch", "ai-edge-litert")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    _CONSOLE.print(f"{command}: {versions}, Python {platform.python_version()}, one thread")


def _random(folder: Path, pictures: int, rounds: int) -> None:
    loaded = random_weights(load_card("videoseal_0.0"), Part.DETECTOR, _SEED)
    files = _files(loaded, folder)
    detectors = {name: load_detector(path) for name, path in files.items() if not refusal(path)}
    batch = pink_noise(pictures, loaded.card.image_size, seed=_SEED)
    expected = detectors[_STOCK].logits(batch)
    calls = {name: _call(detector, batch[:1]) for name, detector in detectors.items()}
    latencies = measure_interleaved(calls, rounds=rounds)
    table = Table("detector", "MiB", "x stock", "ms", "NMSE(img)", "sign")
    for name, path in files.items():
        cells = [name, f"{path.stat().st_size / 2**20:.2f}"]
        if name not in detectors:
            cells.append("cannot run")
        else:
            logits = detectors[name].logits(batch)
            cells += [f"{latencies[name].ratio:.3f}", f"{latencies[name].median_ms:.1f}"]
            cells += [f"{nmse_img(logits, expected):.5f}"]
            cells += [f"{sign_agreement(logits, expected):.4f}"]
        table.add_row(*cells)
    _CONSOLE.print(f"{pictures} pink-noise pictures, seed {_SEED}, {rounds} interleaved rounds")
    _CONSOLE.print(table)


def _trained(folder: Path, arguments: argparse.Namespace) -> None:
    card = load_card(arguments.card)
    loaded = load_checkpoint(arguments.checkpoint, card, Part.DETECTOR)
    paths = find_pictures(arguments.images)
    pictures = marked(arguments, folder, paths)
    files = _files(loaded, folder)
    detectors = [load_detector(files[name]) for name in (_FLOAT, _PLAIN, _RECIPE)]
    table = Table("attack", _FLOAT, _PLAIN, _RECIPE, "lost (points)")
    shares = np.array(
        [
            [
                100 * share_of_bits(d, pictures, attack, image_size=card.image_size, seed=_SEED)
                for d in detectors
            ]
            for attack in ATTACKS.values()
        ]
    )
    for name, read in zip([*ATTACKS, "mean"], [*shares, shares.mean(axis=0)], strict=True):
        table.add_row(name, *(f"{share:.2f}" for share in read), f"{read[0] - read[-1]:+.2f}")
    bits = sum(picture.bits.size for picture in pictures)
    _CONSOLE.print(
        f"{len(paths)} photographs, {bits} bits per attack, seed {_SEED}; bits read in %"
    )
    _CONSOLE.print(table)


def _files(loaded: LoadedPart, folder: Path) -> dict[str, Path]:
    """Make every file; ``_PLAIN`` is the stock recipe made to run by leaving out what fails."""
    names = (_STOCK, _NAIVE, _PLAIN, _FLOAT, _RECIPE)
    files = {name: folder / f"{index}.tflite" for index, name in enumerate(names)}
    info = _write_stock(loaded, files[_STOCK])
    stock_dynamic_int8(files[_STOCK], files[_NAIVE])
    stock_dynamic_int8(files[_STOCK], files[_PLAIN], kept_float=["BATCH_MATMUL"])
    _describe(files[_PLAIN], info)
    write_model(convert_part(loaded).model, files[_FLOAT])
    model = read_model(files[_FLOAT])
    quantize(model, find_recipe(_RECIPE))
    write_model(model, files[_RECIPE])
    return files


def _write_stock(loaded: LoadedPart, path: Path) -> ModelInfo:
    model = stock_conversion(loaded)
    write_model(model, path)
    return read_info(model)


def _describe(path: Path, info: ModelInfo) -> None:
    """Put back the description that the stock quantizer drops."""
    model = read_model(path)
    attach_info(model, info)
    write_model(model, path, overwrite=True)


def _call(detector: LiteRTDetector, batch: Float) -> Callable[[], object]:
    return lambda: detector.logits(batch)


def marked(
    arguments: argparse.Namespace, folder: Path, paths: Sequence[Path]
) -> list[MarkedPicture]:
    """Mark every photograph ``--messages`` times."""
    card = load_card(arguments.card)
    draws = [
        (path, Message.random(card.bits, seed=_SEED + index))
        for index, path in enumerate(path for path in paths for _ in range(arguments.messages))
    ]
    embedder = _plain_carriers(arguments.checkpoint, arguments.psnr_db)
    if embedder is not None:
        return [_mark_at_model_size(embedder, path, message) for path, message in draws]
    loaded = load_checkpoint(arguments.checkpoint, card, Part.EMBEDDER)
    write_model(convert_part(loaded).model, folder / "embedder.tflite")
    session = load_embedder(folder / "embedder.tflite")
    return [
        MarkedPicture(np.asarray(session.embed(path, message).image), message.array())
        for path, message in draws
    ]


def _plain_carriers(checkpoint: str | None, psnr_db: float) -> CarrierEmbedder | None:
    """Return the embedder of a checkpoint that has carriers alone, else None."""
    if checkpoint is None:
        return None
    tensors = torch.load(checkpoint, weights_only=True)["model"]
    if [name for name in tensors if name.startswith("embedder.")] != ["embedder.carriers"]:
        return None
    weights = tensors["embedder.carriers"]
    embedder = CarrierEmbedder(
        bits=weights.shape[0], image_size=256, psnr_db=psnr_db, cancellation=False
    )
    embedder.load_state_dict({"carriers": weights.float()})
    return embedder.eval()


def _mark_at_model_size(embedder: CarrierEmbedder, path: Path, message: Message) -> MarkedPicture:
    picture = resize(read_image(path), embedder.image_size, embedder.image_size)
    with torch.inference_mode():
        batch = torch.from_numpy(picture).permute(2, 0, 1)[None]
        delta = embedder(batch, torch.from_numpy(message.array())[None])
        marked = (batch + delta).clamp(0, 1)[0].permute(1, 2, 0).numpy()
    return MarkedPicture(np.rint(marked * 255).astype(np.uint8), message.array())


if __name__ == "__main__":
    main()
