"""Rewrites what a device refuses or computes wrong, as long as its verdict gets better."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from edgeseal.tflite.devices import DeviceResult
from edgeseal.tflite.graph import Model, Operator
from edgeseal.tflite.repairs._clone import clone
from edgeseal.tflite.repairs.device._exponential import EXPONENTIAL_BY_ELU
from edgeseal.tflite.repairs.device._lifted_ranks import LIFT_RANKS
from edgeseal.tflite.repairs.device._plain_products import PLAIN_PRODUCTS
from edgeseal.tflite.repairs.device._unpacked_constants import STORE_FLOATS, UNPACK_WITH_ONE_SCALE
from edgeseal.tflite.repairs.mend._swapped_matmul import PUT_CONSTANT_RIGHT
from edgeseal.tflite.rewrites import (
    SPLIT_TALL_WEIGHTS,
    ModelChange,
    OperatorRewrite,
    Proof,
    Replacement,
    Site,
)

__all__ = ["FOR_DEVICES", "Draft", "Judge", "drafts"]

Judge = Callable[[Model], DeviceResult]
"""Asks a device about a model; the same device and inputs each time."""

FOR_DEVICES: tuple[OperatorRewrite, ...] = (
    LIFT_RANKS,
    PUT_CONSTANT_RIGHT,
    PLAIN_PRODUCTS,
    EXPONENTIAL_BY_ELU,
    SPLIT_TALL_WEIGHTS,
    UNPACK_WITH_ONE_SCALE,
    STORE_FLOATS,
)
"""Rewrites of operators that devices refuse or compute wrong; those that cost most come last."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A model in another form.

    Attributes:
        model: a copy that was rewritten.
        changes: what was done.
        proof: how that is known to be the same.
    """

    model: Model
    changes: list[ModelChange]
    proof: Proof


def drafts(model: Model, result: DeviceResult) -> Iterator[Draft]:
    """Rewrite what a verdict points at, in copies: by every rewrite for itself, then by several.

    A device that names one reason at a time says the same of a model until all are gone.

    Args:
        model: it is not changed.
        result: what the device made of it. Where the whole is wrong and no operator is, all are
            rewritten that can be.
    """
    useful = []
    for rewrite in FOR_DEVICES:
        draft = _draft(model, result, [rewrite])
        if draft is not None:
            useful.append(rewrite)
            yield draft
    for count in range(2, len(useful) + 1):
        draft = _draft(model, result, useful[:count])
        if draft is not None:
            yield draft


def _draft(model: Model, result: DeviceResult, rewrites: Sequence[OperatorRewrite]) -> Draft | None:
    copied = clone(model)
    operators = copied.main.operators
    chosen = {operators[number] for number in result.at_fault or range(len(operators))}
    chosen |= _unpacking(copied, chosen)
    changes: list[ModelChange] = []
    for rewrite in rewrites:
        before = set(copied.main.operators)
        changes += _only(rewrite, chosen).apply(copied)
        chosen |= set(copied.main.operators) - before
    proof = max((rewrite.proof for rewrite in rewrites), key=[*Proof].index)
    return Draft(copied, changes, proof) if changes else None


def _unpacking(model: Model, chosen: Collection[Operator]) -> set[Operator]:
    """Return what makes constants for operators: they are tried together."""
    producers = model.main.producers()
    made = (producers.get(t) for operator in chosen for t in operator.inputs if t is not None)
    return {o for o in made if o is not None and all(t and t.is_constant for t in o.inputs)}


def _only(rewrite: OperatorRewrite, chosen: Collection[Operator]) -> OperatorRewrite:
    """Return a rewrite of some operators alone."""

    def find(site: Site) -> Iterator[Replacement]:
        return rewrite.find(site) if site.operator in chosen else iter(())

    return dataclasses.replace(rewrite, find=find)
