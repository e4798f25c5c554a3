r"""Every part of the published cards at random weights, in every recipe: size, time, agreement.

::

    python benchmarks/family.py --card videoseal_1.0     # adds to results/family.json
    python benchmarks/family.py --page                   # writes docs/family.md from it

Parts are converted, then quantized with each recipe that needs no calibration. Times are
interleaved, on one thread, as ratios to the float32 file. Pictures are photographs. A detector is
compared by the normalised error of its logits and the share of bits of equal sign. An embedder is
compared by what it leaves in the picture: the strength is set so that the float embedder's marked
pictures have 42 dB against their sources, and the same strength is used for the other; PSNR is that
between the two marked pictures, not rounded. ``reference`` is the trained pair: there, what the
float detector reads from the marked pictures counts too.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.metadata
import json
import platform
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from edgeseal.data import photo_paths
from edgeseal.pictures import find_pictures, read_image, resize
from edgeseal.tflite.benchmark import measure_interleaved
from edgeseal.tflite.graph import read_model, write_model
from edgeseal.tflite.metrics import nmse_img, nsr, sign_agreement
from edgeseal.tflite.probe import refusal
from edgeseal.tflite.quantization import find_recipe, quantize, recipe_names
from edgeseal.watermark.cards import Part, load_card
from edgeseal.watermark.convert import convert_part
from edgeseal.watermark.models import LoadedPart, random_weights, read_checkpoint
from edgeseal.watermark.runtime import (
    LiteRTEmbedder,
    Message,
    Session,
    load_detector,
    open_session,
)

_HERE = Path(__file__).parent
_RESULTS = _HERE / "results" / "family.json"
_CHUNKYSEAL = _HERE / "results" / "chunkyseal.txt"
_PAGE = _HERE.parent / "docs" / "family.md"
_SEED = 0
_REFERENCE = "reference"
_CARDS = ("videoseal_0.0", "videoseal_1.0", "pixelseal", _REFERENCE)
_PSNR_DB = 42.0
_CONSOLE = Console(width=120)

Float = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Row:
    """One file.

    Attributes:
        ratio: time as a share of the float32 file's; None if it does not run.
        nmse: NMSE(img) of a detector's logits, NSR of an embedder's watermark; None if undefined.
        sign: share of bits of equal sign, of a detector.
        psnr_db: between the marked pictures of both embedders.
        bits: share that the float detector reads from the marked pictures, where it is trained.
    """

    card: str
    part: str
    recipe: str
    size_bytes: int
    ratio: float | None = None
    nmse: float | None = None
    sign: float | None = None
    psnr_db: float | None = None
    bits: float | None = None


def main() -> None:
    arguments = _parse()
    if arguments.page:
        _write_page()
        return
    photos = find_pictures(arguments.photos) if arguments.photos else list(photo_paths())
    pictures = [read_image(path) for path in photos[: arguments.pictures]]
    for name in arguments.card or _CARDS:
        with tempfile.TemporaryDirectory() as folder:
            rows = _rows(name, Path(folder), pictures, arguments)
        for row in rows:
            _CONSOLE.print(asdict(row))
        _record(name, rows, len(pictures), arguments.rounds)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--card", action="append", help="may be repeated")
    parser.add_argument("--photos", type=Path, help="folder; without it the bundled ones")
    parser.add_argument("--pictures", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument(
        "--files",
        type=Path,
        help="folder of CARD_PART_float32.tflite to take instead of converting",
    )
    parser.add_argument("--page", action="store_true")
    return parser.parse_args()


def _rows(
    name: str, folder: Path, pictures: list[Float], arguments: argparse.Namespace
) -> list[Row]:
    files: dict[Part, dict[str, Path]] = {}
    rows: list[Row] = []
    for part in Part:
        base = folder / f"{name}_{part.value}_float32.tflite"
        if arguments.files:
            base = arguments.files / base.name
        else:
            write_model(convert_part(_loaded(name, part)).model, base)
        files[part] = _files(base, folder)
        running = {recipe: path for recipe, path in files[part].items() if not refusal(path)}
        latencies = measure_interleaved(_calls(running, part), rounds=arguments.rounds)
        reader = files[Part.DETECTOR]["float32"] if name == _REFERENCE else None
        for recipe, path in files[part].items():
            row = Row(name, part.value, recipe, path.stat().st_size)
            if recipe in running:
                row = dataclasses.replace(row, ratio=latencies[recipe].ratio)
                compare = _compare_detectors if part is Part.DETECTOR else _compare_embedders
                row = compare(row, path, running["float32"], pictures, reader)
            rows.append(row)
    return rows


def _loaded(name: str, part: Part) -> LoadedPart:
    if name == _REFERENCE:
        card = load_card(name)
        return read_checkpoint(card.checkpoint.source, card).load(card, part)
    return random_weights(load_card(name), part, _SEED)


def _files(base: Path, folder: Path) -> dict[str, Path]:
    """Write a file for each recipe beside the float one."""
    files = {"float32": base}
    for name in recipe_names():
        recipe = find_recipe(name)
        if recipe.needs_calibration or recipe.is_float32:
            continue
        files[name] = folder / base.name.replace("float32", name)
        model = read_model(base)
        quantize(model, recipe)
        write_model(model, files[name])
    return files


def _calls(files: dict[str, Path], part: Part) -> dict[str, Callable[[], object]]:
    def call(session: Session) -> Callable[[], object]:
        size, bits = session.info.image_size, session.info.bits
        inputs = {"image": np.full((1, size, size, 3), 0.5, np.float32)}
        if part is Part.EMBEDDER:
            inputs["message"] = Message.random(bits, seed=_SEED).array()[None]
        return lambda: session.run(inputs)

    return {name: call(open_session(path, part.value, threads=1)) for name, path in files.items()}


def _compare_detectors(
    row: Row, path: Path, float_path: Path, pictures: list[Float], reader: Path | None
) -> Row:
    del reader
    found, expected = (_logits(file, pictures) for file in (path, float_path))
    error, sign = nmse_img(found, expected), sign_agreement(found, expected)
    return dataclasses.replace(row, nmse=error, sign=sign)


def _logits(path: Path, pictures: list[Float]) -> Float:
    detector = load_detector(path)
    size = detector.info.image_size
    return np.concatenate([detector.logits(resize(one, size, size)[None]) for one in pictures])


def _compare_embedders(
    row: Row, path: Path, float_path: Path, pictures: list[Float], reader: Path | None
) -> Row:
    strength = _strength(float_path, pictures)
    ours, float_ours = (_embedder(file, strength) for file in (path, float_path))
    detector = None if reader is None else load_detector(reader)
    errors, delta_errors, bits = [], [], []
    for index, picture in enumerate(pictures):
        message = Message.random(ours.info.bits, seed=_SEED + index)
        marked, expected = (one.embed_array(picture, message) for one in (ours, float_ours))
        errors.append(float(np.square(marked - expected).mean(dtype=np.float64)))
        small = resize(picture, ours.info.image_size, ours.info.image_size)
        delta, wanted = (one.delta(small, message) for one in (ours, float_ours))
        delta_errors.append(nsr(delta, wanted) or 0.0)
        if detector is not None:
            rounded = np.rint(marked * 255).astype(np.uint8)
            bits.append(detector.detect(rounded, expect=message).bit_accuracy or 0.0)
    psnr_db = -10 * np.log10(np.mean(errors)) if row.recipe != "float32" else None
    return dataclasses.replace(
        row,
        nmse=float(np.mean(delta_errors)),
        psnr_db=None if psnr_db is None else float(psnr_db),
        bits=float(np.mean(bits)) if bits else None,
    )


def _strength(path: Path, pictures: list[Float]) -> float | None:
    """Return the strength at which random weights change pictures as a trained model does."""
    if open_session(path, "embedder", threads=1).info.random_seed is None:
        return None
    probe = _embedder(path, 0.01)
    errors = [
        float(
            np.square(probe.embed_array(one, Message.random(probe.info.bits, seed=1)) - one).mean()
        )
        for one in pictures[:4]
    ]
    return 0.01 * float(10 ** (-_PSNR_DB / 20) / np.sqrt(np.mean(errors)))


def _embedder(path: Path, strength: float | None) -> LiteRTEmbedder:
    session = open_session(path, "embedder", threads=1)
    if strength is not None:
        session.info = dataclasses.replace(session.info, scaling_w=strength)
    return LiteRTEmbedder(session)


def _record(card: str, rows: list[Row], pictures: int, rounds: int) -> None:
    known: dict[str, Any] = {"schema_version": 1}
    if _RESULTS.exists():
        known = json.loads(_RESULTS.read_text())
    names = ("edgeseal", "torch", "litert-torch", "ai-edge-litert")
    versions = {name: importlib.metadata.version(name) for name in names}
    known.setdefault("cards", {})[card] = {
        "versions": {**versions, "python": platform.python_version()},
        "pictures": pictures,
        "rounds": rounds,
        "rows": [asdict(row) for row in rows],
    }
    _RESULTS.write_text(json.dumps(known, indent=1) + "\n")


def _write_page() -> None:
    record = json.loads(_RESULTS.read_text())
    lines = [
        "# The family: size, time, agreement",
        "",
        "Made by [`benchmarks/family.py`](../benchmarks/family.py) `--page` from "
        "[recorded results](../benchmarks/results/family.json). Random weights, seed "
        f"{_SEED}, except the trained `reference`; photographs; one thread, interleaved; each "
        "file against the float32 file of its part. *Error* is NMSE(img) of a detector's logits "
        "and NSR of an embedder's watermark ([what they are](metrics.md)). *PSNR* is that between "
        "the pictures marked by either embedder, at a strength that leaves the float one "
        f"{_PSNR_DB:.0f} dB; "
        "*bits* is what the float detector reads from the marked pictures. Rows of "
        "`weight-int8` are from before its errors cancelled by channel: "
        "[before and after](../benchmarks/results/weight_int8.txt).",
        "",
        "| card | part | recipe | MiB | x float32 | error | sign | PSNR (dB) | bits |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for card in record["cards"].values():
        lines += [_line(Row(**row)) for row in card["rows"]]
    lines += [
        "",
        "The `reference` embedder is spread spectrum, no UNet: INT8 costs it bits and time, "
        "so ship its 0.6 MiB in float. A trained UNet whose bits could be counted here does not "
        "exist yet.",
    ]
    if _CHUNKYSEAL.exists():
        text = _CHUNKYSEAL.read_text().rstrip()
        about = (
            "ChunkySeal at full size, by [`benchmarks/chunkyseal.py`](../benchmarks/chunkyseal.py):"
        )
        lines += ["", about, "", "```", text, "```"]
    _PAGE.write_text("\n".join(lines) + "\n")


def _line(row: Row) -> str:
    cells = [
        row.card,
        row.part,
        row.recipe,
        f"{row.size_bytes / 2**20:.2f}",
        "does not run" if row.ratio is None else f"{row.ratio:.2f}",
        "" if row.nmse is None else f"{row.nmse:.1e}",
        "" if row.sign is None else f"{row.sign:.4f}",
        "" if row.psnr_db is None else f"{row.psnr_db:.1f}",
        "" if row.bits is None else f"{row.bits:.2%}",
    ]
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
