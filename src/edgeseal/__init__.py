"""INT8 watermark detectors that run.

The everyday API: load a converted model and use it. :mod:`edgeseal.models`,
:mod:`edgeseal.convert` and :mod:`edgeseal.quantize` make such models from PyTorch checkpoints.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgeseal.runtime import (
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

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Import the runtime on first use (PEP 562), so that the command line starts quickly."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from edgeseal import runtime

    return getattr(runtime, name)
