"""Every operator's integer form: types, scales and what its kernel wants of them."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence

import numpy as np

from edgeseal.errors import ModelError
from edgeseal.tflite.graph import (
    NO_ACTIVATION,
    Buffer,
    Operator,
    Quantization,
    Tensor,
    new_arithmetic,
    new_operator,
    new_quantize,
    tensor_like,
)
from edgeseal.tflite.probe import constant_values
from edgeseal.tflite.quantization._weighted_layers import WEIGHTS_INPUT
from edgeseal.tflite.quantization.integer._integer_builder import (
    IntegerBuilder,
    Values,
    per_tensor,
    scale_of,
)
from edgeseal.tflite.quantization.rewrite._fixed_layers import MOST_BIAS, MOST_RATIO
from edgeseal.tflite.quantization.weights._integer_weights import (
    IntegerWeights,
    constant,
    integer_constant,
    round_to_nearest,
    symmetric_scale,
)

__all__ = ["CHANNEL_AXES", "FORMS", "INT8_ALONE"]

_BIAS_LIMITS = {"INT8": 2**30, "INT16": 2**38}  # with room for the sum of products
_INT64 = 4  # TensorType
_VALID = 1  # Padding
_MOST_SHARES = 2**16  # INT8 values whose sum, times 127, 32 bits surely hold
_SHUFFLES = ("RESHAPE", "TRANSPOSE", "SQUEEZE", "EXPAND_DIMS")
CHANNEL_AXES = {"FULLY_CONNECTED": 0, "CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "TRANSPOSE_CONV": 0}
_DATA_INPUT = {"TRANSPOSE_CONV": 2, "SPLIT": 1}  # of the others the first
INT8_ALONE = (
    "ELU",
    "HARD_SWISH",
    "PRELU",
    "RELU_0_TO_1",
    "RELU_N1_TO_1",
    "L2_NORMALIZATION",
    "LOG_SOFTMAX",
    "DEPTH_TO_SPACE",
    "SPACE_TO_DEPTH",
    "ARG_MAX",
)
"""Operators whose kernels have no INT16, or give nothing that makes sense for it (PRELU)."""


def _layer(operator: Operator, builder: IntegerBuilder, dtype: str) -> None:
    place = _DATA_INPUT.get(operator.kind, 0)
    source, weights = operator.inputs[place], operator.inputs[WEIGHTS_INPUT]
    assert source is not None
    assert weights is not None
    taken = builder.form(source, dtype)
    axis = CHANNEL_AXES[operator.kind]
    at = max(place, WEIGHTS_INPUT) + 1
    given = operator.inputs[at] if len(operator.inputs) > at else None
    real = np.zeros(weights.shape[axis], np.float32) if given is None else constant(given)
    values = constant(weights)
    # a bias that overflows its integers needs coarser ones
    least = np.abs(real) / (scale_of(taken) * _BIAS_LIMITS[dtype])
    scale = np.maximum(_scale_of_used(values, axis), least).astype(np.float32)
    rounded = round_to_nearest(values, axis, scale)
    bias = _bias(operator, real, scale_of(taken) * scale, dtype)
    output = operator.outputs[0]
    coarsest = _least_result_scale(rounded, real, scale_of(taken)) if dtype == "INT8" else 0.0
    result = builder.new(output, dtype, builder.quantization(output, dtype, coarsest))
    stored = integer_constant(weights.name, rounded)
    operands = [taken, stored] if place == 0 else [*operator.inputs[:1], stored, taken]
    _append(operator, builder, [*operands, bias], result, dtype)


def _scale_of_used(weights: Values, axis: int) -> Values:
    """Return a scale per channel; where all weights are 0, one that no kernel refuses."""
    scale = symmetric_scale(weights, axis)
    others = tuple(dim for dim in range(weights.ndim) if dim != axis)
    is_used = np.asarray(weights.any(axis=others))
    if is_used.any():
        scale = np.where(is_used, scale, scale[is_used].min())
    return scale


def _least_result_scale(weights: IntegerWeights, bias: Values, input_scale: float) -> float:
    """Return the scale of a result below which kernels overflow, such as for channels always 0."""
    others = tuple(dim for dim in range(weights.values.ndim) if dim != weights.axis)
    used = weights.scale[weights.values.any(axis=others)]
    product = float(used.max(initial=0)) * input_scale
    return max(product / MOST_RATIO, float(np.abs(bias).max(initial=0)) / MOST_BIAS)


def _bias(operator: Operator, real: Values, scale: Values, dtype: str) -> Tensor:
    kind, name = (np.int32, "INT32") if dtype == "INT8" else (np.int64, "INT64")
    values = np.rint(real.astype(np.float64) / scale).astype(kind)
    quantization = Quantization(scale.astype(np.float32), np.zeros(scale.size, np.int64))
    label = f"{operator.outputs[0].name}/bias"
    return Tensor(label, values.shape, name, Buffer.of(values), quantization)


def _elementwise(operator: Operator, builder: IntegerBuilder, dtype: str) -> None:
    operands = [None if t is None else builder.form(t, dtype) for t in operator.inputs]
    _append(operator, builder, operands, builder.new(operator.outputs[0], dtype), dtype)


def _reduction(operator: Operator, builder: IntegerBuilder, dtype: str) -> None:
    source, axes = operator.inputs
    assert source is not None
    result = builder.new(operator.outputs[0], dtype)
    _append(operator, builder, [builder.form(source, dtype), axes], result, dtype)


def _same_scale(operator: Operator, builder: IntegerBuilder, dtype: str) -> None:
    """Shuffle values: result and source share type and parameters, whatever was asked for."""
    place = _DATA_INPUT.get(operator.kind, 0)
    source = operator.inputs[place]
    assert source is not None
    taken = builder.form(source, dtype) if source.is_constant else builder.home(source)
    for output in operator.outputs:
        builder.new(output, taken.dtype, taken.quantization)
    results = [builder.homes[output] for output in operator.outputs]
    others = operator.inputs[place + 1 :]
    builder.made[operator] = _copy(operator, [*operator.inputs[:place], taken, *others], results)
    builder.add(builder.made[operator])
    rest = builder.rests.get(source)
    if rest is not None and operator.kind in _SHUFFLES:
        moved = Tensor(f"{results[0].name}/rest", results[0].shape, rest.dtype)
        moved.quantization = rest.quantization
        builder.add(_copy(operator, [rest, *operator.inputs[1:]], [moved]))
        builder.rests[operator.outputs[0]] = moved


def _average(operator: Operator, builder: IntegerBuilder, dtype: str) -> None:
    """Average; one channel of INT16 by CONV_2D, since Qualcomm's compiler refuses to pool those."""
    source, how = operator.inputs[0], operator.options
    assert source is not None
    taken = builder.home(source)
    if taken.dtype != "INT16" or taken.shape[-1] != 1 or how.padding != _VALID:
        _same_scale(operator, builder, dtype)
        return
    layer = new_operator(
        "CONV_2D",
        [],
        [builder.new(operator.outputs[0], "INT16", taken.quantization)],
        padding=_VALID,
        strideH=how.strideH,
        strideW=how.strideW,
        dilationHFactor=1,
        dilationWFactor=1,
        fusedActivationFunction=how.fusedActivationFunction,
    )
    _append_shares(operator, builder, layer, taken, (1, how.filterHeight, how.filterWidth, 1))


