"""How the way a marked picture is saved decides about bits read and bytes.

Every photograph is made a file of each kind of source, marked, saved in each way and read. A row
says bits read in percent and kilobytes, means over the photographs; `fewer` counts photographs with
fewer bits than saved as JPEG of quality 95 with full colour, or as PNG where the source is PNG.

    python benchmarks/saving.py --embedder E.tflite --detector D.tflite --images KODAK [--side 256]

With --defaults: files of every format, saved as `embed` does unless told otherwise, against what
it did at first: without loss, and JPEG with quality 95 and full colour.
"""

from __future__ import annotations

import argparse
import io
import tempfile
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
    "AVIF 98": lambda image, _: encoded(image, "AVIF", quality=98, subsampling=FULL, speed=8),
    "TIFF JPEG 95": lambda image, _: encoded(image, "TIFF", compression="jpeg", quality=95),
    "TIFF JPEG 98": lambda image, _: encoded(image, "TIFF", compression="jpeg", quality=98),
}


DEFAULTS: dict[str, tuple[str, dict[str, Any]]] = {
    **{f"JPEG {quality}": (".jpg", {"quality": quality}) for quality in (60, 75, 85, 92, 98)},
    "JPEG 75, 4:4:4": (".jpg", {"quality": 75, "subsampling": FULL}),
    "JPEG 75, progressive": (".jpg", {"quality": 75, "progressive": True}),
    "PNG": (".png", {}),
    "WebP 80": (".webp", {"quality": 80}),
    "WebP, lossless": (".webp", {"lossless": True}),
    "TIFF": (".tif", {}),
    "TIFF, Deflate": (".tif", {"compression": "tiff_adobe_deflate"}),
    "TIFF, JPEG 75": (".tif", {"compression": "jpeg"}),
    "AVIF 75": (".avif", {"speed": 8}),
    "JPEG 2000": (".jp2", {}),
    "BMP": (".bmp", {}),
}
KINDS = {".jpg": "JPEG", ".tif": "TIFF", ".jp2": "JPEG2000"}


def defaults(photo: Image.Image) -> Iterator[tuple[str, str, bytes, Save]]:
    """Yield files of a photograph, their name and ending, and how they were saved at first."""
    for name, (suffix, options) in DEFAULTS.items():
        data = encoded(photo, KINDS.get(suffix, suffix[1:].upper()), **options)
        first = jpeg(95, FULL) if suffix == ".jpg" else OTHER_WAYS["PNG"]
        yield name, suffix, data, first


def compare_defaults(arguments: argparse.Namespace) -> None:
    """Print for each kind of file what is read of it, saved as at first and as now."""
    embedder, detector = load_embedder(arguments.embedder), load_detector(arguments.detector)
    found: dict[str, list[tuple[int, int, int]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, photo in enumerate(photographs(arguments)):
            message = Message.random(embedder.info.bits, seed=number)
            for name, suffix, data, first in defaults(photo):
                marked, path = embedder.embed(data, message), Path(folder, "marked" + suffix)
                marked.save(path, overwrite=True)
                bits = [
                    detector.detect(file, message).matching_bits or 0
                    for file in (first(marked.image, marked.image), path)
                ]
                found.setdefault(name, []).append((bits[0], bits[1], path.stat().st_size))
    print("file: bits read as at first, bits read, kilobytes, fewer, more")
    for name, rows in found.items():
        before, now, sizes = np.array(rows).T
        first_share, share = (100 * one.mean() / embedder.info.bits for one in (before, now))
        fewer, more = (now < before).sum(), (now > before).sum()
        kilobytes = sizes.mean() / 1000
        print(f"{name}: {first_share:.3f} %, {share:.3f} %, {kilobytes:.1f} kB, {fewer}, {more}")


def photographs(arguments: argparse.Namespace) -> Iterator[Image.Image]:
    """Yield the photographs, scaled down where that is asked for."""
    for path in find_pictures(arguments.images):
        with Image.open(path) as image:
            photo = image.convert("RGB")
        if arguments.side:
            photo.thumbnail((arguments.side, arguments.side), Image.Resampling.LANCZOS)
        yield photo


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--defaults", action="store_true", help="what `embed` does by itself")
    parser.add_argument("--embedder", required=True)
    parser.add_argument("--detector", required=True)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--side", type=int, help="longer side that photographs are scaled to first")
    arguments = parser.parse_args()
    if arguments.defaults:
        compare_defaults(arguments)
        return
    embedder, detector = load_embedder(arguments.embedder), load_detector(arguments.detector)
    found: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for number, photo in enumerate(photographs(arguments)):
        message = Message.random(embedder.info.bits, seed=number)
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
