"""LiteRT interpreters in this process, for files that ran in another one before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ai_edge_litert.interpreter import Interpreter

from edgeseal._native import native_output_held_back

__all__ = ["new_interpreter"]


def new_interpreter(path: str | Path, *, threads: int = 1) -> Any:
    """Return an interpreter with its tensors allocated.

    Only for files that :func:`edgeseal.tflite.probe.refusal` found nothing against: LiteRT ends
    the process on some.

    Raises:
        RuntimeError, ValueError: LiteRT cannot load or prepare the model, in its own words.
    """
    # LiteRT announces its delegate on stderr with every interpreter.
    with native_output_held_back(stdout=False, show_on_failure=False):
        interpreter = Interpreter(model_path=str(path), num_threads=threads)
        interpreter.allocate_tensors()
    return interpreter