def _mean(operator: Operator, builder: IntegerBuilder, dtype: str) -> None:
    """Take means; those of rows as a layer, since Qualcomm's NPU gets some of them wrong."""
    source, axes = operator.inputs
    assert source is not None
    assert axes is not None
    result, axis = operator.outputs[0], constant_values(axes)
    is_last = axis is not None and [*axis.flat] in ([1], [-1])
    if not is_last or not source.rank == result.rank == 2 or source.shape[1] > _MOST_SHARES:
        _reduction(operator, builder, dtype)
        return
    layer = new_operator(
        "FULLY_CONNECTED",
        [],
        [builder.new(result, dtype)],
        fusedActivationFunction=NO_ACTIVATION,
    )
    _append_shares(operator, builder, layer, builder.form(source, dtype), (1, source.shape[1]))


def _append_shares(
    operator: Operator,
    builder: IntegerBuilder,
    layer: Operator,
    taken: Tensor,
    shape: tuple[int, ...],
) -> None:
    """Append a layer whose weights are all the same, and exact: 127 steps of 1 / (127 n)."""
    shares = np.full(shape, 1 / math.prod(shape), np.float32)
    scale = symmetric_scale(shares, 0)
    stored = integer_constant(f"{layer.outputs[0].name}/shares", round_to_nearest(shares, 0, scale))
    bias = _bias(operator, np.zeros(1, np.float32), scale_of(taken) * scale, taken.dtype)
    layer.inputs[:] = [taken, stored, bias]
    if taken.dtype == "INT16":
        layer.options.quantizedBiasType = _INT64
    builder.made[operator] = layer
    builder.add(layer)


