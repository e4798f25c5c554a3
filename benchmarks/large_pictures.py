r"""Peak memory of marking and detecting large pictures, each in a process of its own.

::

    python benchmarks/large_pictures.py EMBEDDER.tflite DETECTOR.tflite
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from edgeseal.watermark.runtime import Message, load_detector, load_embedder

_CONSOLE = Console(width=100)
_KINDS = ("jpg", "png", "png16")


def main() -> None:
    arguments = _parse()
    if arguments.work:
        _work(arguments)
        return
    _CONSOLE.print(f"Python {platform.python_version()}; {arguments.embedder.name}")
    table = Table("picture", "megapixels", "work", "seconds", "peak MiB", "bytes a pixel")
    with tempfile.TemporaryDirectory() as folder:
        for side in arguments.side:
            for kind in arguments.kind or _KINDS:
                source = _picture(side, kind, Path(folder))
                for work in ("open", "detect", "embed"):
                    seconds, peak = _measured(arguments, work, source)
                    if work == "open":
                        base = peak  # Python, NumPy, LiteRT and both models
                        continue
                    rest = (peak - base) * 2**20 / side**2
                    row = f"{side**2 / 1e6:.0f}", work, f"{seconds:.1f}", f"{peak:.0f}"
                    table.add_row(kind, *row, f"{rest:.1f}")
                    _CONSOLE.print(kind, *row, f"{rest:.1f}", highlight=False)
    _CONSOLE.print(table)
    _CONSOLE.print("bytes a pixel: above a process that has both models open and no picture")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("embedder", type=Path)
    parser.add_argument("detector", type=Path)
    parser.add_argument("--side", type=int, nargs="+", default=[2000, 10_000], help="pixels")
    parser.add_argument("--kind", action="append", choices=_KINDS)
    parser.add_argument("--work", choices=["open", "detect", "embed"], help=argparse.SUPPRESS)
    parser.add_argument("--source", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def _picture(side: int, kind: str, folder: Path) -> Path:
    """Write a picture of waves and a little noise."""
    places = np.arange(side, dtype=np.float32)
    waves = np.sin(places / 40)[:, None] * np.cos(places / 70)[None]
    noise = np.random.default_rng(0).integers(0, 8, (64, side), np.uint8)
    grey = (127 + 100 * waves).astype(np.uint8) + np.tile(noise, (side // 64 + 1, 1))[:side]
    path = folder / f"{side}_{kind}.{kind[:3]}"
    rgb = np.dstack([grey, grey[::-1], grey[:, ::-1]])
    if kind == "png16":
        from edgeseal.pictures._png16 import write_deep

        with path.open("wb") as file:
            write_deep(file, rgb.astype(np.uint16) * np.uint16(256))
    else:
        Image.fromarray(rgb).save(path)
    return path


def _measured(arguments: argparse.Namespace, work: str, source: Path) -> tuple[float, float]:
    command = [sys.executable, __file__, str(arguments.embedder), str(arguments.detector)]
    command += ["--work", work, "--source", str(source)]
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return time.perf_counter() - start, float(done.stdout.splitlines()[-1])


def _work(arguments: argparse.Namespace) -> None:
    embedder, detector = load_embedder(arguments.embedder), load_detector(arguments.detector)
    message = Message.random(embedder.info.bits, seed=0)
    if arguments.work == "detect":
        detector.detect(arguments.source)
    elif arguments.work == "embed":
        out = arguments.source.with_name("marked" + arguments.source.suffix)
        embedder.embed(arguments.source, message).save(out, overwrite=True)
    status = Path("/proc/self/status").read_text()  # ru_maxrss would count the parent's memory too
    print(int(status.split("VmHWM:")[1].split()[0]) / 1024)


if __name__ == "__main__":
    main()
