"""INT8 weights, activations quantized while running: the recipe ``dynamic-int8``.

What the stock recipe of a quantizer does, and three things that it does not:

- A constant that is not a layer's weight stays float (as FLOAT16 in the file). The stock recipe
  turns constants on the left of BATCH_MATMUL into INT8 too, which LiteRT's kernel refuses.
- A layer that reads a picture gets two INT8 terms: W = W1 + W2, where W2 is what rounding W1
  left over. Such a layer cancels the picture, which is large, to leave the watermark, which is
  one or two grey levels; one INT8 term is too coarse for that and two are as good as float, at
  half its size and on integer kernels.
- A dominant diagonal is taken out of a layer first (:mod:`edgeseal.quantize._diagonal`).
"""

from __future__ import annotations

import copy

import numpy as np
from numpy.typing import NDArray

from edgeseal.errors import ModelError
from edgeseal.graph import Buffer, Model, Operator, Subgraph, Tensor, new_operator
from edgeseal.quantize._diagonal import split_dominant_diagonals
from edgeseal.quantize._layers import (
    WEIGHTS_INPUT,
    WeightedLayer,
    add_missing_options,
    input_layers,
    weighted_layers,
)
from edgeseal.quantize._terms import add_term, float_constant
from edgeseal.quantize._weights import constant, integer_constant, round_to_nearest

__all__ = ["quantize_dynamic_int8"]

# Operators whose float constants are stored as FLOAT16, and the size from which that pays.
_HALVED_OPERATORS = ("ADD", "BATCH_MATMUL", "MUL", "SUB")
_HALVED_MIN_BYTES = 4096
_HALVED_TOLERANCE = 1e-3
_HALVED_VERSION = 3  # of DEQUANTIZE: the first that takes FLOAT16
_NO_ACTIVATION = 0
_BIAS_INPUT = 2


def quantize_dynamic_int8(model: Model) -> None:
    """Quantize a float model in place; see the module for what that does.

    Raises:
        ModelError: the model has no layer with constant float weights.
    """
    if not any(True for subgraph in model.subgraphs for _ in weighted_layers(subgraph)):
        raise ModelError("has nothing to quantize: no layer has constant float32 weights")
    for subgraph in model.subgraphs:
        add_missing_options(subgraph)
        diagonals = split_dominant_diagonals(subgraph)
        for layer in input_layers(subgraph) if subgraph is model.main else []:
            if id(layer.weights) not in diagonals:
                _add_second_term(subgraph, layer)
        layers = [
            layer for layer in weighted_layers(subgraph) if id(layer.weights) not in diagonals
        ]
        _round_weights(layers)
        _halve_constants(subgraph)


def _round_weights(layers: list[WeightedLayer]) -> None:
    """Give each layer INT8 weights; whatever else reads the float ones keeps them."""
    rounded: dict[tuple[int, int], Tensor] = {}
    for layer in layers:
        key = (id(layer.weights), layer.axis)
        if key not in rounded:
            values = round_to_nearest(constant(layer.weights), layer.axis)
            rounded[key] = integer_constant(layer.weights.name, values)
        layer.operator.inputs[WEIGHTS_INPUT] = rounded[key]


def _add_second_term(subgraph: Subgraph, layer: WeightedLayer) -> None:
    """Add to a layer a twin that applies what INT8 rounding will cut off its weights."""
    operator, weights = layer.operator, constant(layer.weights)
    rest = weights - round_to_nearest(weights, layer.axis).dequantized()
    result = operator.outputs[0]
    operands = [operator.inputs[0], float_constant(f"{layer.weights.name}/rest", rest)]
    if len(operator.inputs) > _BIAS_INPUT and operator.inputs[_BIAS_INPUT] is not None:
        bias = np.zeros(weights.shape[layer.axis], np.float32)
        operands.append(float_constant(f"{layer.weights.name}/no_bias", bias))
    twin = Operator(
        kind=operator.kind,
        inputs=operands,
        outputs=[Tensor(f"{result.name}/rest", result.shape, result.dtype)],
        version=operator.version,
        options=copy.copy(operator.options),
    )
    twin.options.fusedActivationFunction = _NO_ACTIVATION
    add_term(subgraph, operator, twin)


def _halve_constants(subgraph: Subgraph) -> None:
    """Store the larger float operands of plain arithmetic as FLOAT16.

    The runtime widens them once, when it prepares the model.
    """
    widened: dict[int, Tensor] = {}
    for operator in list(subgraph.operators):
        if operator.kind not in _HALVED_OPERATORS or operator.is_custom:
            continue
        for position, tensor in enumerate(operator.inputs):
            if tensor is None or tensor.dtype != "FLOAT32" or tensor.size_bytes < _HALVED_MIN_BYTES:
                continue
            values = constant(tensor)
            with np.errstate(over="ignore"):  # judged by the comparison
                half = values.astype(np.float16)
            negligible = 1e-3 * _HALVED_TOLERANCE * np.abs(values).max()
            if not np.allclose(half, values, rtol=_HALVED_TOLERANCE, atol=negligible):
                continue  # such as a mask of -1e9, or factors too small for half precision
            if id(tensor) not in widened:
                widened[id(tensor)] = _widened(subgraph, operator, tensor, half)
            operator.inputs[position] = widened[id(tensor)]


def _widened(
    subgraph: Subgraph, reader: Operator, tensor: Tensor, half: NDArray[np.float16]
) -> Tensor:
    """Return the result of a DEQUANTIZE, put before ``reader``, of ``tensor`` as FLOAT16."""
    stored = Tensor(f"{tensor.name}/float16", tensor.shape, "FLOAT16", Buffer.of(half))
    result = Tensor(tensor.name, tensor.shape, "FLOAT32")
    widen = new_operator("DEQUANTIZE", [stored], [result], version=_HALVED_VERSION)
    subgraph.insert_before(reader, widen)
    return result