def _root(operator: Operator, builder: IntegerBuilder, dtype: str) -> None:
    """Take 1 / sqrt of what is at least one step above 0, as the kernel requires."""
    source = operator.inputs[0]
    assert source is not None
    taken = builder.form(source, dtype)
    safe = Tensor(f"{source.name}/positive", taken.shape, dtype, quantization=taken.quantization)
    kind = np.int16 if dtype == "INT16" else np.int8
    assert taken.quantization is not None
    step = np.full((1,) * taken.rank, int(taken.quantization.zero_point[0]) + 1, kind)
    floor = Tensor("step", step.shape, dtype, Buffer.of(step), taken.quantization)
    builder.add(new_operator("MAXIMUM", [taken, floor], [safe]))
    _append(operator, builder, [safe], builder.new(operator.outputs[0], dtype), dtype)


def _absolute(operator: Operator, builder: IntegerBuilder, dtype: str) -> None:
    """Take magnitudes; of INT16 as max(x, -x), since Qualcomm's compiler refuses ABS of those."""
    if dtype == "INT8":
        _elementwise(operator, builder, dtype)
        return
    source = operator.inputs[0]
    assert source is not None
    taken = builder.form(source, dtype)
    negative = tensor_like(taken, f"{source.name}/negative", taken.shape)
    one = np.full((1,) * taken.rank, -1, np.int16)
    minus = Tensor("minus", one.shape, dtype, Buffer.of(one), per_tensor(1.0, 0))
    builder.add(new_arithmetic("MUL", taken, minus, negative))
    result = builder.new(operator.outputs[0], dtype, taken.quantization)
    builder.made[operator] = new_operator("MAXIMUM", [taken, negative], [result])
    builder.add(builder.made[operator])


def _maximum(operator: Operator, builder: IntegerBuilder, dtype: str) -> None:
    source = operator.inputs[0]
    assert source is not None
    builder.maximum_of[operator.outputs[0]] = source
    _same_scale(operator, builder, dtype)


def _difference(operator: Operator, builder: IntegerBuilder, dtype: str) -> None:
    """Subtract; what lies below its maximum is exact in the scale that both have."""
    source, other = operator.inputs
    assert source is not None
    assert other is not None
    if dtype == "INT8" and builder.maximum_of.get(other) is source:
        scale = scale_of(builder.home(source))
        result = builder.new(operator.outputs[0], "INT8", per_tensor(scale, 127))
        operands = [builder.home(source), builder.home(other)]
        _append(operator, builder, operands, result, "INT8")
    else:
        _elementwise(operator, builder, dtype)


def _fixed(scale8: float, zero8: int) -> Callable[[Operator, IntegerBuilder, str], None]:
    def handle(operator: Operator, builder: IntegerBuilder, dtype: str) -> None:
        source = operator.inputs[0]
        assert source is not None
        chosen = per_tensor(scale8, zero8) if dtype == "INT8" else per_tensor(1 / 32768, 0)
        result = builder.new(operator.outputs[0], dtype, chosen)
        _append(operator, builder, [builder.form(source, dtype)], result, dtype)

    return handle


def _matmul(operator: Operator, builder: IntegerBuilder, dtype: str) -> None:
    left, right = operator.inputs
    assert left is not None
    assert right is not None
    operands = [builder.form(left, dtype), builder.form(right, dtype)]
    _append(operator, builder, operands, builder.new(operator.outputs[0], dtype), dtype)


def _unified(operator: Operator, builder: IntegerBuilder, dtype: str) -> None:
    """Operators whose operands and result must share parameters."""
    output = operator.outputs[0]
    shared = builder.quantization(output, dtype)
    operands = []
    for tensor in operator.inputs:
        assert tensor is not None
        operands.append(_in_scale(builder, tensor, dtype, shared))
    result = builder.new(output, dtype, shared)
    _append(operator, builder, operands, result, dtype)


def _padded(operator: Operator, builder: IntegerBuilder, dtype: str) -> None:
    """Pad with a value in the source's own scale, or with the end of its range beyond that."""
    source, sizes, value = operator.inputs
    assert source is not None
    assert value is not None
    taken = builder.home(source)
    assert taken.quantization is not None
    stored = _in_scale(builder, value, taken.dtype, taken.quantization)
    result = builder.new(operator.outputs[0], taken.dtype, taken.quantization)
    _append(operator, builder, [taken, sizes, stored], result, dtype)


