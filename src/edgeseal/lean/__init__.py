"""The same function in operators that cost less, whoever exported the model."""

from edgeseal.lean._computed_weights import multiply_computed_weights
from edgeseal.lean._depthwise import split_large_depthwise
from edgeseal.lean._lean import PASSES, LeanPass, lean
from edgeseal.lean._mirror_pad import unfold_mirror_pads
from edgeseal.lean._patches import multiply_patches
from edgeseal.lean._wide_concatenation import split_wide_concatenations

__all__ = [
    "PASSES",
    "LeanPass",
    "lean",
    "multiply_computed_weights",
    "multiply_patches",
    "split_large_depthwise",
    "split_wide_concatenations",
    "unfold_mirror_pads",
]
