"""Gives the layer that reads a picture back what rounding cut off its weights.

A detector's first layer cancels the picture, which is large, to leave the watermark, which is
one or two grey levels; INT8 is too coarse for that. The float companion has the weights W, the
quantized model their rounded form W1; the same layer with W2 = W - W1 in INT8, added to the first,
keeps integer kernels at twice that layer's size.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.graph import (
    NO_ACTIVATION,
    Model,
    Operator,
    Subgraph,
    Tensor,
    float32_constant,
    new_arithmetic,
)
from edgeseal.tflite.metrics import nmse
from edgeseal.tflite.probe import is_quantized
from edgeseal.tflite.repairs.mend._typed_edges import real_values, stored, symmetric
from edgeseal.tflite.rewrites import ModelChange, ModelRewrite, Proof

__all__ = ["restore_rest"]

_LAYERS = ("CONV_2D", "FULLY_CONNECTED")  # output channels come first in their weights
_SAME_WEIGHTS_NMSE = 0.01  # more than INT8 rounding can explain: not the same layer
_WEIGHTS, _BIAS = 1, 2


def restore_rest(companion: Model) -> ModelRewrite:
    """Return what adds a second term to INT8 layers that read a picture and compute on floats.

    Args:
        companion: the float model they came from; layers are matched by their results' names.
    """
    floats = {t.name: operator for operator in companion.main.operators for t in operator.outputs}
    return ModelRewrite(
        "rounding-rest",
        "layers that read a picture given what rounding cut off their weights",
        Proof.MEASURED,
        functools.partial(_restore_rest, floats=floats),
    )


def _restore_rest(model: Model, floats: Mapping[str, Operator]) -> Iterator[ModelChange]:
    names = []
    for operator in list(_picture_layers(model.main)):
        result = operator.outputs[0]
        rest = _rest(operator, floats.get(result.name))
        if rest is not None:
            _add_term(model.main, operator, rest)
            names.append(result.name)
    if names:
        text = f"{len(names)} layers that read a picture given what rounding cut off their weights"
        yield ModelChange(text, len(names), tuple(names))


def _picture_layers(subgraph: Subgraph) -> Iterator[Operator]:
    """Iterate over layers before which there is no other layer."""
    picture = {tensor for tensor in subgraph.inputs if tensor.rank == 4}
    for operator in subgraph.operators:
        if operator.inputs and operator.inputs[0] in picture:
            if operator.kind in _LAYERS:
                yield operator
            else:
                picture.update(operator.outputs)


def _rest(operator: Operator, twin: Operator | None) -> NDArray[np.float32] | None:
    """Return what rounding cut off the weights, or None where that is not known."""
    weights = operator.inputs[_WEIGHTS]
    wanted = None if twin is None or twin.kind != operator.kind else twin.inputs[_WEIGHTS]
    if weights is None or wanted is None or operator.outputs[0].dtype != "FLOAT32":
        return None
    if weights.dtype != "INT8" or not is_quantized(weights) or wanted.dtype != "FLOAT32":
        return None
    rounded, exact = real_values(weights), real_values(wanted)
    if rounded is None or exact is None or rounded.shape != exact.shape:
        return None
    error = nmse(rounded, exact)
    return exact - rounded if error is not None and 0 < error < _SAME_WEIGHTS_NMSE else None


def _add_term(subgraph: Subgraph, operator: Operator, rest: NDArray[np.float32]) -> None:
    """Let the operator's result become its own plus that of a twin with other weights."""
    result = operator.outputs[0]
    own, other = (
        Tensor(f"{result.name}/{part}", result.shape, result.dtype) for part in ("own", "rest")
    )
    name = f"{result.name}/rest_weights"
    inputs = [operator.inputs[0], stored(name, rest, "INT8", symmetric(rest, "INT8", 0))]
    if len(operator.inputs) > _BIAS and operator.inputs[_BIAS] is not None:
        inputs.append(float32_constant("no_bias", np.zeros(rest.shape[0], np.float32)))
    activation = getattr(operator.options, "fusedActivationFunction", NO_ACTIVATION)
    if activation != NO_ACTIVATION:  # it belongs to the sum
        operator.options = copy.copy(operator.options)
        operator.options.fusedActivationFunction = NO_ACTIVATION
    operator.outputs = [own]
    twin = dataclasses.replace(
        operator, inputs=inputs, outputs=[other], options=copy.copy(operator.options)
    )
    total = new_arithmetic("ADD", own, other, result, activation=activation)
    subgraph.insert_after(operator, twin, total)
