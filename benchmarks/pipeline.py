r"""A folder of large photographs through a detector: whole pipeline against model alone.

::

    python benchmarks/pipeline.py DETECTOR.tflite FOLDER

Each round goes through the folder once in every way, interleaved: the model on pictures that are
small and in memory already, by one worker of one thread, by one of several threads, and by several
workers; reading the pictures without the model; the whole way from file to message, with one worker
and as many as are the default, with JPEG files decoded at full size (``--exact``), and with
processes. Wall time counts, and the processor time of this process, which other programs on the
machine disturb less. Then, what decoding at reduced size changes: the small picture, in 255ths, and
the logits, relative to their spread.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import multiprocessing
import platform
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from edgeseal.pictures import find_pictures, map_in_order
from edgeseal.pictures._small import read_small
from edgeseal.watermark.runtime import LiteRTDetector, load_detector

_CONSOLE = Console(width=110)
_detector: LiteRTDetector | None = None


def main() -> None:
    arguments = _parse()
    paths = [path for path in find_pictures(arguments.folder) if _is_wanted(path, arguments)]
    if arguments.baseline:
        with tempfile.TemporaryDirectory() as folder:
            _report(arguments, [_as_baseline(path, Path(folder)) for path in paths])
    else:
        _report(arguments, paths)


def _report(arguments: argparse.Namespace, paths: list[Path]) -> None:
    names = ("edgeseal", "ai-edge-litert", "pillow", "numpy")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    megapixels = [_megapixels(path) for path in paths]
    kind = "baseline JPEG" if arguments.baseline else "JPEG"
    _CONSOLE.print(
        f"{versions}, Python {platform.python_version()}; {arguments.model.name}; {len(paths)} "
        f"{kind} files of {min(megapixels):.1f} to {max(megapixels):.1f} megapixels, "
        f"{arguments.workers} workers, {arguments.rounds} rounds"
    )
    _CONSOLE.print(_times(arguments, paths))
    _CONSOLE.print(_differences(arguments.model, paths))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--least", type=float, default=8.0, help="megapixels")
    parser.add_argument("--most", type=float, default=16.0, help="megapixels")
    parser.add_argument(
        "--baseline", action="store_true", help="write them again as a camera does: baseline JPEG"
    )
    return parser.parse_args()


def _megapixels(path: Path) -> float:
    with Image.open(path) as image:
        return float(image.width * image.height / 1e6)


def _as_baseline(path: Path, folder: Path) -> Path:
    with Image.open(path) as image:
        image.save(folder / path.name, quality=92, subsampling="4:2:0")
    return folder / path.name


def _is_wanted(path: Path, arguments: argparse.Namespace) -> bool:
    is_jpeg = path.suffix.lower() in (".jpg", ".jpeg")
    return is_jpeg and arguments.least <= _megapixels(path) <= arguments.most


def _times(arguments: argparse.Namespace, paths: list[Path]) -> Table:
    model, workers = arguments.model, arguments.workers
    detector, exact = load_detector(model), load_detector(model, exact=True)
    threaded = load_detector(model, threads=workers)
    size = detector.info.image_size
    small = [read_small(path, size)[None] for path in paths]
    context = multiprocessing.get_context("spawn")  # a fork would copy LiteRT's threads
    with ProcessPoolExecutor(workers, context, initializer=_open, initargs=(model,)) as pool:
        ways: dict[str, Callable[[], object]] = {
            "model alone": lambda: [detector.logits(picture) for picture in small],
            f"model alone, {workers} threads": lambda: [threaded.logits(p) for p in small],
            f"model alone, {workers} workers": lambda: list(
                map_in_order(detector.logits, small, workers=workers)
            ),
            "pictures alone": lambda: [read_small(path, size) for path in paths],
            "pipeline, 1 worker": lambda: list(detector.detect_many(paths, workers=1)),
            "the same, --exact": lambda: list(exact.detect_many(paths, workers=1)),
            f"pipeline, {detector.workers} workers (default)": lambda: list(
                detector.detect_many(paths)
            ),
            f"pipeline, {workers} processes": lambda: list(pool.map(_detect, paths)),
        }
        rounds = np.array([_one_round(ways) for _ in range(1 + arguments.rounds)])[1:]
    table = Table("", "ms a picture", "x model alone", "x model alone, processor time")
    wall, cpu = rounds[..., 0], rounds[..., 1]
    for index, name in enumerate(ways):
        has_children = "processes" in name
        table.add_row(
            name,
            f"{1e3 * np.median(wall[:, index]) / len(paths):.1f}",
            f"{np.median(wall[:, index] / wall[:, 0]):.2f}",
            "" if has_children else f"{np.median(cpu[:, index] / cpu[:, 0]):.2f}",
        )
    return table


def _one_round(ways: dict[str, Callable[[], object]]) -> list[tuple[float, float]]:
    durations = []
    for call in ways.values():
        start = time.perf_counter(), time.process_time()
        call()
        durations.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    return durations


def _open(model: Path) -> None:
    global _detector
    _detector = load_detector(model)


def _detect(path: Path) -> str:
    assert _detector is not None
    return _detector.detect(path).hex


def _differences(model: Path, paths: list[Path]) -> Table:
    detector = load_detector(model)
    size = detector.info.image_size
    rows = []
    for path in paths:
        exact, fast = (read_small(path, size, exact=is_exact) for is_exact in (True, False))
        expected, found = (detector.logits(picture[None])[0] for picture in (exact, fast))
        levels = 255 * (fast - exact)
        rms = float(np.sqrt(np.square(levels).mean()))
        error = float(np.sqrt(np.square(found - expected).mean()) / expected.std())
        agreement = float(((found > 0) == (expected > 0)).mean())
        rows.append((rms, float(np.abs(levels).max()), error, agreement))
    values = np.array(rows)
    table = Table("reduced - exact", "RMS, levels", "largest", "logits, relative", "sign")
    mean, worst = values.mean(axis=0), [*values[:, :3].max(axis=0), values[:, 3].min()]
    for name, row in (("mean", mean), ("worst", worst)):
        table.add_row(name, f"{row[0]:.3f}", f"{row[1]:.2f}", f"{row[2]:.4f}", f"{row[3]:.4f}")
    return table


if __name__ == "__main__":
    main()
