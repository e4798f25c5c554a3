"""Equalization: exact in float whatever form a normalisation has, and what it is good for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import graphs
from edgeseal.tflite.calibration import Calibration, TensorStatistics, bundled_inputs
from edgeseal.tflite.graph import Model, Operator, Tensor, new_operator
from edgeseal.tflite.quantization._weighted_layers import weighted_layers
from edgeseal.tflite.quantization.rewrite._divide import Division
from edgeseal.tflite.quantization.rewrite._equalize import equalize

SIZE, CHANNELS = 8, 12
SKEW = np.where(np.arange(CHANNELS) % 5 == 2, 40, 1).astype(np.float32)


class Builder:
    """Strings operators together; the constants that it draws are the same each time."""

    def __init__(self) -> None:
        self._rng = np.random.default_rng(0)
        self.operators: list[Operator] = []
        self.picture = graphs.value("image", [1, SIZE, SIZE, 3])

    def draw(self, *shape: int) -> np.ndarray:
        return self._rng.normal(size=shape).astype(np.float32)

    def add(self, kind: str, inputs: list[Tensor], shape: list[int], **options: object) -> Tensor:
        result = graphs.value(f"t{len(self.operators)}", shape)
        if kind in ("ADD", "SUB", "MUL", "DIV", "FULLY_CONNECTED"):
            options.setdefault("fusedActivationFunction", 0)
        self.operators.append(new_operator(kind, inputs, [result], **options))
        return result

    def tokens(self) -> Tensor:
        """Pixels as float [64, CHANNELS]."""
        flat = self.add(
            "RESHAPE", [self.picture, graphs.constant("s", [SIZE * SIZE, 3])], [SIZE * SIZE, 3]
        )
        return self.linear(flat, CHANNELS)

    def linear(self, x: Tensor, outputs: int, skew: np.ndarray | None = None) -> Tensor:
        n = len(self.operators)
        weights = self.draw(outputs, x.shape[-1]) / (1 if skew is None else skew)
        bias = graphs.constant(f"b{n}", self.draw(outputs))
        operands = [x, graphs.constant(f"w{n}", weights), bias]
        return self.add("FULLY_CONNECTED", operands, [*x.shape[:-1], outputs], keepNumDims=True)

    def mean(self, x: Tensor) -> Tensor:
        axes = graphs.constant("axes", [len(x.shape) - 1])
        return self.add("MEAN", [x, axes], [*x.shape[:-1], 1], keepDims=True)

    def model(self, *outputs: Tensor) -> Model:
        return graphs.model_of([self.picture], list(outputs), self.operators)


def normalized(b: Builder, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the centered values, the mean and the reciprocal deviation."""
    mean = b.mean(x)
    centered = b.add("SUB", [x, mean], list(x.shape))
    variance = b.mean(b.add("MUL", [centered, centered], list(x.shape)))
    shifted = b.add("ADD", [variance, graphs.constant("eps", np.float32(1e-6))], [*mean.shape])
    return centered, mean, b.add("RSQRT", [shifted], [*mean.shape])


def affine_last(b: Builder, x: Tensor) -> Tensor:
    """(x - mean) * r, then * gamma + beta."""
    centered, _, r = normalized(b, x)
    hat = b.add("MUL", [centered, r], list(x.shape))
    scaled = b.add(
        "MUL", [hat, graphs.constant("gamma", SKEW * (1 + 0.1 * b.draw(CHANNELS)))], list(x.shape)
    )
    return b.add("ADD", [graphs.constant("beta", SKEW * b.draw(CHANNELS)), scaled], list(x.shape))


def affine_folded(b: Builder, x: Tensor) -> Tensor:
    """x * (r * gamma) + (beta - mean * (r * gamma)), as batch normalisation is written."""
    _, mean, r = normalized(b, x)
    factor = b.add(
        "MUL", [r, graphs.constant("gamma", SKEW * (1 + 0.1 * b.draw(CHANNELS)))], list(x.shape)
    )
    shift = b.add("MUL", [mean, factor], list(x.shape))
    offset = b.add("SUB", [graphs.constant("beta", SKEW * b.draw(CHANNELS)), shift], list(x.shape))
    return b.add("ADD", [b.add("MUL", [x, factor], list(x.shape)), offset], list(x.shape))


