"""The same function in operators that cost less, whoever exported the model."""

from edgeseal.tflite.rewrites._computed_weights import multiply_computed_weights
from edgeseal.tflite.rewrites._depthwise import split_large_depthwise
from edgeseal.tflite.rewrites._lean import PASSES, LeanPass, lean
from edgeseal.tflite.rewrites._mirror_pad import unfold_mirror_pads
from edgeseal.tflite.rewrites._patches import multiply_patches
from edgeseal.tflite.rewrites._sameness import Sameness, compare_outputs
from edgeseal.tflite.rewrites._wide_concatenation import split_wide_concatenations

__all__ = [
    "PASSES",
    "LeanPass",
    "Sameness",
    "compare_outputs",
    "lean",
    "multiply_computed_weights",
    "multiply_patches",
    "split_large_depthwise",
    "split_wide_concatenations",
    "unfold_mirror_pads",
]
