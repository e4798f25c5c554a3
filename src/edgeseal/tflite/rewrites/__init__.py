"""The same function in other operators: what a rewrite is, and those that make models lean."""

from edgeseal.tflite.rewrites._computed_weights import MULTIPLY_COMPUTED_WEIGHTS
from edgeseal.tflite.rewrites._depthwise import SPLIT_LARGE_DEPTHWISE
from edgeseal.tflite.rewrites._lean import LEAN, lean
from edgeseal.tflite.rewrites._mirror_pad import UNFOLD_MIRROR_PADS
from edgeseal.tflite.rewrites._patches import MULTIPLY_PATCHES
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
from edgeseal.tflite.rewrites._wide_concatenation import SPLIT_WIDE_CONCATENATIONS

__all__ = [
    "LEAN",
    "MULTIPLY_COMPUTED_WEIGHTS",
    "MULTIPLY_PATCHES",
    "SPLIT_LARGE_DEPTHWISE",
    "SPLIT_WIDE_CONCATENATIONS",
    "UNFOLD_MIRROR_PADS",
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