def affine_by_division(b: Builder, x: Tensor) -> Tensor:
    """(x - mean) / deviation * gamma, no beta, then moved about."""
    mean = b.mean(x)
    centered = b.add("SUB", [x, mean], list(x.shape))
    variance = b.mean(b.add("MUL", [centered, centered], list(x.shape)))
    hat = b.add("DIV", [centered, b.add("SQRT", [variance], list(mean.shape))], list(x.shape))
    scaled = b.add("MUL", [hat, graphs.constant("gamma", SKEW)], list(x.shape))
    apart = b.add(
        "RESHAPE", [scaled, graphs.constant("s", [2, 4, 8, CHANNELS])], [2, 4, 8, CHANNELS]
    )
    order = graphs.constant("o", [1, 0, 2, 3])
    swapped = b.add("TRANSPOSE", [apart, order], [4, 2, 8, CHANNELS])
    return b.add("RESHAPE", [swapped, graphs.constant("s", list(x.shape))], list(x.shape))


def linear_before(b: Builder, x: Tensor) -> Tensor:
    """A linear layer with ReLU, whose rows are skewed."""
    hidden = b.linear(x, CHANNELS)
    operator = b.operators[-1]
    operator.options.fusedActivationFunction = 1
    for position in (1, 2):
        values = operator.inputs[position].buffer.data.view(np.float32).reshape(CHANNELS, -1)
        scaled = (values * SKEW[:, None]).reshape(operator.inputs[position].shape)
        operator.inputs[position] = graphs.constant("skewed", scaled)
    return hidden


def attention(b: Builder, x: Tensor) -> Tensor:
    """Heads of values with skewed channels, mixed by constant attention weights."""
    values = linear_before(b, x)
    b.operators[-1].options.fusedActivationFunction = 0
    heads = b.add("RESHAPE", [values, graphs.constant("s", [64, 3, 4])], [64, 3, 4])
    by_head = b.add("TRANSPOSE", [heads, graphs.constant("o", [1, 0, 2])], [3, 64, 4])
    keys = b.add("TRANSPOSE", [by_head, graphs.constant("o", [0, 2, 1])], [3, 4, 64])
    scores = b.add(
        "BATCH_MATMUL",
        [graphs.constant("q", b.draw(3, 64, 4)), graphs.constant("k", b.draw(3, 4, 64))],
        [3, 64, 64],
        adjX=False,
        adjY=False,
    )
    mixed = b.add("BATCH_MATMUL", [scores, by_head], [3, 64, 4], adjX=False, adjY=False)
    del keys
    back = b.add("TRANSPOSE", [mixed, graphs.constant("o", [1, 0, 2])], [64, 3, 4])
    return b.add("RESHAPE", [back, graphs.constant("s", [64, CHANNELS])], [64, CHANNELS])


Form = Callable[[Builder, Tensor], Tensor]
FORMS = [affine_last, affine_folded, affine_by_division, linear_before]


def built(form: Form) -> Model:
    b = Builder()
    x = form(b, b.tokens())
    return b.model(b.linear(x, 7, SKEW), b.linear(x, 5, SKEW))


def readers_input(model: Model) -> Tensor:
    return model.main.operators[-1].inputs[0]


def skew(model: Model) -> float:
    """Return by how much the widest channel of the last layers' input exceeds the typical one."""
    seen = Calibration.on(model, bundled_inputs(views=1)).observe(model, [readers_input(model)])
    statistics = seen[readers_input(model)]
    reach = np.maximum(np.abs(statistics.channel_low), np.abs(statistics.channel_high))
    return float(reach.max() / np.median(reach[reach > 0]))  # some are dark behind a ReLU


@pytest.mark.parametrize("is_observed", [True, False])
@pytest.mark.parametrize("form", FORMS)
def test_function_stays_and_skew_goes_when_channels_are_hostile(
    form: Form, is_observed: bool
) -> None:
    model = built(form)
    picture = np.random.default_rng(5).random((1, SIZE, SIZE, 3), np.float32)
    expected, count, before = graphs.run(model, picture), len(model.main.operators), skew(model)
    layers = list(weighted_layers(model.main))[-2:]
    sources = [layer.operator.inputs[0] for layer in layers]
    observed = None
    if is_observed:
        observed = Calibration.on(model, bundled_inputs(views=1)).observe(model, sources)
    assert equalize(model.main, layers, observed) == 1
    assert len(model.main.operators) == count  # something there took the division over
    for found, wanted in zip(graphs.run(model, picture), expected, strict=True):
        assert np.allclose(found, wanted, atol=2e-5 * np.abs(wanted).max())
    assert before > 12
    assert skew(model) < before / 3


