"""The float twin of an operator: the same operator on dequantized values.

It says what an operator would give that LiteRT refuses to run on integers.
"""

from __future__ import annotations

import dataclasses

from edgeseal.tflite.graph import Buffer, Operator, Tensor
from edgeseal.tflite.probe._values import constant_values, dequantize, is_quantized

__all__ = ["float_twin"]


def float_twin(operator: Operator) -> Operator:
    """Return the operator with every quantized tensor as FLOAT32.

    Constants are dequantized; tensors without quantization stay as they are. Whether LiteRT has
    such a kernel is for a trial to say.
    """
    twins: dict[int, Tensor] = {}

    def twin(tensor: Tensor) -> Tensor:
        return twins.setdefault(id(tensor), _float_tensor(tensor))

    return dataclasses.replace(
        operator,
        inputs=[None if tensor is None else twin(tensor) for tensor in operator.inputs],
        outputs=[twin(tensor) for tensor in operator.outputs],
    )


def _float_tensor(tensor: Tensor) -> Tensor:
    if tensor.quantization is None or not is_quantized(tensor):
        return tensor
    buffer = None
    if tensor.is_constant:
        values = constant_values(tensor)
        if values is None:
            return tensor
        buffer = Buffer.of(dequantize(values, tensor.quantization))
    return dataclasses.replace(tensor, dtype="FLOAT32", buffer=buffer, quantization=None)
