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

__all__ = [
    "LEAN",
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
