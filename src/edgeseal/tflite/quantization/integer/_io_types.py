"""What a quantized model takes and gives: floats, or the integers themselves."""

from __future__ import annotations

import enum

import numpy as np

from edgeseal.errors import ModelError, UsageError
from edgeseal.tflite.graph import Model, Operator, Quantization, Tensor, new_quantize

__all__ = ["Ends", "find_ends", "set_ends"]

_SHIFT = 128  # between INT8 and UINT8


class Ends(enum.Enum):
    """Type of a model's inputs and outputs."""

    FLOAT32 = "float32"
    INT8 = "int8"
    UINT8 = "uint8"


def find_ends(name: str) -> Ends:
    """Return the type of inputs and outputs of a name.

    Raises:
        UsageError: there is none such.
    """
    known = [ends.value for ends in Ends]
    if name not in known:
        raise UsageError(f"`io`: expected one of {', '.join(known)}, got {name!r}")
    return Ends(name)


def set_ends(model: Model, ends: Ends) -> None:
    """Let a model take and give integers where a QUANTIZE or DEQUANTIZE stands at its ends.

    Args:
        model: quantized, with FLOAT32 ends; changed in place.
        ends: what it is to take and give.

    Raises:
        ModelError: an input or output is used as a float inside.
    """
    if ends is Ends.FLOAT32:
        return
    starts = [_only_reader(model, tensor) for tensor in model.main.inputs]
    stops = [_maker(model, tensor) for tensor in model.main.outputs]
    for operator in starts:
        _open(model, operator, ends)
    for operator in stops:
        _close(model, operator, ends)


def _only_reader(model: Model, tensor: Tensor) -> Operator:
    readers = model.main.consumers().get(tensor, [])
    if len(readers) != 1 or readers[0].kind != "QUANTIZE" or tensor in model.main.outputs:
        raise _float_inside("input", tensor)
    return readers[0]


def _maker(model: Model, tensor: Tensor) -> Operator:
    maker = model.main.producers().get(tensor)
    if maker is None or maker.kind != "DEQUANTIZE":
        raise _float_inside("output", tensor)
    return maker


def _float_inside(what: str, tensor: Tensor) -> ModelError:
    return ModelError(
        f"{what} {tensor.name!r} is used as float32 inside, so it cannot be an integer; take a "
        "recipe that quantizes every operator, such as full-int8"
    )


def _open(model: Model, operator: Operator, ends: Ends) -> None:
    given, stored = operator.inputs[0], operator.outputs[0]
    assert given is not None
    if stored.dtype == "INT8" and ends is Ends.INT8:
        given.dtype, given.quantization = stored.dtype, stored.quantization
        model.main.operators.remove(operator)
        model.main.replace_uses(stored, given)
        return
    given.dtype, given.quantization = ends.name, _eight_bits(stored, ends)


def _close(model: Model, operator: Operator, ends: Ends) -> None:
    stored, given = operator.inputs[0], operator.outputs[0]
    assert stored is not None
    given.dtype, given.quantization = ends.name, _eight_bits(stored, ends)
    place = model.main.operators.index(operator)
    made = []
    if stored.dtype == "INT16" and ends is Ends.UINT8:  # no kernel takes the two steps at once
        between = Tensor(f"{given.name}/int8", given.shape, "INT8")
        between.quantization = _eight_bits(stored, Ends.INT8)
        made.append(new_quantize(stored, between))
        stored = between
    made.append(new_quantize(stored, given))
    model.main.operators[place : place + 1] = made


def _eight_bits(stored: Tensor, ends: Ends) -> Quantization:
    """Return parameters that cover in 8 bits what a tensor covers."""
    known = stored.quantization
    assert known is not None
    scale, zero = known.scale, known.zero_point
    if stored.dtype == "INT16":
        scale, zero = (scale * np.float32(32767 / 127)).astype(np.float32), np.zeros_like(zero)
    return Quantization(scale, zero + (_SHIFT if ends is Ends.UINT8 else 0))
