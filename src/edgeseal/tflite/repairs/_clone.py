"""Copies of models that can be changed without the original."""

from __future__ import annotations

import copy
import dataclasses

from edgeseal.tflite.graph import Model, Operator, Signature, Subgraph, Tensor

__all__ = ["clone"]


def clone(model: Model) -> Model:
    """Copy a model's functions, operators and tensors; constant data is shared."""
    return _Clone().model(model)


class _Clone:
    def __init__(self) -> None:
        self._tensors: dict[Tensor, Tensor] = {}
        self._subgraphs: dict[Subgraph, Subgraph] = {}

    def model(self, model: Model) -> Model:
        # all of them first, because operators refer to functions that come later
        self._subgraphs = {s: dataclasses.replace(s) for s in model.subgraphs}
        for subgraph in self._subgraphs.values():
            self._fill(subgraph)
        return dataclasses.replace(
            model,
            subgraphs=list(self._subgraphs.values()),
            signatures=[self._signature(signature) for signature in model.signatures],
            extra_buffers=list(model.extra_buffers),
        )

    def _fill(self, subgraph: Subgraph) -> None:
        for name in ("inputs", "outputs", "extra_tensors", "tensor_order"):
            setattr(subgraph, name, [self._tensor(tensor) for tensor in getattr(subgraph, name)])
        subgraph.operators = [self._operator(operator) for operator in subgraph.operators]

    def _operator(self, operator: Operator) -> Operator:
        return dataclasses.replace(
            operator,
            inputs=[None if tensor is None else self._tensor(tensor) for tensor in operator.inputs],
            outputs=[self._tensor(tensor) for tensor in operator.outputs],
            intermediates=[self._tensor(tensor) for tensor in operator.intermediates],
            subgraphs=[self._subgraphs.get(called, called) for called in operator.subgraphs],
            options=copy.copy(operator.options),
        )

    def _signature(self, signature: Signature) -> Signature:
        return dataclasses.replace(
            signature,
            subgraph=self._subgraphs[signature.subgraph],
            inputs={name: self._tensor(t) for name, t in signature.inputs.items()},
            outputs={name: self._tensor(t) for name, t in signature.outputs.items()},
        )

    def _tensor(self, tensor: Tensor) -> Tensor:
        if tensor not in self._tensors:
            copied = self._tensors[tensor] = dataclasses.replace(tensor)
            if tensor.blockwise is not None:
                zero_points = tensor.blockwise.zero_points
                copied.blockwise = dataclasses.replace(
                    tensor.blockwise,
                    scales=self._tensor(tensor.blockwise.scales),
                    zero_points=None if zero_points is None else self._tensor(zero_points),
                )
        return self._tensors[tensor]
