"""The same function in other operators: what a rewrite is, and those that make models lean."""

from edgeseal.tflite.rewrites._lean import LEAN, lean
from edgeseal.tflite.rewrites._rewrite import (
    ModelChange,
    ModelRewrite,
    OperatorRewrite,
    Proof,
    Replacement,
    Rewrite,
    Site,
)
from edgeseal.tflite.rewrites._sameness import Sameness, compare_outputs
from edgeseal.tflite.rewrites._tall_weights import SPLIT_TALL_WEIGHTS

__all__ = [
    "LEAN",
    "SPLIT_TALL_WEIGHTS",
    "ModelChange",
    "ModelRewrite",
    "OperatorRewrite",
    "Proof",
    "Replacement",
    "Rewrite",
    "Sameness",
    "Site",
    "compare_outputs",
    "lean",
]
