"""Every rewrite does what its proof says, on a model that shows what it is for."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator

import numpy as np
import pytest

import edgeseal.tflite.repairs
import edgeseal.tflite.rewrites
from docs.pages import ROOT
from edgeseal.tflite.graph import (
    Blockwise,
    Buffer,
    Model,
    Tensor,
    new_arithmetic,
    new_dequantize,
    new_matmul,
    new_operator,
)
from edgeseal.tflite.probe import Prober, draw
from edgeseal.tflite.repairs import FOR_DEVICES, MEND, TIDY, restore_rest
from edgeseal.tflite.repairs.mend._measure_candidate import Context, measure
from edgeseal.tflite.repairs.mend._seen_values import Observations
from edgeseal.tflite.rewrites import LEAN, OperatorRewrite, Proof, Rewrite, Site
from graphs import constant, model_of, run, value
from tflite.devices.models import added_matrix, quantized_exponential
from tflite.diagnosis.fixtures import FIXTURES
from tflite.rewrites.models import (
    REFLECT,
    concatenation_model,
    depthwise_model,
    fully_connected_model,
    mirror_pad_model,
    patch_model,
    tall_convolution,
)


def layer_with_float_bias() -> Model:
    x, y = value("x", (1, 8), "INT8", 0.02), value("y", (1, 4), "INT8", 0.1)
    weights = np.random.default_rng(0).integers(-127, 127, (4, 8), np.int8)
    bias = constant("b", np.ones(4, np.float32))
    operands = [x, constant("w", weights, scale=0.03), bias]
    layer = new_operator("FULLY_CONNECTED", operands, [y], fusedActivationFunction=0)
    return model_of([x], [y], [layer])


def shared_constant() -> Model:
    x, y = value("x", (1, 4, 8, 16)), value("y", (1, 4, 8, 24))
    weights = np.random.default_rng(0).normal(size=(24, 16)).astype(np.float32)
    return model_of([x], [y], [new_matmul(x, constant("w", weights), y, adj_y=True)])


def left_constant() -> Model:
    x, y = value("x", (1, 4, 16, 8)), value("y", (1, 4, 24, 8))
    weights = np.random.default_rng(0).normal(size=(1, 4, 24, 16)).astype(np.float32)
    return model_of([x], [y], [new_matmul(constant("w", weights), x, y)])


def table_of_channels() -> Model:
    steps = np.random.default_rng(0).integers(-127, 128, (4, 8), np.int8)
    table = constant("table", steps, np.linspace(0.01, 0.02, 8), axis=1)
    x, wide, y = (value(name, steps.shape) for name in ("x", "wide", "y"))
    return model_of([x], [y], [new_dequantize(table, wide), new_arithmetic("ADD", x, wide, y)])


def idle_maximum() -> Model:
    x, bounded, y = (value(name, (1, 4, 8)) for name in "xby")
    bound = constant("bound", np.float32(-np.inf))
    operators = [
        new_operator("MAXIMUM", [x, bound], [bounded]),
        new_operator("EXP", [bounded], [y]),
    ]
    return model_of([x], [y], operators)


def blocks_of_weights(*, with_zero_scale: bool) -> Model:
    """A layer with INT4 weights in blocks of 32, of which one has a scale of 0, or zeros."""
    rng = np.random.default_rng(0)
    values = rng.integers(-7, 8, (8, 64))
    scales = rng.uniform(0.01, 0.02, (8, 2)).astype(np.float16)
    if with_zero_scale:
        scales[3, 1] = 0
    else:
        values[3, 32:] = 0
    halves = (values & 0xF).astype(np.uint8).reshape(-1)
    x, y = value("x", (1, 64)), value("y", (1, 8))
    weights = Tensor("w", (8, 64), "INT4", Buffer.of(halves[0::2] | halves[1::2] << 4))
    weights.blockwise = Blockwise(constant("scales", scales), None, 32)
    layer = new_operator("FULLY_CONNECTED", [x, weights, None], [y], fusedActivationFunction=0)
    return model_of([x], [y], [layer])


MODELS: dict[str, Callable[[], Model]] = {
    "block-scales": lambda: blocks_of_weights(with_zero_scale=True),
    "idle-bounds": idle_maximum,
    "computed-weights": lambda: fully_connected_model((2, 3), bias=True),
    "patches": patch_model,
    "mirror-pads": lambda: mirror_pad_model(
        (1, 5, 6, 3), [[0, 0], [1, 1], [2, 1], [0, 0]], REFLECT
    ),
    "depthwise": lambda: depthwise_model((7, 7)),
    "wide-concatenations": lambda: concatenation_model([(2, 3, 1 + i % 3) for i in range(8)], 2),
    "rank": FIXTURES["ES022"].build,
    "broadcasts": FIXTURES["ES024"].build,
    "quantize-pairs": FIXTURES["ES025"].build,
    "dead-code": FIXTURES["ES026"].build,
    "versions": FIXTURES["ES030"].build,
    "pot-scale": FIXTURES["ES011"].build,
    "quantized-axis": FIXTURES["ES019"].build,
    "one-scale": FIXTURES["ES029"].build,
    "float-island": FIXTURES["ES013"].build,
    "off-zero": FIXTURES["ES012"].build,
    "exchanged-operands": FIXTURES["ES010"].build,
    "one-type": layer_with_float_bias,
    "lifted-ranks": added_matrix,
    "constant-right": left_constant,
    "plain-products": shared_constant,
    "single-scale": table_of_channels,
    "stored-floats": table_of_channels,
    "exponential": quantized_exponential,
    "tall-weights": tall_convolution,
}
"""For each rewrite a model that shows what it is for; those of ``MEND`` do not run or run wrong."""

FOR_DEVICE = [rewrite for rewrite in FOR_DEVICES if rewrite.proof is not Proof.MEASURED]
MEANT = {"block-scales": lambda: blocks_of_weights(with_zero_scale=False)}
"""For models that do not run before: one that does, and computes what they mean."""

KEEPING = [*LEAN, *TIDY, *FOR_DEVICE]
MENDING = [rewrite for tier in MEND for rewrite in tier]
MENDING += [rewrite for rewrite in FOR_DEVICES if rewrite.proof is Proof.MEASURED]
ROUNDING = 1e-4  # on the scale of the largest output
FAR_OFF = 0.1  # of the variance: what repair refuses


def drawn(tensors: list[Tensor]) -> dict[Tensor, np.ndarray]:
    rng = np.random.default_rng(0)
    values = {tensor: draw(tensor, rng) for tensor in tensors}
    return {tensor: array for tensor, array in values.items() if array is not None}


@pytest.mark.parametrize("rewrite", KEEPING, ids=lambda rewrite: rewrite.name)
def test_outputs_are_as_equal_as_the_proof_says(rewrite: Rewrite) -> None:
    model = MODELS[rewrite.name]()
    arrays = drawn(model.main.inputs).values()
    before = run(MEANT.get(rewrite.name, MODELS[rewrite.name])(), *arrays)
    assert rewrite.apply(model)
    for now, then in zip(run(model, *arrays), before, strict=True):
        if rewrite.proof is Proof.EXACT:
            np.testing.assert_array_equal(now, then)
        else:
            assert rewrite.proof is Proof.ROUNDING
            np.testing.assert_allclose(now, then, rtol=0, atol=ROUNDING * np.abs(then).max())
    assert rewrite.apply(model) == []


@pytest.mark.parametrize("rewrite", MENDING, ids=lambda rewrite: rewrite.name)
def test_result_is_near_float_when_an_operator_that_fails_is_mended(
    rewrite: OperatorRewrite,
) -> None:
    assert rewrite.proof is Proof.MEASURED
    model = MODELS[rewrite.name]()
    subgraph = model.main
    seen = Observations([drawn(subgraph.inputs)])
    operators = tuple(subgraph.operators)
    with Prober() as prober:
        errors = [
            measure(candidate, Context(operator, operators), seen, prober).nmse
            for operator in operators
            if operator.outputs[0] in subgraph.outputs
            for candidate in rewrite.find(Site(operator, subgraph))
        ]
    assert min(error for error in errors if error is not None) < FAR_OFF


@pytest.mark.parametrize("rewrite", [*KEEPING, *MENDING], ids=lambda rewrite: rewrite.name)
def test_changes_name_what_was_changed(rewrite: Rewrite) -> None:
    model = MODELS[rewrite.name]()
    known = {tensor.name for subgraph in model.subgraphs for tensor in subgraph.tensors()}
    for change in rewrite.apply(model):
        assert change.rewrite == rewrite.name
        assert change.text.startswith(f"{change.count} ")
        assert set(change.names) <= known
        assert change.to_json()["names"] == list(change.names)


def modules() -> Iterator[object]:
    for package in (edgeseal.tflite.rewrites, edgeseal.tflite.repairs):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            yield importlib.import_module(found.name)


def test_every_rewrite_is_in_use_and_has_a_model_here() -> None:
    written = {
        id(thing): thing
        for module in modules()
        for thing in vars(module).values()
        if isinstance(thing, Rewrite)
    }
    used = [*KEEPING, *MENDING]
    assert {rewrite.name for rewrite in written.values()} == {rewrite.name for rewrite in used}
    assert len(written) == len(used) == len(MODELS)
    assert MODELS.keys() == {rewrite.name for rewrite in used}


def test_page_lists_every_rewrite() -> None:
    page = (ROOT / "docs" / "rewrites.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    verbs = {
        "lean": LEAN,
        "repair": [
            *TIDY,
            *(r for tier in MEND for r in tier),
            *FOR_DEVICES,
            restore_rest(MODELS["patches"]()),
        ],
    }
    assert rows == [
        f"| `{rewrite.name}` | {verb} | {rewrite.summary} | {rewrite.proof.value} |"
        for verb, rewrites in verbs.items()
        for rewrite in rewrites
    ]
