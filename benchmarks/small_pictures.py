"""From which size, shape and content on a mark can be read back: where `embed` warns without.

Photographs are scaled to small sizes, cut to narrow ones, and flattened; marked and read. A row
says bits read in percent, the lowest of a photograph, and the share of photographs whose
payload is read.

    python benchmarks/small_pictures.py --embedder E.tflite --detector D.tflite --images KODAK
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgeseal import load_detector, load_embedder
from edgeseal.pictures import find_pictures
from edgeseal.watermark.payload import MarkStatus, Payload
from edgeseal.watermark.runtime import Message, to_message


def kinds(photo: Image.Image) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Yield a photograph at small sizes, narrow, and with little contrast."""
    square = photo.crop((0, 0, min(photo.size), min(photo.size)))
    for side in (8, 16, 24, 32, 48, 64, 96, 128, 192, 256):
        yield f"{side} x {side}", np.asarray(square.resize((side, side), Image.Resampling.LANCZOS))
    for height in (1, 2, 4, 8, 16, 32, 64, 128):
        strip = square.resize((512, 512)).crop((0, 200, 512, 200 + height))
        yield f"512 x {height}", np.asarray(strip)
    for level in (0, 4, 16, 128, 239, 251, 255):
        yield f"flat, {level}", np.full((512, 512, 3), level, np.uint8)
    levels = np.asarray(square.resize((512, 512)), np.float32)
    for contrast in (0.01, 0.03, 0.1, 0.3):
        soft = np.rint(128 + contrast * (levels - 128)).astype(np.uint8)
        yield f"contrast {contrast}", soft
    for share in (0.5, 0.75, 0.9, 0.97):
        white = np.full((512, 512, 3), 255, np.uint8)
        rows = round(512 * (1 - share))
        white[:rows] = levels[:rows]
        yield f"white, {share:.0%}", white


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--embedder", required=True)
    parser.add_argument("--detector", required=True)
    parser.add_argument("--images", type=Path, required=True)
    arguments = parser.parse_args()
    embedder, detector = load_embedder(arguments.embedder), load_detector(arguments.detector)
    bits = embedder.info.bits
    found: dict[str, list[tuple[int, bool]]] = {}
    for number, path in enumerate(find_pictures(arguments.images)):
        message: Message = to_message(Payload.from_id(number), bits)
        with Image.open(path) as image:
            photo = image.convert("RGB")
        for kind, pixels in kinds(photo):
            marked = embedder.embed(pixels, message).pixels
            read = detector.detect(marked, message, fpr=1e-6)
            is_there = read.reading is not None and read.reading.status is MarkStatus.PRESENT
            rows = found.setdefault(kind, [])
            rows.append((read.matching_bits or 0, is_there))
    print("picture: bits read, lowest, payloads read")
    for kind, rows in found.items():
        right, there = np.array(rows).T
        print(
            f"{kind}: {100 * right.mean() / bits:.1f} %, {100 * right.min() / bits:.1f} %, "
            f"{100 * there.mean():.0f} %"
        )


if __name__ == "__main__":
    main()
