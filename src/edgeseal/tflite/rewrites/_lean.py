"""Every rewrite, in the order that they build on each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edgeseal.tflite.graph import Model
from edgeseal.tflite.rewrites._computed_weights import multiply_computed_weights
from edgeseal.tflite.rewrites._depthwise import split_large_depthwise
from edgeseal.tflite.rewrites._mirror_pad import unfold_mirror_pads
from edgeseal.tflite.rewrites._patches import multiply_patches
from edgeseal.tflite.rewrites._wide_concatenation import split_wide_concatenations

__all__ = ["PASSES", "LeanPass", "lean"]


@dataclass(frozen=True, slots=True)
class LeanPass:
    """A rewrite.

    Attributes:
        name: what the command line calls it.
        summary: what becomes of which operators, for people.
        apply: changes a model in place and returns how many operators it rewrote.
    """

    name: str
    summary: str
    apply: Callable[[Model], int]


PASSES = (
    LeanPass(
        "computed-weights",
        "fully connected layers with computed weights as matrix products",
        multiply_computed_weights,
    ),
    LeanPass(
        "patches",
        "convolutions of picture patches as matrix products",
        multiply_patches,
    ),
    LeanPass(
        "mirror-pads",
        "MIRROR_PAD by a few rows as SLICE and CONCATENATION",
        unfold_mirror_pads,
    ),
    LeanPass(
        "depthwise",
        "depthwise convolutions of more than 25 taps as sums of smaller ones",
        split_large_depthwise,
    ),
    LeanPass(
        "wide-concatenations",
        "CONCATENATION of more than five tensors in steps",
        split_wide_concatenations,
    ),
)


def lean(model: Model, passes: Sequence[LeanPass] = PASSES) -> dict[str, int]:
    """Rewrite a model in place: the same function but for rounding, in cheaper operators.

    Returns:
        How many operators each pass rewrote, by the pass's name.
    """
    return {step.name: step.apply(model) for step in passes}
