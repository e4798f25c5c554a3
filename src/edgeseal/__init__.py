"""INT8 watermark detectors that run.

One function for each job of the command line, with the same arguments, and the models themselves
for programs that use them. :mod:`edgeseal.tflite` has the jobs that work on any ``.tflite`` file.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from edgeseal._progress import Progress
from edgeseal._version import __version__

if TYPE_CHECKING:
    from edgeseal.watermark.pack import PackResult, pack
    from edgeseal.watermark.runtime import (
        Detection,
        Embedding,
        LiteRTDetector,
        LiteRTEmbedder,
        Message,
        load_detector,
        load_embedder,
    )
    from edgeseal.watermark.verbs._bench import bench
    from edgeseal.watermark.verbs._convert import ConvertedFiles, convert
    from edgeseal.watermark.verbs._demo import demo
    from edgeseal.watermark.verbs._detect import DetectionResults, detect
    from edgeseal.watermark.verbs._embed import EmbeddingResults, embed
    from edgeseal.watermark.verbs._evaluate import EvaluationResult, evaluate
    from edgeseal.watermark.verbs._inspect import InspectedModel, inspect
    from edgeseal.watermark.verbs._models import KnownModels, models
    from edgeseal.watermark.verbs._prune import PrunedCheckpoint, prune
    from edgeseal.watermark.verbs._quantize import QuantizedModel, quantize
    from edgeseal.watermark.verbs._scan import ScanResult, scan
    from edgeseal.watermark.verbs._tune import sensitivity, tune
    from edgeseal.watermark.web import WebSite, web

__all__ = [
    "ConvertedFiles",
    "Detection",
    "DetectionResults",
    "Embedding",
    "EmbeddingResults",
    "EvaluationResult",
    "InspectedModel",
    "KnownModels",
    "LiteRTDetector",
    "LiteRTEmbedder",
    "Message",
    "PackResult",
    "Progress",
    "PrunedCheckpoint",
    "QuantizedModel",
    "ScanResult",
    "WebSite",
    "__version__",
    "bench",
    "convert",
    "demo",
    "detect",
    "embed",
    "evaluate",
    "inspect",
    "load_detector",
    "load_embedder",
    "models",
    "pack",
    "prune",
    "quantize",
    "scan",
    "sensitivity",
    "tune",
    "web",
]

_VERBS = "edgeseal.watermark.verbs._"
_RUNTIME = "edgeseal.watermark.runtime"
_MODULES = {
    _VERBS + "bench": ("bench",),
    _VERBS + "convert": ("ConvertedFiles", "convert"),
    _VERBS + "demo": ("demo",),
    _VERBS + "detect": ("DetectionResults", "detect"),
    _VERBS + "embed": ("EmbeddingResults", "embed"),
    _VERBS + "evaluate": ("EvaluationResult", "evaluate"),
    _VERBS + "inspect": ("InspectedModel", "inspect"),
    _VERBS + "models": ("KnownModels", "models"),
    _VERBS + "prune": ("PrunedCheckpoint", "prune"),
    _VERBS + "quantize": ("QuantizedModel", "quantize"),
    _VERBS + "scan": ("ScanResult", "scan"),
    _VERBS + "tune": ("sensitivity", "tune"),
    "edgeseal.watermark.pack": ("PackResult", "pack"),
    "edgeseal.watermark.web": ("WebSite", "web"),
}


def __getattr__(name: str) -> object:
    """Import a name on first use (PEP 562), so that the command line starts quickly."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = next((module for module, names in _MODULES.items() if name in names), _RUNTIME)
    return getattr(importlib.import_module(module), name)
