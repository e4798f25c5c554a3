"""The stages of quantization, in their order.

A stage is a function of the shared :class:`Work`: it reads the recipe and the
plan, changes the graph, and tells the plan of operators that it adds. One that the recipe does not
ask for returns at once. Those of the first group keep the function of the float model exactly, so
that whatever is measured between them and the next group (activation ranges, second moments) holds
for the layers that will be rounded.

To add one: write a module named after it with one public function, put that function in its place
below, and, if it can be switched, give :class:`Methods` a field whose default
switches it off; the type of the default decides what the JSON may say.
"""

from __future__ import annotations

from collections.abc import Callable

from edgeseal.tflite.quantization._input_doubts import doubt_input_range
from edgeseal.tflite.quantization._observed_ranges import observe_activations
from edgeseal.tflite.quantization._weighted_layers import add_missing_options
from edgeseal.tflite.quantization._work import Work
from edgeseal.tflite.quantization.integer import bound_masks, make_integer_graph
from edgeseal.tflite.quantization.rewrite._diagonal import split_diagonals
from edgeseal.tflite.quantization.rewrite._equalize import equalize_channels
from edgeseal.tflite.quantization.rewrite._fast_floats import keep_fast_floats
from edgeseal.tflite.quantization.rewrite._fixed_layers import fix_layer_ranges
from edgeseal.tflite.quantization.rewrite._input_terms import add_input_terms
from edgeseal.tflite.quantization.weights._bias import correct_biases
from edgeseal.tflite.quantization.weights._float16_constants import halve_constants
from edgeseal.tflite.quantization.weights._round import round_weights

__all__ = ["STAGES", "Stage"]

Stage = Callable[[Work], None]


def _write_options(work: Work) -> None:
    for subgraph in work.model.subgraphs:
        add_missing_options(subgraph)


def _bound_masks(work: Work) -> None:
    if work.calibration is not None:  # which takes no values that are not finite
        bound_masks(work.model)


STAGES: tuple[Stage, ...] = (
    _write_options,
    _bound_masks,
    doubt_input_range,
    keep_fast_floats,
    # 1. Exact rewrites of the float graph. The splits look at the weights that equalization leaves.
    equalize_channels,
    split_diagonals,
    # Recipes that fix the ranges of every operator are done after this one.
    make_integer_graph,
    add_input_terms,
    observe_activations,
    # 2. Weights: from here on layers have the weights of their precision, behind a DEQUANTIZE
    #    where they compute in float.
    round_weights,
    correct_biases,
    # 3. Activations with fixed scales: layers with integer weights whose precision is static get
    #    quantized inputs, results and biases.
    fix_layer_ranges,
    # 4. What is left.
    halve_constants,
)
