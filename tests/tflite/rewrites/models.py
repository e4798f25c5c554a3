"""Models of one operator that a rewrite makes lean."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeseal.tflite.graph import Model, new_dequantize, new_operator
from graphs import constant, model_of, value

NONE, RELU = 0, 1
REFLECT, SYMMETRIC = 0, 1
SAME, VALID = 0, 1


def mirror_pad_model(shape: tuple[int, ...], paddings: list[list[int]], mode: int) -> Model:
    padded = [size + sum(pair) for size, pair in zip(shape, paddings, strict=True)]
    x, y = value("x", shape), value("y", padded)
    pad = new_operator("MIRROR_PAD", [x, constant("paddings", paddings)], [y], mode=mode)
    return model_of([x], [y], [pad])


def depthwise_model(kernel: tuple[int, int], *, activation: int = NONE, **changed: int) -> Model:
    channels = 4
    options = {
        "padding": SAME,
        "strideH": 1,
        "strideW": 1,
        "dilationHFactor": 1,
        "dilationWFactor": 1,
        "depthMultiplier": 1,
        "fusedActivationFunction": activation,
    } | changed
    rng = np.random.default_rng(1)
    weights = rng.normal(size=(1, *kernel, channels)).astype(np.float32)
    side = 12 // options["strideH"]
    if options["padding"] == VALID:
        side = 12 - kernel[0] + 1
    x, y = value("x", (1, 12, 12, channels)), value("y", (1, side, side, channels))
    bias = rng.normal(size=channels).astype(np.float32)
    operands = [x, constant("w", weights), constant("b", bias)]
    return model_of([x], [y], [new_operator("DEPTHWISE_CONV_2D", operands, [y], **options)])


def patch_model(
    *,
    kernel: int = 16,
    channels: int = 3,
    stride: int = 16,
    batch: int = 2,
    activation: int = NONE,
) -> Model:
    rng = np.random.default_rng(2)
    weights = rng.normal(size=(6, kernel, kernel, channels)).astype(np.float32)
    x, y = value("x", (batch, 32, 48, channels)), value("y", (batch, 32 // stride, 48 // stride, 6))
    operands = [x, constant("w", weights), constant("b", rng.normal(size=6).astype(np.float32))]
    conv = new_operator(
        "CONV_2D",
        operands,
        [y],
        padding=SAME,
        strideH=stride,
        strideW=stride,
        dilationHFactor=1,
        dilationWFactor=1,
        fusedActivationFunction=activation,
    )
    return model_of([x], [y], [conv])


def tall_convolution(channels: int = 1024, taps: int = 3, *, weights: str = "FLOAT32") -> Model:
    """A CONV_2D with RELU; weights plain, with INT8 scales per channel, or unpacked FLOAT16."""
    rng, side, results = np.random.default_rng(1), 4, 8
    x = value("x", (1, side, side, channels))
    y = value("y", (1, side - taps + 1, side - taps + 1, results))
    shape = (results, taps, taps, channels)
    before = []
    if weights == "INT8":
        scales = np.linspace(1e-4, 2e-4, results, dtype=np.float32)
        w = constant("w", rng.integers(-127, 128, shape, np.int8), scales, axis=0)
    else:
        numbers = rng.normal(0, 0.01, shape).astype(np.float32)
        w = constant("w", numbers)
        if weights == "FLOAT16":
            packed, w = constant("half", numbers.astype(np.float16)), value("w", shape)
            before = [new_dequantize(packed, w)]
    bias = constant("b", np.linspace(-1, 1, results, dtype=np.float32))
    conv = new_operator(
        "CONV_2D",
        [x, w, bias],
        [y],
        padding=VALID,
        strideH=1,
        strideW=1,
        dilationHFactor=1,
        dilationWFactor=1,
        fusedActivationFunction=RELU,
    )
    return model_of([x], [y], [*before, conv])


def fully_connected_model(
    rows: tuple[int, ...],
    *,
    bias: bool,
    activation: int = NONE,
    is_constant: bool = False,
    keep_dims: bool = True,
) -> Model:
    """y = activation(x @ w.T + bias), whose weights are an input of the model or constant."""
    rng = np.random.default_rng(2)
    weights = rng.normal(size=(5, 8)).astype(np.float32)
    shape = (*rows, 5) if keep_dims else (int(np.prod(rows)), 5)
    x, y = value("x", (*rows, 8)), value("y", shape)
    w = constant("w", weights) if is_constant else value("w", weights.shape)
    b = constant("b", rng.normal(size=5).astype(np.float32)) if bias else None
    layer = new_operator(
        "FULLY_CONNECTED",
        [x, w, b],
        [y],
        fusedActivationFunction=activation,
        keepNumDims=keep_dims,
        weightsFormat=0,
    )
    return model_of([x] if is_constant else [x, w], [y], [layer])


def concatenation_model(shapes: Sequence[tuple[int, ...]], axis: int) -> Model:
    shape = list(shapes[0])
    shape[axis] = sum(one[axis] for one in shapes)
    parts, y = [value(f"x{i}", one) for i, one in enumerate(shapes)], value("y", shape)
    join = new_operator("CONCATENATION", parts, [y], axis=axis, fusedActivationFunction=NONE)
    return model_of(parts, [y], [join])