def _chosen(operator: Operator, builder: IntegerBuilder, dtype: str) -> None:
    """Choose between values in one scale."""
    condition, *values = operator.inputs
    assert condition is not None
    shared = builder.quantization(operator.outputs[0], dtype)
    operands = [_in_scale(builder, t, dtype, shared) for t in values if t is not None]
    result = builder.new(operator.outputs[0], dtype, shared)
    _append(operator, builder, [builder.real(condition), *operands], result, dtype)


def _place_of_largest(operator: Operator, builder: IntegerBuilder, dtype: str) -> None:
    source, axis = operator.inputs
    assert source is not None
    builder.floats.update(operator.outputs)
    _append(operator, builder, [builder.home(source), axis], operator.outputs[0], dtype)


def _in_scale(builder: IntegerBuilder, tensor: Tensor, dtype: str, shared: Quantization) -> Tensor:
    name = f"{tensor.name}/shared"
    if tensor.is_constant:
        real = constant_values(tensor)  # may be infinite: it is cut off
        if real is None or np.isnan(real).any():
            raise ModelError(f"constant {tensor.name!r} has values that are no numbers; mend it")
        values = real.astype(np.float64) / float(shared.scale[0])
        low, high = (-128, 127) if dtype == "INT8" else (-32768, 32767)
        kind = np.int8 if dtype == "INT8" else np.int16
        stored = (np.rint(values) + int(shared.zero_point[0])).clip(low, high).astype(kind)
        return Tensor(name, tensor.shape, dtype, Buffer.of(stored), shared)
    home = builder.home(tensor)
    own = home.quantization
    assert own is not None
    if (
        home.dtype == dtype
        and (own.scale == shared.scale).all()
        and (own.zero_point == shared.zero_point).all()
    ):
        return home
    result = Tensor(name, tensor.shape, dtype, quantization=shared)
    builder.add(new_quantize(home, result))
    return result


def _append(
    operator: Operator,
    builder: IntegerBuilder,
    inputs: Sequence[Tensor | None],
    result: Tensor,
    dtype: str,
) -> None:
    builder.made[operator] = _copy(operator, inputs, [result])
    builder.add(builder.made[operator])


def _copy(operator: Operator, inputs: Sequence[Tensor | None], outputs: list[Tensor]) -> Operator:
    options = copy.copy(operator.options)
    if operator.kind in ("ADD", "SUB"):
        options.potScaleInt16 = False
    is_wide = any(one is not None and one.dtype == "INT16" for one in inputs)
    if operator.kind in ("FULLY_CONNECTED", "CONV_2D", "TRANSPOSE_CONV") and is_wide:
        options.quantizedBiasType = _INT64
    return Operator(operator.kind, [*inputs], outputs, options=options)


FORMS: dict[str, Callable[[Operator, IntegerBuilder, str], None]] = {
    **dict.fromkeys(CHANNEL_AXES, _layer),
    **dict.fromkeys(
        (
            *("ADD", "MUL", "GELU", "ELU", "EXP", "LOG", "HARD_SWISH", "LEAKY_RELU", "PRELU"),
            *("RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1"),
        ),
        _elementwise,
    ),
    "MEAN": _mean,
    "SUM": _reduction,
    **dict.fromkeys(
        (
            *_SHUFFLES,
            *("PAD", "MIRROR_PAD", "SLICE", "STRIDED_SLICE", "GATHER", "GATHER_ND"),
            *("MAX_POOL_2D", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"),
            *("BROADCAST_TO", "TILE", "REVERSE_V2", "SPLIT", "SPLIT_V", "UNPACK"),
            *("DEPTH_TO_SPACE", "SPACE_TO_DEPTH", "SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND"),
            "REDUCE_MIN",
        ),
        _same_scale,
    ),
    **dict.fromkeys(("MAXIMUM", "MINIMUM", "CONCATENATION", "PACK"), _unified),
    **dict.fromkeys(("SELECT", "SELECT_V2"), _chosen),
    "PADV2": _padded,
    "ARG_MAX": _place_of_largest,
    "ABS": _absolute,
    "AVERAGE_POOL_2D": _average,
    "BATCH_MATMUL": _matmul,
    "RSQRT": _root,
    "REDUCE_MAX": _maximum,
    "SUB": _difference,
    "SOFTMAX": _fixed(1 / 256, -128),
    "LOG_SOFTMAX": _fixed(16 / 256, 127),
    "LOGISTIC": _fixed(1 / 256, -128),
    "TANH": _fixed(1 / 128, 0),
    "L2_NORMALIZATION": _fixed(1 / 128, 0),
}
