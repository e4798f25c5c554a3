"""Removes BROADCAST_TO operators whose consumers broadcast by themselves."""

from __future__ import annotations

from edgeseal.tflite.diagnosis import needless_broadcasts
from edgeseal.tflite.graph import Model
from edgeseal.tflite.repairs._change import ModelChange
from edgeseal.tflite.repairs.rank._few_axes import operand

__all__ = ["remove_broadcasts"]


def remove_broadcasts(model: Model) -> list[ModelChange]:
    """Feed consumers that broadcast by themselves directly; exact.

    Returns:
        What was changed.
    """
    changes = []
    for subgraph in model.subgraphs:
        removed = []
        while needless := needless_broadcasts(subgraph):  # two may meet in one consumer
            operator = needless[0]
            subgraph.replace_uses(operator.outputs[0], operand(operator, 0))
            subgraph.remove([operator])
            removed.append(operator.outputs[0].name)
        if removed:
            text = f"{len(removed)} BROADCAST_TO removed"
            changes.append(ModelChange("ES024", text, tuple(removed)))
    return changes
