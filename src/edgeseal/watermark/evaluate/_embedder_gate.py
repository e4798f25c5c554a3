"""A quantized embedder has to draw the watermark of the float one."""

from __future__ import annotations

from pathlib import Path

from edgeseal.data import photo_paths
from edgeseal.pictures import read_image
from edgeseal.tflite.graph import read_model
from edgeseal.watermark.evaluate._watermark import MAX_WATERMARK_ERROR_DB, compare_embedders
from edgeseal.watermark.runtime import has_info, load_embedder, read_info

__all__ = ["watermark_error_db", "watermark_problem"]

_PICTURES = 3


def watermark_error_db(float_path: Path, path: Path) -> float | None:
    """Return how far an embedder's watermark is off, in dB, on bundled photographs.

    Returns:
        None if the file is no embedder, or the watermark is exactly the same.
    """
    model = read_model(path)
    if not has_info(model) or read_info(model).part != "embedder":
        return None
    pictures = [read_image(photo) for photo in photo_paths()[:_PICTURES]]
    found = compare_embedders(load_embedder(float_path), load_embedder(path), pictures)
    return None if found.error_db == float("-inf") else found.error_db


def watermark_problem(error_db: float | None) -> str | None:
    """Say what is wrong with an error that :func:`watermark_error_db` returned, if it is."""
    if error_db is None or error_db <= MAX_WATERMARK_ERROR_DB:
        return None
    return (
        "draws another watermark than the float model: the error is "
        f"{error_db:.1f} dB of it, more than {MAX_WATERMARK_ERROR_DB:.0f} dB; choose a more "
        "precise recipe"
    )
