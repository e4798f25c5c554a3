"""Operators that only unpack weights, which runtimes do once and not in every run."""

from __future__ import annotations

from edgeseal.tflite.graph import Operator, Subgraph, Tensor

__all__ = ["Unpacking"]

_KINDS = ("DENSIFY", "DEQUANTIZE")


class Unpacking:
    """The operators of a function that unpack constants."""

    def __init__(self, subgraph: Subgraph) -> None:
        self._chains: dict[Tensor, tuple[Operator, ...]] = {}
        for operator in subgraph.operators:  # in order, so that no damaged file leads in circles
            packed = operator.inputs[0] if len(operator.inputs) == 1 else None
            if operator.kind in _KINDS and packed is not None:
                chain = self._chains.get(packed, ())
                if chain or packed.is_constant:
                    self._chains |= dict.fromkeys(operator.outputs, (*chain, operator))

    def is_result(self, tensor: Tensor) -> bool:
        """Whether a tensor is a constant that was unpacked."""
        return tensor in self._chains

    def before(self, operator: Operator) -> list[Operator]:
        """Return what unpacks the weights of an operator, in execution order."""
        chains = (self._chains.get(t, ()) for t in operator.inputs if t is not None)
        return list(dict.fromkeys(step for chain in chains for step in chain))
