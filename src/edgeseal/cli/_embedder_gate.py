"""A quantized embedder has to draw the watermark of the float one."""

from __future__ import annotations

from pathlib import Path

from edgeseal.cli._shared._console import note

__all__ = ["is_acceptable", "watermark_error_db"]


def watermark_error_db(float_path: Path, path: Path) -> float | None:
    """Return how far an embedder's watermark is off, in dB, and say so if that is too much."""
    from edgeseal.watermark import evaluate

    error_db = evaluate.watermark_error_db(float_path, path)
    problem = evaluate.watermark_problem(error_db)
    if problem is not None:
        note(f"{path}: {problem}")
    return error_db


def is_acceptable(error_db: float | None) -> bool:
    """Whether an error that :func:`watermark_error_db` returned leaves the watermark what it is."""
    from edgeseal.watermark.evaluate import watermark_problem

    return watermark_problem(error_db) is None
