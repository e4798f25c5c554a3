"""INT8 watermark detectors that run.

The everyday API: load a converted model and use it. :mod:`edgeseal.watermark` makes such models
from PyTorch checkpoints; :mod:`edgeseal.tflite` works on any ``.tflite`` file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgeseal._version import __version__

if TYPE_CHECKING:
    from edgeseal.watermark.runtime import (
        Detection,
        Embedding,
        LiteRTDetector,
        LiteRTEmbedder,
        Message,
        load_detector,
        load_embedder,
    )

__all__ = [
    "Detection",
    "Embedding",
    "LiteRTDetector",
    "LiteRTEmbedder",
    "Message",
    "__version__",
    "load_detector",
    "load_embedder",
]


def __getattr__(name: str) -> object:
    """Import the runtime on first use (PEP 562), so that the command line starts quickly."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from edgeseal.watermark import runtime

    return getattr(runtime, name)
