"""Removes BROADCAST_TO operators whose consumers broadcast by themselves."""

from __future__ import annotations

from collections.abc import Iterator

from edgeseal.tflite.diagnosis import needless_broadcasts
from edgeseal.tflite.graph import Model
from edgeseal.tflite.repairs.rank._few_axes import operand
from edgeseal.tflite.rewrites import ModelChange, ModelRewrite, Proof

__all__ = ["REMOVE_BROADCASTS"]


def _change(model: Model) -> Iterator[ModelChange]:
    for subgraph in model.subgraphs:
        removed = []
        while needless := needless_broadcasts(subgraph):  # two may meet in one consumer
            operator = needless[0]
            subgraph.replace_uses(operator.outputs[0], operand(operator, 0))
            subgraph.remove([operator])
            removed.append(operator)
        if removed:
            yield ModelChange.of(removed, "removed", "ES024")


REMOVE_BROADCASTS = ModelRewrite(
    "broadcasts", "BROADCAST_TO removed where consumers broadcast", Proof.EXACT, _change
)
