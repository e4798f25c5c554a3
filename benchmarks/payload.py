r"""Payload codes: their size, their false positives, and what they read from attacked pictures.

::

    python benchmarks/payload.py table
    python benchmarks/payload.py random --trials 20000
    python benchmarks/payload.py unmarked DETECTOR.tflite PHOTO_DIR...
    python benchmarks/payload.py attacked EMBEDDER.tflite DETECTOR.tflite PHOTO_DIR

``random`` draws words without a mark, ``unmarked`` reads photographs without one (each also
mirrored, turned and cropped): the share of readings with a p-value of at most a must not be above
a. ``unmarked`` reads each word also behind other masks than the one that is used. ``attacked``
marks photographs and compares counting errors (BCH alone) with weighing them.
"""

from __future__ import annotations

import argparse
import io
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from rich.console import Console
from rich.table import Table

from edgeseal.pictures import find_pictures
from edgeseal.watermark.payload import MarkStatus, Payload, PayloadKind, capacity, payload_code
from edgeseal.watermark.runtime import load_detector, load_embedder

_LENGTHS = (64, 96, 128, 256, 512, 1024)
_RATES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-6)
_MASKS = 20
_CONSOLE = Console(width=150)

Logits = NDArray[np.float64]
Attack = Callable[[Image.Image, np.random.Generator], Image.Image]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("table")
    random = commands.add_parser("random")
    random.add_argument("--trials", type=int, default=20_000)
    unmarked = commands.add_parser("unmarked")
    unmarked.add_argument("detector", type=Path)
    unmarked.add_argument("photos", type=Path, nargs="+")
    attacked = commands.add_parser("attacked")
    attacked.add_argument("embedder", type=Path)
    attacked.add_argument("detector", type=Path)
    attacked.add_argument("photos", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "table":
        _codes()
    elif arguments.command == "random":
        _random(arguments.trials)
    elif arguments.command == "unmarked":
        _unmarked(arguments.detector, arguments.photos)
    else:
        _attacked(arguments.embedder, arguments.detector, arguments.photos)


def _codes() -> None:
    columns = ("message bits", "payload bits", "CRC bits", "errors corrected", "false positives")
    table = Table(*columns, "id up to", "characters a-z 0-9", "mixed", "UTF-8 bytes", "hex digits")
    for length in _LENGTHS:
        code = payload_code(length)
        word = code.payload_bits
        text = capacity(PayloadKind.TEXT, word).replace(",", " ").split()
        numbers = [item for item in text if item.isdigit()]
        digits = capacity(PayloadKind.HEX, word).split()[0]
        rate = f"{code.false_positive_rate:.1e}"
        row = (length, word, code.crc_bits, code.correctable_errors, rate, f"2^{word - 1} - 1")
        table.add_row(*map(str, row), *numbers, digits)
    _CONSOLE.print(table)


def _random(trials: int) -> None:
    for length in (40, 96, 256):
        for kind in ("equal weights", "normal logits"):
            rng = np.random.default_rng(0)
            count = trials if length < 200 else trials // 4
            words = (_word(rng, length, kind) for _ in range(count))
            _report(f"{length} bits, {kind}", [_p_value(logits) for logits in words])


def _word(rng: np.random.Generator, length: int, kind: str) -> Logits:
    if kind == "equal weights":
        return rng.choice([-1.0, 1.0], length)
    return rng.normal(size=length)


def _p_value(logits: Logits) -> float:
    return payload_code(len(logits)).read(logits).log10_p_value


def _report(name: str, values: list[float]) -> None:
    """Print which share of p-values is at most as large as each rate."""
    logs = np.array(values)
    shares = "  ".join(f"{rate:g}: {(logs <= math.log10(rate)).mean():.2g}" for rate in _RATES)
    smallest = 10.0 ** logs.min()
    _CONSOLE.print(f"{name}, {len(logs)} words, share with p <= a: {shares} (least {smallest:.1e})")


def _unmarked(path: Path, folders: list[Path]) -> None:
    detector = load_detector(path, threads=2)
    words = [
        detector.detect(np.asarray(view)).logits.astype(np.float64)
        for picture in find_pictures(folders)
        for view in _views(picture)
    ]
    bits = np.array(words) > 0
    ones, agreement = bits.mean(0), _agreement(bits)
    _CONSOLE.print(
        f"{path.name}: {len(words)} views; a bit is 1 in {ones.min():.0%} to {ones.max():.0%} of "
        f"them; two views agree in {agreement:.1%} of bits"
    )
    _report("the mask in use", [_p_value(word) for word in words])
    rng = np.random.default_rng(1)
    flips = (rng.choice([-1.0, 1.0], bits.shape[1]) for _ in range(_MASKS))
    _report(f"{_MASKS} other masks", [_p_value(word * flip) for flip in flips for word in words])


def _views(path: Path) -> Iterator[Image.Image]:
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    yield picture
    yield picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    yield picture.transpose(Image.Transpose.ROTATE_90)
    rng = np.random.default_rng(len(path.name))
    for _ in range(5):
        share = rng.uniform(0.4, 0.9)
        width, height = (max(8, int(share * side)) for side in picture.size)
        left = int(rng.integers(0, picture.width - width + 1))
        top = int(rng.integers(0, picture.height - height + 1))
        yield picture.crop((left, top, left + width, top + height))


def _agreement(bits: NDArray[np.bool_]) -> float:
    signs = np.where(bits, 1.0, -1.0)
    products = signs @ signs.T / bits.shape[1]
    others = products[~np.eye(len(bits), dtype=bool)]
    return float((1 + others.mean()) / 2)


def _attacked(embedder_path: Path, detector_path: Path, folder: Path) -> None:
    embedder, detector = load_embedder(embedder_path), load_detector(detector_path, threads=2)
    code = payload_code(embedder.info.bits)
    pictures = find_pictures(folder)
    table = Table("attack", "pictures", "bits wrong", "counting errors", "weighing them", "wrong")
    totals = np.zeros(4)
    marked: list[tuple[Image.Image, Payload]] = []
    for index, path in enumerate(pictures):
        payload = Payload.from_id(int(np.random.default_rng(index).integers(0, 2**31)))
        marked.append((embedder.embed(path, payload).image, payload))
    for name, attack in _ATTACKS.items():
        counts = np.zeros(4)
        for index, (image, payload) in enumerate(marked):
            logits = detector.detect(np.asarray(attack(image, np.random.default_rng(index)))).logits
            errors = int(((logits > 0) != np.array(code.encode(payload))).sum())
            reading = code.read(logits)
            present = reading.status is MarkStatus.PRESENT
            right = reading.payload == payload
            counts += (errors / code.length, errors <= code.correctable_errors, right, 0)
            counts[3] += present and not right
        totals += counts / len(_ATTACKS)
        _row(table, name, counts, len(pictures))
    _row(table, "mean", totals, len(pictures))
    _CONSOLE.print(f"{embedder_path.name}, {detector_path.name}, {folder.name}")
    _CONSOLE.print(table)


def _row(table: Table, name: str, counts: NDArray[np.float64], pictures: int) -> None:
    shares = [f"{value / pictures:.1%}" for value in counts]
    table.add_row(name, str(pictures), *shares)


def _jpeg(quality: int) -> Attack:
    def attack(image: Image.Image, _: np.random.Generator) -> Image.Image:
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=quality)
        return Image.open(stream)

    return attack


def _resize(factor: float) -> Attack:
    def attack(image: Image.Image, _: np.random.Generator) -> Image.Image:
        width, height = (max(1, round(factor * side)) for side in image.size)
        return image.resize((width, height), Image.Resampling.BICUBIC)

    return attack


def _noise(sigma: float) -> Attack:
    def attack(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        pixels = np.asarray(image, np.float64)
        noisy = np.clip(np.rint(pixels + rng.normal(scale=sigma, size=pixels.shape)), 0, 255)
        return Image.fromarray(noisy.astype(np.uint8))

    return attack


def _blur(radius: float) -> Attack:
    return lambda image, _: image.filter(ImageFilter.GaussianBlur(radius))


_ATTACKS: dict[str, Attack] = {
    "none": lambda image, _: image,
    "JPEG 50": _jpeg(50),
    "JPEG 20": _jpeg(20),
    "JPEG 15": _jpeg(15),
    "JPEG 10": _jpeg(10),
    "resize 25 %": _resize(0.25),
    "noise 30": _noise(30),
    "noise 50": _noise(50),
    "noise 70": _noise(70),
    "blur 2": _blur(2),
    "blur 2.5": _blur(2.5),
    "blur 3": _blur(3),
}


if __name__ == "__main__":
    main()
