"""Names the cause of an operator's failure; a trial proves what a rule suspects."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable

import numpy as np

from edgeseal.tflite.diagnosis._file_trial import Failure
from edgeseal.tflite.diagnosis._places import operand
from edgeseal.tflite.graph import Operator, Tensor
from edgeseal.tflite.probe import Prober, cut, float_twin
from edgeseal.tflite.workers import Status

__all__ = ["code_of", "has_axis_outside", "quantized_operand_at_zero"]

_INTEGERS = ("INT4", "INT8", "UINT8", "INT16")
_DIVISIONS = ("DIV", "FLOOR_DIV", "FLOOR_MOD")
_ROOTS = ("RSQRT", "SQRT")


def code_of(failure: Failure, prober: Prober) -> str:
    """Return the code of the named cause, or of the general finding where none fits."""
    outcome = failure.outcome
    if outcome.status is Status.CRASHED:
        return "ES003"
    if outcome.status is Status.TIMED_OUT:
        return "ES004"
    for code, is_cause in _CAUSES:
        if is_cause(failure, prober):
            return code
    return "ES002" if outcome.status is Status.FAILED else "ES001"


def quantized_operand_at_zero(operator: Operator) -> Tensor | None:
    """Return the quantized operand that must not reach zero, if the operator has one."""
    if operator.kind not in (*_DIVISIONS, *_ROOTS):
        return None
    tensor = operator.inputs[-1] if operator.inputs else None  # the divisor, or the only one
    if tensor is None or tensor.quantization is None or tensor.dtype not in _INTEGERS:
        return None
    return tensor


def has_axis_outside(tensor: Tensor) -> bool:
    """Whether a tensor's quantized axis is one that it does not have."""
    return tensor.quantization is not None and tensor.quantization.axis >= max(tensor.rank, 1)


def _is_unknown(failure: Failure, prober: Prober) -> bool:
    words = failure.message
    return any(
        text in words
        for text in (
            "unresolved custom op",
            "Select TensorFlow op(s)",
            "Op code not found",
            "There is no registration",
        )
    )


def _is_newer(failure: Failure, prober: Prober) -> bool:
    return "Didn't find op for builtin opcode" in failure.message


def _is_constant_left_of_matmul(failure: Failure, prober: Prober) -> bool:
    operator = failure.node.operator
    if operator.kind != "BATCH_MATMUL" or failure.outcome.status is Status.FAILED:
        return False
    left, right = operand(operator, 0), operand(operator, 1)
    return (
        left is not None
        and right is not None
        and left.is_constant
        and left.dtype in _INTEGERS
        and right.dtype != left.dtype
        and _prepares(float_twin(operator), prober)
    )


def _has_axis_outside(failure: Failure, prober: Prober) -> bool:
    operator = failure.node.operator
    tensors = [t for t in [*operator.inputs, *operator.outputs] if t is not None]
    return "quantized_dimension" in failure.message and any(map(has_axis_outside, tensors))


def _has_pot_scale(failure: Failure, prober: Prober) -> bool:
    operator = failure.node.operator
    if failure.outcome.status is Status.FAILED or operator.kind not in ("ADD", "SUB"):
        return False
    if not getattr(operator.options, "potScaleInt16", False):
        return False
    options = copy.copy(operator.options)
    options.potScaleInt16 = False
    return _prepares(dataclasses.replace(operator, options=options), prober)


def _reaches_zero(failure: Failure, prober: Prober) -> bool:
    operator = failure.node.operator
    tensor = quantized_operand_at_zero(operator)
    if tensor is None or tensor.quantization is None or failure.outcome.status is not Status.FAILED:
        return False
    inputs = cut([operator]).inputs
    position = next((i for i, candidate in enumerate(inputs) if candidate is tensor), None)
    if position is None or position >= len(failure.inputs):
        return True  # the whole file named the operator; its values were not seen
    stored = failure.inputs[position].astype(np.int64)
    zero = tensor.quantization.zero_point
    return bool((stored == zero if operator.kind in _DIVISIONS else stored < zero).any())


def _lacks_quantization(failure: Failure, prober: Prober) -> bool:
    operator = failure.node.operator
    tensors = [t for t in [*operator.inputs[:2], *operator.outputs] if t is not None]
    unusable = [t for t in tensors if t.dtype in _INTEGERS and not _has_usable_scale(t)]
    return bool(unusable) and any(tensor.quantization is not None for tensor in tensors)


def _has_usable_scale(tensor: Tensor) -> bool:
    scales = None if tensor.quantization is None else tensor.quantization.scale
    return scales is not None and bool(np.isfinite(scales).all() and (scales > 0).all())


def _has_mixed_operands(failure: Failure, prober: Prober) -> bool:
    operator = failure.node.operator
    if failure.outcome.status is Status.FAILED:
        return False
    values = [t for t in [*operator.inputs, *operator.outputs] if t is not None]
    kinds = {t.dtype for t in values if t.quantization is not None or t.dtype.startswith("FLOAT")}
    return len(kinds) > 1 and _prepares(float_twin(operator), prober)


def _prepares(operator: Operator, prober: Prober) -> bool:
    return prober.prepare(cut([operator]).model).is_prepared


_CAUSES: tuple[tuple[str, Callable[[Failure, Prober], bool]], ...] = (
    ("ES005", _is_unknown),
    ("ES006", _is_newer),
    ("ES019", _has_axis_outside),
    ("ES010", _is_constant_left_of_matmul),
    ("ES011", _has_pot_scale),
    ("ES012", _reaches_zero),
    ("ES014", _lacks_quantization),
    ("ES013", _has_mixed_operands),
)
"""In the order in which they are looked for."""
