"""How the way a marked picture is saved decides about bits read and bytes.

Every photograph is made a file of each kind of source, marked, saved in each way and read. A row
says bits read in percent and kilobytes, means over the photographs; `fewer` counts photographs with
fewer bits than saved as JPEG of quality 95 with full colour, or as PNG where the source is PNG.

    python benchmarks/saving.py --embedder E.tflite --detector D.tflite --images KODAK [--side 256]
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, JpegImagePlugin

from edgeseal import Message, load_detector, load_embedder
from edgeseal.pictures import find_pictures

FULL, HALF = "4:4:4", "4:2:0"
Save = Callable[[Image.Image, Image.Image], bytes]


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Return a picture as a file."""
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def sources(photo: Image.Image) -> Iterator[tuple[str, bytes]]:
    """Yield files of a photograph as people have them."""
    yield "PNG", encoded(photo, "PNG")
    for quality in (60, 75, 85, 92, 98):
        yield f"JPEG {quality}", encoded(photo, "JPEG", quality=quality, subsampling=HALF)


def jpeg(quality: int, subsampling: str) -> Save:
    """Return a way to save: a quality and a subsampling of its own."""
    return lambda image, _: encoded(image, "JPEG", quality=quality, subsampling=subsampling)


def tables_of(image: Image.Image) -> dict[int, list[int]]:
    """Return a JPEG file's quantization tables."""
    found: dict[int, list[int]] = getattr(image, "quantization", {})
    return found


def same(image: Image.Image, source: Image.Image) -> bytes:
    """Save with the source's tables and subsampling."""
    sampling = JpegImagePlugin.get_sampling(source)
    return encoded(image, "JPEG", qtables=tables_of(source), subsampling=sampling)


def finer(least: int) -> Save:
    """Return a way to save: each step of the source's tables, or of a quality if that is finer."""

    def save(image: Image.Image, source: Image.Image) -> bytes:
        with Image.open(io.BytesIO(encoded(image, "JPEG", quality=least))) as other:
            limit = tables_of(other)
        own = tables_of(source)
        tables = {n: [min(a, b) for a, b in zip(own[n], limit[n], strict=True)] for n in own}
        sampling = JpegImagePlugin.get_sampling(source)
        return encoded(image, "JPEG", qtables=tables, subsampling=sampling)

    return save


JPEG_WAYS: dict[str, Save] = {
    "95 4:4:4": jpeg(95, FULL),
    "95 4:2:0": jpeg(95, HALF),
    "as it was": same,
    "at least 85": finer(85),
    "at least 90": finer(90),
    "at least 92": finer(92),
    "at least 95": finer(95),
}
OTHER_WAYS: dict[str, Save] = {
    "PNG": lambda image, _: encoded(image, "PNG", compress_level=1),
    "WebP 90": lambda image, _: encoded(image, "WEBP", quality=90),
    "WebP 95": lambda image, _: encoded(image, "WEBP", quality=95),
    "WebP 98": lambda image, _: encoded(image, "WEBP", quality=98),
    "WebP 100": lambda image, _: encoded(image, "WEBP", quality=100),
    "AVIF 80": lambda image, _: encoded(image, "AVIF", quality=80, subsampling=FULL, speed=8),
    "AVIF 90": lambda image, _: encoded(image, "AVIF", quality=90, subsampling=FULL, speed=8),
    "AVIF 95": lambda image, _: encoded(image, "AVIF", quality=95, subsampling=FULL, speed=8),
    "TIFF JPEG 95": lambda image, _: encoded(image, "TIFF", compression="jpeg", quality=95),
    "TIFF JPEG 98": lambda image, _: encoded(image, "TIFF", compression="jpeg", quality=98),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--embedder", required=True)
    parser.add_argument("--detector", required=True)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--side", type=int, help="longer side that photographs are scaled to first")
    arguments = parser.parse_args()
    embedder, detector = load_embedder(arguments.embedder), load_detector(arguments.detector)
    found: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for number, path in enumerate(find_pictures(arguments.images)):
        message = Message.random(embedder.info.bits, seed=number)
        with Image.open(path) as image:
            photo = image.convert("RGB")
        if arguments.side:
            photo.thumbnail((arguments.side, arguments.side), Image.Resampling.LANCZOS)
        for kind, data in sources(photo):
            marked = embedder.embed(data, message).image
            with Image.open(io.BytesIO(data)) as source:
                for way, save in (OTHER_WAYS if kind == "PNG" else JPEG_WAYS).items():
                    saved = save(marked, source)
                    bits = detector.detect(saved, message).matching_bits or 0
                    found.setdefault((kind, way), []).append((bits, len(saved)))
    print("source, saved: bits read, kilobytes, fewer, more")
    for (kind, way), rows in found.items():
        first = found[kind, "PNG" if kind == "PNG" else "95 4:4:4"]
        bits, sizes = np.array(rows).T
        before = np.array(first)[:, 0]
        share = 100 * bits.mean() / embedder.info.bits
        print(
            f"{kind}, {way}: {share:.3f} %, {sizes.mean() / 1000:.1f} kB, "
            f"{(bits < before).sum()}, {(bits > before).sum()}"
        )


if __name__ == "__main__":
    main()
