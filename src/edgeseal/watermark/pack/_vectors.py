"""Golden vectors: pictures, what a model is given for them, and what it must answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgeseal.pictures import read_image, resize
from edgeseal.watermark.runtime import LiteRTDetector, LiteRTEmbedder, Message

__all__ = ["TOLERANCES", "cases", "detector_vectors", "embedder_vectors"]

TOLERANCES = {
    "input": 1e-5,  # largest difference of the model's input
    "relative_squared_error": 1e-3,  # of logits and delta: another processor rounds otherwise
    "sure_logit": 0.1,  # as a share of the largest logit: such bits must be equal
    "pixel": 1,  # levels of the marked picture
}

_SIDES = ((197, 311), (256, 256), (320, 141))  # rows, columns: odd, the usual size, upright

Float = NDArray[np.float32]


def cases(pictures: Sequence[Path]) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Yield a name and uint8 [H, W, 3] for each picture, in sizes of every kind."""
    for index, path in enumerate(pictures):
        rows, columns = _SIDES[index % len(_SIDES)]
        small = resize(read_image(path), rows, columns)
        yield f"{index}_{path.stem}", np.rint(255 * small.clip(0, 1)).astype(np.uint8)


def detector_vectors(
    detector: LiteRTDetector, pictures: Sequence[tuple[str, NDArray[np.uint8]]], folder: Path
) -> list[dict[str, Any]]:
    """Write vectors of a detector to a folder; return their list for the contract."""
    return [_detector_vector(detector, name, pixels, folder) for name, pixels in pictures]


def embedder_vectors(
    embedder: LiteRTEmbedder, pictures: Sequence[tuple[str, NDArray[np.uint8]]], folder: Path
) -> list[dict[str, Any]]:
    """Write vectors of an embedder to a folder; return their list for the contract."""
    return [
        _embedder_vector(embedder, name, pixels, index, folder)
        for index, (name, pixels) in enumerate(pictures)
    ]


def _detector_vector(
    detector: LiteRTDetector, name: str, pixels: NDArray[np.uint8], folder: Path
) -> dict[str, Any]:
    size = detector.info.image_size
    given = resize(read_image(pixels), size, size)
    logits = detector.logits(given[None])[0]
    message = Message(tuple((logits > 0).astype(int).tolist()))
    Image.fromarray(pixels).save(folder / f"{name}.png")
    return {
        "picture": f"{name}.png",
        "input": _write(given, folder / f"{name}.input"),
        "bit_logits": _write(logits, folder / f"{name}.bit_logits"),
        "message": message.hex,
    }


def _embedder_vector(
    embedder: LiteRTEmbedder, name: str, pixels: NDArray[np.uint8], seed: int, folder: Path
) -> dict[str, Any]:
    size = embedder.info.image_size
    given = resize(read_image(pixels), size, size)
    message = Message.random(embedder.info.bits, seed=seed)
    delta = embedder.delta(given, message)
    marked = embedder.embed(pixels, message).pixels
    Image.fromarray(pixels).save(folder / f"{name}.png")
    Image.fromarray(marked).save(folder / f"{name}.marked.png")
    return {
        "picture": f"{name}.png",
        "message": message.hex,
        "input": _write(given, folder / f"{name}.input"),
        "delta": _write(delta, folder / f"{name}.delta"),
        "marked": f"{name}.marked.png",
    }


def _write(values: Float, stem: Path) -> dict[str, Any]:
    """Write an array as ``.npy``, and as plain little-endian numbers for everybody else."""
    plain = np.ascontiguousarray(values, "<f4")
    np.save(stem.with_name(f"{stem.name}.npy"), plain)
    stem.with_name(f"{stem.name}.f32").write_bytes(plain.tobytes())
    return {"npy": f"{stem.name}.npy", "f32": f"{stem.name}.f32", "shape": list(values.shape)}
