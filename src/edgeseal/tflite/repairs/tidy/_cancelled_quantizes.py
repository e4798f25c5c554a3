"""Removes QUANTIZE operators that give back the values that they came from."""

from __future__ import annotations

from collections.abc import Iterator

from edgeseal.tflite.diagnosis import needless_quantizes
from edgeseal.tflite.graph import Model, Operator, Subgraph, Tensor
from edgeseal.tflite.rewrites import ModelChange, ModelRewrite, Proof

__all__ = ["CANCEL_QUANTIZES"]


def _change(model: Model) -> Iterator[ModelChange]:
    for subgraph in model.subgraphs:
        removed = []
        while needless := needless_quantizes(subgraph):
            _cancel(subgraph, *needless[0])
            removed.append(needless[0][0])
        if removed:
            yield ModelChange.of(removed, "removed that gave back what was there", "ES025")


def _cancel(subgraph: Subgraph, quantize: Operator, source: Tensor) -> None:
    operand, result = quantize.inputs[0], quantize.outputs[0]
    dequantize = subgraph.producers().get(operand) if operand is not None else None
    subgraph.replace_uses(result, source)
    if result in subgraph.outputs:
        _let_make(subgraph, source, result, without=quantize)
    else:
        subgraph.remove([quantize])
    if dequantize is not None and operand is not source and not _is_used(subgraph, operand):
        subgraph.remove([dequantize])


def _let_make(subgraph: Subgraph, source: Tensor, result: Tensor, *, without: Operator) -> None:
    """Let the operator that makes ``source`` make ``result``, which callers ask for."""
    maker = subgraph.producers()[source]
    subgraph.operators.remove(without)
    maker.outputs = [result if made is source else made for made in maker.outputs]
    subgraph.replace_uses(source, result)


def _is_used(subgraph: Subgraph, tensor: Tensor | None) -> bool:
    return tensor in subgraph.outputs or any(tensor in o.inputs for o in subgraph.operators)


CANCEL_QUANTIZES = ModelRewrite(
    "quantize-pairs", "DEQUANTIZE and QUANTIZE removed that cancel out", Proof.EXACT, _change
)
