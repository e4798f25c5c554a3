"""Multiply-accumulates of operators, and whether their kernels count in integers."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from dataclasses import dataclass

from edgeseal.tflite.graph._model import Operator
from edgeseal.tflite.graph._tensor import Tensor

__all__ = ["Arithmetic", "Macs", "ShapeOf", "count_macs"]

ShapeOf = Callable[[Tensor], tuple[int, ...]]

_INTEGERS = ("INT4", "INT8", "UINT8", "INT16")
_WEIGHTS = {
    "BIDIRECTIONAL_SEQUENCE_LSTM": (*range(1, 9), 16, *range(18, 26), 33),
    "BIDIRECTIONAL_SEQUENCE_RNN": (1, 2, 5, 6),
    "LSTM": (*range(1, 9), 16),
    "RNN": (1, 2),
    "SVDF": (1, 2),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": (*range(1, 9), 16),
    "UNIDIRECTIONAL_SEQUENCE_RNN": (1, 2),
}
"""Operands of recurrent operators that are multiplied with vectors, once per time step."""

_BASIC_LSTM_OPERANDS = 5  # the older form, with one matrix for all gates
_BASIC_LSTM_WEIGHTS = (2,)


class Arithmetic(enum.Enum):
    """What a kernel multiplies."""

    INTEGER = "integer"  # integers by integers
    HYBRID = "hybrid"  # floats, which it quantizes while running, by integer weights
    FLOAT = "float"


@dataclass(frozen=True, slots=True)
class Macs:
    """Multiply-accumulates of an operator.

    Attributes:
        count: of one run.
        arithmetic: what is multiplied.
    """

    count: int
    arithmetic: Arithmetic


def count_macs(operator: Operator, shape_of: ShapeOf = lambda tensor: tensor.shape) -> Macs | None:
    """Count the multiply-accumulates of a matrix product, convolution or recurrent layer.

    Elementwise operators have none, and what functions compute that an operator calls does not
    count.

    Args:
        operator: the operator.
        shape_of: gives the shapes that tensors really have, where they may change.

    Returns:
        None for other kinds of operators, and where shapes do not tell.
    """
    operands = [tensor for tensor in operator.inputs if tensor is not None]
    factors = _factors(operator)
    if factors is None or len(operands) < 2 or not operator.outputs:
        return None
    value, weights = factors
    try:
        count = _count(operator, shape_of)
    except (IndexError, ZeroDivisionError):  # shapes of ranks that the kernel would refuse
        return None
    return Macs(count, _arithmetic(value, weights))


def _factors(operator: Operator) -> tuple[Tensor, Tensor] | None:
    """Return the values and the weights that an operator multiplies."""
    places = (0, 1)
    if operator.kind in ("TRANSPOSE_CONV", "CONV_3D_TRANSPOSE"):
        places = (2, 1)
    elif operator.kind in _WEIGHTS:
        present = [p for p in _weight_places(operator) if _operand(operator, p) is not None]
        places = (0, present[0] if present else 0)
    elif operator.kind not in _COUNTS:
        return None
    value, weights = (_operand(operator, place) for place in places)
    return None if value is None or weights is None else (value, weights)


def _arithmetic(value: Tensor, weights: Tensor) -> Arithmetic:
    if weights.dtype not in _INTEGERS:
        # INT8 x FLOAT32 is refused; the weights of such a file say nothing
        return Arithmetic.FLOAT
    return Arithmetic.INTEGER if value.dtype in _INTEGERS else Arithmetic.HYBRID


def _count(operator: Operator, shape_of: ShapeOf) -> int:
    if operator.kind in _WEIGHTS:
        return _recurrent(operator, shape_of)
    return _COUNTS[operator.kind](operator, shape_of)


def _convolution(operator: Operator, shape_of: ShapeOf) -> int:
    """Output values by the inputs of each: weights are [output channels, ...]."""
    return math.prod(shape_of(operator.outputs[0])) * math.prod(_shape(operator, 1, shape_of)[1:])


def _depthwise(operator: Operator, shape_of: ShapeOf) -> int:
    return math.prod(shape_of(operator.outputs[0])) * math.prod(_shape(operator, 1, shape_of)[1:3])


def _convolution_3d(operator: Operator, shape_of: ShapeOf) -> int:
    """Weights are [depth, height, width, input channels, output channels]."""
    return math.prod(shape_of(operator.outputs[0])) * math.prod(_shape(operator, 1, shape_of)[:4])


def _transposed(operator: Operator, shape_of: ShapeOf) -> int:
    """Input values by the outputs that each goes into: weights are [output channels, h, w, ...]."""
    return math.prod(_shape(operator, 2, shape_of)) * math.prod(_shape(operator, 1, shape_of)[:3])


def _transposed_3d(operator: Operator, shape_of: ShapeOf) -> int:
    """Weights are [depth, height, width, output channels, input channels]."""
    return math.prod(_shape(operator, 2, shape_of)) * math.prod(_shape(operator, 1, shape_of)[:4])


def _fully_connected(operator: Operator, shape_of: ShapeOf) -> int:
    return math.prod(shape_of(operator.outputs[0])) * _shape(operator, 1, shape_of)[-1]


def _matrix_product(operator: Operator, shape_of: ShapeOf) -> int:
    depth = _shape(operator, 0, shape_of)[-2 if operator.options and operator.options.adjX else -1]
    return math.prod(shape_of(operator.outputs[0])) * depth


def _recurrent(operator: Operator, shape_of: ShapeOf) -> int:
    """Vectors of the input by every weight."""
    vectors = math.prod(_shape(operator, 0, shape_of)[:-1])
    weights = (_operand(operator, place) for place in _weight_places(operator))
    return vectors * sum(math.prod(t.shape) for t in weights if t is not None)


def _weight_places(operator: Operator) -> tuple[int, ...]:
    if operator.kind == "LSTM" and len(operator.inputs) == _BASIC_LSTM_OPERANDS:
        return _BASIC_LSTM_WEIGHTS
    return _WEIGHTS[operator.kind]


def _operand(operator: Operator, place: int) -> Tensor | None:
    return operator.inputs[place] if place < len(operator.inputs) else None


def _shape(operator: Operator, place: int, shape_of: ShapeOf) -> tuple[int, ...]:
    tensor = _operand(operator, place)
    return () if tensor is None else shape_of(tensor)


_COUNTS: dict[str, Callable[[Operator, ShapeOf], int]] = {
    "BATCH_MATMUL": _matrix_product,
    "CONV_2D": _convolution,
    "CONV_3D": _convolution_3d,
    "CONV_3D_TRANSPOSE": _transposed_3d,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _fully_connected,
    "TRANSPOSE_CONV": _transposed,
}
