"""Every rewrite that makes a model lean, in the order that they build on each other."""

from __future__ import annotations

from collections.abc import Sequence

from edgeseal.tflite.graph import Model
from edgeseal.tflite.rewrites._computed_weights import MULTIPLY_COMPUTED_WEIGHTS
from edgeseal.tflite.rewrites._depthwise import SPLIT_LARGE_DEPTHWISE
from edgeseal.tflite.rewrites._idle_bounds import DROP_IDLE_BOUNDS
from edgeseal.tflite.rewrites._mirror_pad import UNFOLD_MIRROR_PADS
from edgeseal.tflite.rewrites._patches import MULTIPLY_PATCHES
from edgeseal.tflite.rewrites._rewrite import ModelChange, Rewrite
from edgeseal.tflite.rewrites._wide_concatenation import SPLIT_WIDE_CONCATENATIONS

__all__ = ["LEAN", "lean"]

LEAN: tuple[Rewrite, ...] = (
    DROP_IDLE_BOUNDS,
    MULTIPLY_COMPUTED_WEIGHTS,
    MULTIPLY_PATCHES,
    UNFOLD_MIRROR_PADS,
    SPLIT_LARGE_DEPTHWISE,
    SPLIT_WIDE_CONCATENATIONS,
)


def lean(model: Model, rewrites: Sequence[Rewrite] = LEAN) -> list[ModelChange]:
    """Rewrite a model in place: the same function but for rounding, in cheaper operators.

    Returns:
        What was changed, in order.
    """
    return [change for rewrite in rewrites for change in rewrite.apply(model)]
