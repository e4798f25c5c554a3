"""What a converted graph must look like, whatever it computes."""

from __future__ import annotations

from collections.abc import Iterator

from edgeseal.tflite.graph import Model, Operator

__all__ = ["MAX_RANK", "structural_problems"]

MAX_RANK = 4  # what the GPU and NPU delegates take
_SUMS = ("ADD", "SUB", "MUL", "DIV")


def structural_problems(model: Model) -> Iterator[str]:
    """Yield what would keep a quantizer or a delegate from taking the model."""
    for subgraph in model.subgraphs:
        for tensor in subgraph.tensors():
            if tensor.rank > MAX_RANK:
                yield f"tensor {tensor.name!r} has rank {tensor.rank}, more than {MAX_RANK}"
    for operator in model.operators():
        if operator.is_custom:
            continue
        result = operator.outputs[0].name
        if operator.kind == "BROADCAST_TO":
            yield f"BROADCAST_TO makes {result!r}: write the shapes out in the definition"
        left = operator.inputs[0] if operator.kind == "BATCH_MATMUL" else None
        if left is not None and left.buffer is not None:
            yield f"BATCH_MATMUL for {result!r} has its constant on the left; INT8 needs it right"
        if operator.kind in _SUMS and _takes_constant_matrix(operator):
            yield f"{operator.kind} for {result!r} takes a constant matrix: add it in rank 4"


def _takes_constant_matrix(operator: Operator) -> bool:
    """Whether GPU and NPU compilers take it and compute something else."""
    return any(
        t is not None and t.is_constant and t.rank == 2 and min(t.shape) > 1
        for t in operator.inputs
    )
