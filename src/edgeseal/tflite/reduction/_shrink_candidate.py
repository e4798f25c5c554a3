"""Makes a candidate smaller without dropping operators: its outputs, inputs and weights."""

from __future__ import annotations

import dataclasses

import numpy as np

from edgeseal.tflite.graph import Buffer, Model, Tensor
from edgeseal.tflite.probe import numpy_type
from edgeseal.tflite.reduction._candidate_search import Search
from edgeseal.tflite.reduction._cut_candidate import drawn_inputs
from edgeseal.tflite.reduction._delta_debugging import minimize
from edgeseal.tflite.reduction._fills import FILLS

__all__ = ["blank_weights", "drop_outputs", "settle_inputs", "weight_bytes"]

_NEVER_BLANKED = ("STRING", "BOOL", "RESOURCE", "VARIANT")
_SIZES = ("INT32", "INT64")  # shapes, axes and indices, unless they are quantized


def drop_outputs(search: Search) -> None:
    """Drop the outputs that are not needed; the operators that write them stay."""
    present = list(range(len(search.model().main.outputs)))
    if len(present) < 2:
        return

    def shows(kept: list[int]) -> bool:
        model = search.model()  # has the outputs that are still present
        by_place = dict(zip(present, model.main.outputs, strict=True))
        model.main.outputs = [by_place[place] for place in kept]
        is_shown = search.shows_changed(model, f"{len(kept)} outputs")
        if is_shown:
            present[:] = kept
        return is_shown

    minimize(tuple(present), shows)


def settle_inputs(search: Search) -> None:
    """Give every input values that can be written down: by an expression, or as they are."""
    best, model = search.best, search.model()
    for fill in FILLS:
        inputs = fill.inputs(model)
        candidate = dataclasses.replace(best, inputs=inputs or {}, fill=fill)
        if inputs is not None and search.shows(candidate, "simpler inputs"):
            return
    inputs = drawn_inputs(model, best.inputs)
    search.shows(dataclasses.replace(best, inputs=inputs), "the same inputs")


def weight_bytes(model: Model) -> int:
    """Return the size of weights, and of the options of custom operators."""
    options = (operator.custom_options for operator in model.operators())
    return sum(t.size_bytes for t in _weights(model)) + sum(
        o.size for o in options if o is not None
    )


def blank_weights(search: Search) -> int:
    """Replace weights by zeros, or by random numbers where zeros do not show it.

    Options of custom operators go too: accelerators keep compiled weights there.

    Returns:
        bytes of weights and such options that had to stay.
    """
    kept_bytes = _drop_custom_options(search)
    count = len(_weights(search.model()))
    if not count or _shows_blank(search, range(count), is_random=False):
        return kept_bytes
    for place in range(count):
        if not any(_shows_blank(search, [place], is_random=choice) for choice in (False, True)):
            kept_bytes += _weights(search.model())[place].size_bytes
    return kept_bytes


def _drop_custom_options(search: Search) -> int:
    model = search.model()
    custom = [operator for operator in model.operators() if operator.custom_options is not None]
    before = weight_bytes(model)
    for operator in custom:
        operator.custom_options = None
    if not custom or search.shows_changed(model, "no custom options"):
        return 0
    return before - weight_bytes(model)


def _shows_blank(search: Search, places: range | list[int], *, is_random: bool) -> bool:
    model = search.model()
    chosen = _weights(model)
    for place in places:
        chosen[place].buffer = _random(chosen[place]) if is_random else _zeros(chosen[place])
    return search.shows_changed(model, "random weights" if is_random else "weights of zero")


def _weights(model: Model) -> list[Tensor]:
    """Return the constants that are no shapes, axes or indices."""
    tensors = (tensor for subgraph in model.subgraphs for tensor in subgraph.tensors())
    return list(filter(_is_weight, tensors))


def _is_weight(tensor: Tensor) -> bool:
    is_size = tensor.dtype in _SIZES and tensor.quantization is None
    return tensor.size_bytes > 0 and not is_size and tensor.dtype not in _NEVER_BLANKED


def _zeros(tensor: Tensor) -> Buffer:
    return Buffer(np.zeros(tensor.size_bytes, np.uint8))


def _random(tensor: Tensor) -> Buffer:
    """Return numbers around zero; of the same count also where they are packed or compressed."""
    generator = np.random.default_rng(0)
    kind = numpy_type(tensor)
    if kind is None or not np.issubdtype(kind, np.inexact):
        return Buffer(generator.integers(0, 256, tensor.size_bytes, np.uint8))
    count = tensor.size_bytes // np.dtype(kind).itemsize
    return Buffer.of(generator.standard_normal(count).astype(kind))