def test_values_take_the_division_over_when_attention_lies_between() -> None:
    model = built(attention)
    picture = np.random.default_rng(5).random((1, SIZE, SIZE, 3), np.float32)
    expected, count = graphs.run(model, picture), len(model.main.operators)
    assert equalize(model.main, list(weighted_layers(model.main))[-2:], None) == 1
    assert len(model.main.operators) == count
    for found, wanted in zip(graphs.run(model, picture), expected, strict=True):
        assert np.allclose(found, wanted, atol=2e-5 * np.abs(wanted).max())


def test_multiplication_is_added_when_another_operator_sees_the_tensor() -> None:
    b = Builder()
    x = affine_last(b, b.tokens())
    y = b.linear(x, 7, SKEW)
    model = b.model(b.add("TANH", [x], list(x.shape)), y)
    picture = np.random.default_rng(5).random((1, SIZE, SIZE, 3), np.float32)
    expected = graphs.run(model, picture)
    layer = list(weighted_layers(model.main))[-1]
    observed = Calibration.on(model, bundled_inputs(views=1)).observe(model, [x])
    assert equalize(model.main, [layer], None) == 0  # not worth an operator on suspicion
    assert equalize(model.main, [layer], observed) == 1
    assert graphs.kinds(model).count("MUL") == 4
    for found, wanted in zip(graphs.run(model, picture), expected, strict=True):
        assert np.allclose(found, wanted, atol=2e-5 * np.abs(wanted).max())


def test_range_does_not_move_to_weights_when_they_alone_are_rounded() -> None:
    b = Builder()
    x = affine_last(b, b.tokens())
    model = b.model(b.linear(x, 7))
    layer = list(weighted_layers(model.main))[-1]
    values = np.random.default_rng(5).normal(size=(2000, CHANNELS)).astype(np.float32)
    values[0, 2] = 300  # a range that costs the others their precision, but hardly any energy
    seen = TensorStatistics()
    seen.add(values)
    assert equalize(model.main, [layer], {x: seen}, {layer.operator}) == 0
    assert equalize(model.main, [layer], {x: seen}) == 1


@pytest.mark.parametrize("activation", [3, 4])  # RELU6, TANH
def test_layer_keeps_its_rows_when_its_activation_is_no_multiple(activation: int) -> None:
    model = built(linear_before)
    maker = model.main.operators[-3]
    maker.options.fusedActivationFunction = activation
    weights = maker.inputs[1]
    assert equalize(model.main, list(weighted_layers(model.main))[-2:], None) == 0
    assert maker.inputs[1] is weights


@pytest.mark.parametrize("kind", ["PAD", "MIRROR_PAD"])
@pytest.mark.parametrize("is_before", [True, False])
def test_nothing_is_divided_when_an_operator_changes_the_number_of_channels(
    kind: str, is_before: bool
) -> None:
    b = Builder()
    narrow = b.tokens()
    widths = graphs.constant("widths", [[0, 0], [2, 2]])
    options = {"mode": 0} if kind == "MIRROR_PAD" else {}
    wide = b.add(kind, [narrow, widths], [SIZE * SIZE, CHANNELS + 4], **options)
    shifted = b.add("ADD", [wide, graphs.constant("shift", b.draw(CHANNELS + 4))], [*wide.shape])
    model = b.model(b.linear(shifted, 4))
    tensor, readers = (narrow, []) if is_before else (wide, model.main.consumers()[shifted])
    divisor = np.arange(1, tensor.shape[-1] + 1, dtype=np.float32)
    assert not Division(model.main).plan(tensor, divisor, readers)


def test_quantized_error_falls_when_channels_are_equalized(tmp_path: Path) -> None:
    from dataclasses import replace

    from edgeseal.tflite.quantization import Recipe, find_recipe, quantize

    def error(name: str, wanted: bool) -> float:
        b = Builder()
        x = affine_last(b, b.tokens())
        model = b.model(b.linear(b.add("GELU", [b.linear(x, 32, SKEW)], [64, 32]), 5))
        pictures = np.random.default_rng(5).random((4, 1, SIZE, SIZE, 3), np.float32)
        expected = np.array([graphs.run(model, picture)[0] for picture in pictures])
        recipe: Recipe = find_recipe(name)
        methods = replace(recipe.methods, equalize=wanted)
        quantize(model, replace(recipe, name="trial", methods=methods))
        found = np.array([graphs.run(model, picture)[0] for picture in pictures])
        return float(np.square(found - expected).mean() / expected.var())

    for name in ("dynamic-int8", "hybrid-int8"):
        assert error(name, True) < 0.5 * error(name, False), name
