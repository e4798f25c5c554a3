"""Rewrites what a device refuses or computes wrong, as long as its verdict gets better."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from edgeseal.tflite.devices import DeviceResult
from edgeseal.tflite.graph import Model, Operator
from edgeseal.tflite.repairs._clone import clone
from edgeseal.tflite.repairs.device._exponential import EXPONENTIAL_BY_ELU
from edgeseal.tflite.repairs.device._lifted_ranks import LIFT_RANKS
from edgeseal.tflite.repairs.device._plain_products import PLAIN_PRODUCTS
from edgeseal.tflite.repairs.device._unpacked_constants import STORE_FLOATS, UNPACK_WITH_ONE_SCALE
from edgeseal.tflite.repairs.mend._swapped_matmul import PUT_CONSTANT_RIGHT
from edgeseal.tflite.rewrites import ModelChange, OperatorRewrite, Proof, Replacement, Site

__all__ = ["FOR_DEVICES", "Draft", "Judge", "drafts", "is_better"]

Judge = Callable[[Model], DeviceResult]
"""Asks a device about a model; the same device and inputs each time."""

FOR_DEVICES: tuple[OperatorRewrite, ...] = (
    LIFT_RANKS,
    PUT_CONSTANT_RIGHT,
    PLAIN_PRODUCTS,
    UNPACK_WITH_ONE_SCALE,
    STORE_FLOATS,
    EXPONENTIAL_BY_ELU,
)
"""Rewrites of operators that devices refuse or compute wrong."""

_WORTH = 0.5  # of the error before: what is no better than that is no repair


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
    """Rewrite what a verdict points at, by every rewrite for itself, in a copy.

    Args:
        model: it is not changed.
        result: what the device made of it. Where the whole is wrong and no operator is, all are
            rewritten that can be.
    """
    numbers = result.at_fault or range(len(model.main.operators))
    for rewrite in FOR_DEVICES:
        copied = clone(model)
        chosen = {copied.main.operators[number] for number in numbers}
        changes = _only(rewrite, chosen | _unpacking(copied, chosen)).apply(copied)
        if changes:
            yield Draft(copied, changes, rewrite.proof)


def is_better(result: DeviceResult, before: DeviceResult) -> bool:
    """Whether a verdict is better than the one before: fewer refusals, pieces or wrong results."""
    if result.faults != before.faults or result.is_good:
        return result.faults < before.faults or (result.is_good and not before.is_good)
    if result.error is None or before.error is None:
        return False
    return result.error.severity < _WORTH * before.error.severity


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
