"""Float rewrites that make a graph fit for integers; the same function but for rounding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from edgeseal.tflite.calibration import TensorStatistics
from edgeseal.tflite.graph import (
    NO_ACTIVATION,
    Model,
    Operator,
    Subgraph,
    Tensor,
)
from edgeseal.tflite.quantization._weighted_layers import add_missing_options, input_layers
from edgeseal.tflite.quantization.integer._integer_builder import Span
from edgeseal.tflite.quantization.integer._masks import saturate_masks
from edgeseal.tflite.quantization.integer._means import flatten_means
from edgeseal.tflite.quantization.integer._norms import rewrite_norms
from edgeseal.tflite.quantization.integer._picture_layers import split_input_layer
from edgeseal.tflite.quantization.integer._roots import rewrite_roots
from edgeseal.tflite.quantization.integer._simpler import fuse_activations, simplify
from edgeseal.tflite.quantization.integer._softmax import rewrite_softmaxes
from edgeseal.tflite.rewrites import lean

__all__ = ["Observe", "Prepared", "prepare"]

Observe = Callable[[Model, Sequence[Tensor]], dict[Tensor, TensorStatistics]]
"""Runs a float model on calibration data and returns statistics of tensors."""

_LARGEST_SPLIT = 2**19  # values of a first layer's result; INT16 arithmetic on more is too slow
_SMALLEST_RANGE = 1e-6


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is to be known of a float graph that is to become an integer one.

    Attributes:
        narrow: operators that INT8 is enough for, though they lead to or follow a root.
        spans: tensors whose values that count are those of another.
        ranges: of tensors that have one whatever the picture.
        sources: what norms read.
    """

    narrow: set[Operator] = field(default_factory=set)
    spans: dict[Tensor, Tensor] = field(default_factory=dict)
    ranges: dict[Tensor, Span] = field(default_factory=dict)
    sources: list[Tensor] = field(default_factory=list)


def prepare(model: Model, observe: Observe, *, all_wide: bool = False) -> Prepared:
    """Rewrite a float model in place.

    Args:
        model: the float model.
        observe: runs it as it is by then.
        all_wide: whether it is to be INT16 throughout.
    """
    lean(model)
    add_missing_options(model.main)
    simplify(model.main)
    ranges = saturate_masks(model, observe)
    _split_inputs(model, observe)
    fuse_activations(model.main)
    narrow: set[Operator] = set()
    if not all_wide:  # SOFTMAX gives INT16 in steps that are fine enough
        narrow, known = rewrite_softmaxes(model.main)
        ranges |= known
    norms = rewrite_norms(model.main, all_wide=all_wide)
    narrow |= norms.narrow | rewrite_roots(model.main)
    flatten_means(model.main)
    model.main.remove_unread()
    return Prepared(narrow | _narrow(model.main), norms.spans, ranges, norms.sources)


def _split_inputs(model: Model, observe: Observe) -> None:
    layers = [
        layer
        for layer in input_layers(model.main)
        if layer.operator.kind in ("CONV_2D", "FULLY_CONNECTED")
        and int(np.prod(layer.operator.outputs[0].shape)) <= _LARGEST_SPLIT
        # the terms of one with an activation reach beyond what it lets through, and so beyond INT16
        and layer.operator.options.fusedActivationFunction == NO_ACTIVATION
    ]
    seen = observe(model, [layer.operator.outputs[0] for layer in layers]) if layers else {}
    for layer in layers:
        statistics = seen[layer.operator.outputs[0]]
        low, high = statistics.channel_low, statistics.channel_high
        if low is not None and high is not None:
            largest = np.maximum(np.maximum(-low, high), _SMALLEST_RANGE)
            split_input_layer(model.main, layer, largest.astype(np.float32))


def _narrow(subgraph: Subgraph) -> set[Operator]:
    """Find sums of depthwise parts, and products of a matrix with one factor per column."""
    makers = subgraph.producers()
    found: set[Operator] = set()
    for operator in subgraph.operators:
        operands = [tensor for tensor in operator.inputs if tensor is not None]
        sources = [makers.get(tensor) for tensor in operands]
        if operator.kind == "ADD" and all(
            source is not None and (source.kind == "DEPTHWISE_CONV_2D" or source in found)
            for source in sources
        ):
            found.add(operator)
        elif operator.kind == "MUL" and len(operands) == 2 and None not in sources:
            rows = [tensor.shape[0] if tensor.rank == 2 else 0 for tensor in operands]
            if min(rows) == 1 < max(rows):
                found.add(operator)
    return found
