"""Models of other makers: masks, open sizes, FLOAT16 weights; every recipe says what they say."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from edgeseal.tflite import quantize as quantize_file
from edgeseal.tflite.calibration import Calibration, bundled_inputs
from edgeseal.tflite.graph import Model, Operator, Tensor, new_operator, read_model, write_model
from edgeseal.tflite.inputs import pink_noise
from edgeseal.tflite.metrics import nmse
from edgeseal.tflite.quantization import find_recipe, quantize, recipe_names
from edgeseal.tflite.quantization.integer._masks import bound_masks
from edgeseal.tflite.quantization.recipe._recipe import Rounding
from graphs import constant, kinds, model_of, run, value

RECIPES = [name for name in recipe_names() if name != "float32"]
INTEGER = ("full-int8", "int16x8")
SMALLEST = float(np.finfo(np.float32).min)


def draw(*shape: int, seed: int = 0, size: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, size, shape).astype(np.float32)


def conv(x: Tensor, y: Tensor, *, kernel: int = 3, bias: float = 0, size: float = 0.3) -> Operator:
    weights = constant("w", draw(y.shape[3], kernel, kernel, x.shape[3], size=size))
    operands = [x, weights, constant("b", np.full(y.shape[3], bias, np.float32))]
    return new_operator(
        "CONV_2D", operands, [y], padding=1, strideH=1, strideW=1,
        dilationHFactor=1, dilationWFactor=1, fusedActivationFunction=0,
    )  # fmt: skip


def masked_scores(mask: float, form: str = "ADD") -> Model:
    """Scores of eight classes, of which three are masked, through a softmax."""
    x, scores, masked, y = (value(n, (1, 6, 6, 8)) for n in ("x", "scores", "masked", "y"))
    x.shape = (1, 8, 8, 3)
    pattern = np.array([0, 0, 0, 0, 0, 1, 1, 1])
    operators = [conv(x, scores)]
    if form == "SELECT_V2":
        keep = constant("keep", pattern.reshape(1, 1, 1, 8) == 0)
        operands = [keep, scores, constant("mask", np.float32(mask))]
        operators.append(new_operator("SELECT_V2", operands, [masked]))
    else:
        sign = -1 if form == "SUB" else 1
        values = np.where(pattern, sign * mask, 0).astype(np.float32)
        operands = [scores, constant("mask", values.reshape(1, 1, 1, 8))]
        operators.append(new_operator(form, operands, [masked], fusedActivationFunction=0))
    operators.append(new_operator("SOFTMAX", [masked], [y], beta=1.0))
    return model_of([x], [y], operators)


def pictures(side: int, count: int = 4) -> list[np.ndarray]:
    generator = np.random.default_rng(5)
    return [pink_noise(side, generator)[None] for _ in range(count)]


def error(model: Model, float_model: Model, inputs: list[np.ndarray]) -> float:
    got, want = (np.stack([run(m, x)[0] for x in inputs]) for m in (model, float_model))
    return float(nmse(got, want) or 0.0)


def made_by(recipe: str, model: Model) -> tuple[Model, tuple[str, ...]]:
    """Return what a recipe makes of a model, and its notes; the model is used up."""
    calibration = Calibration.on(model, bundled_inputs(views=1))
    return model, quantize(model, find_recipe(recipe), calibration=calibration).notes


@pytest.mark.parametrize("form", ["ADD", "SUB"])
@pytest.mark.parametrize("mask", [-1e9, SMALLEST, -np.inf])
@pytest.mark.parametrize("recipe", INTEGER)
def test_mask_costs_no_more_than_one_of_100_when_it_is_huge(
    recipe: str, mask: float, form: str
) -> None:
    inputs, plain = pictures(8), masked_scores(-100, form)
    expected = error(made_by(recipe, masked_scores(-100, form))[0], plain, inputs)
    model, _ = made_by(recipe, masked_scores(mask, form))
    assert error(model, plain, inputs) < 2 * expected + 1e-5


def test_mask_means_the_same_when_it_is_bounded() -> None:
    model = masked_scores(-np.inf)
    bound_masks(model)
    (x,) = pictures(8, 1)
    assert np.array_equal(run(model, x)[0], run(masked_scores(-np.inf), x)[0])
    assert np.isfinite(model.main.operators[1].inputs[1].buffer.data.view(np.float32)).all()


def test_constant_stays_when_it_is_a_factor_of_scores() -> None:
    x, d, scores, y = (value(name, (1, 4, 4, 3)) for name in "xdsy")
    operators = [
        conv(x, d, kernel=1),
        new_operator("MUL", [d, constant("f", np.float32(-100))], [scores]),
        new_operator("SOFTMAX", [scores], [y], beta=1.0),
    ]
    operators[1].options = new_operator("MUL", [], [], fusedActivationFunction=0).options
    plain = model_of([x], [y], operators)
    bound_masks(plain)
    assert operators[1].inputs[1].buffer.data.view(np.float32) == -100


def near_constant() -> Model:
    x, features = value("x", (1, 8, 8, 3)), value("f", (1, 6, 6, 16))
    mean, y = value("m", (1, 16)), value("y", (1, 4))
    operators = [
        conv(x, features, bias=3, size=1e-3),
        new_operator("MEAN", [features, constant("axes", [1, 2])], [mean], keepDims=False),
        new_operator(
            "FULLY_CONNECTED", [mean, constant("v", draw(4, 16)), None], [y],
            fusedActivationFunction=0,
        ),
    ]  # fmt: skip
    return model_of([x], [y], operators)


@pytest.mark.parametrize("recipe", INTEGER)
def test_integer_graph_is_made_when_a_recipe_asks_for_learned_rounding(recipe: str) -> None:
    plain, chosen = masked_scores(-100), find_recipe(recipe)
    methods = dataclasses.replace(chosen.methods, rounding=Rounding.GPTQ)
    model, (x,) = masked_scores(-100), pictures(8, 1)
    quantize(model, dataclasses.replace(chosen, methods=methods))
    assert error(model, plain, [x]) < 0.01


@pytest.mark.parametrize("recipe", RECIPES)
def test_weights_are_rounded_when_features_hardly_vary(recipe: str) -> None:
    model, _ = made_by(recipe, near_constant())
    inputs = pictures(8)
    got, want = (np.stack([run(m, x)[0] for x in inputs]) for m in (model, near_constant()))
    most = 0.2 if recipe == "dynamic-int4" else 0.02  # nothing but 15 steps for each weight
    assert np.abs(got - want).max() < most * np.abs(want).max()


def test_doubt_is_said_when_first_layers_hardly_see_the_pictures() -> None:
    _, notes = made_by("full-int8", near_constant())
    assert any("first layers hardly see them" in note for note in notes)
    _, notes = made_by("full-int8", masked_scores(-100))
    assert any("nothing in the file says" in note for note in notes)
    assert not any("hardly see" in note for note in notes)


@pytest.mark.parametrize("recipe", RECIPES)
def test_result_is_the_same_when_the_file_leaves_the_batch_open(
    recipe: str, tmp_path: Path
) -> None:
    write_model(masked_scores(-100), tmp_path / "plain.tflite")
    opened = read_model(tmp_path / "plain.tflite")
    for tensor in opened.main.tensors():
        if not tensor.is_constant:
            tensor.raw.shapeSignature = np.array([-1, *tensor.shape[1:]], np.int32)
    write_model(opened, tmp_path / "open.tflite")
    opened = read_model(tmp_path / "open.tflite")
    assert opened.main.inputs[0].is_dynamic
    model, notes = made_by(recipe, opened)
    expected, _ = made_by(recipe, read_model(tmp_path / "plain.tflite"))
    (x,) = pictures(8, 1)
    assert np.array_equal(run(model, x)[0], run(expected, x)[0])
    assert any("open sizes are fixed" in note for note in notes)


@pytest.mark.parametrize("recipe", RECIPES)
def test_float16_weights_are_widened_when_a_recipe_is_applied(recipe: str) -> None:
    halves = made_by("float16", masked_scores(-100))[0]
    assert "DEQUANTIZE" in kinds(halves)
    expected = made_by("float16", masked_scores(-100))[0]
    model, _ = made_by(recipe, halves)
    assert error(model, expected, pictures(8)) < 0.01


def test_nothing_is_written_when_the_file_ends_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_model(masked_scores(-100), tmp_path / "float.tflite")
    monkeypatch.setattr(
        "edgeseal.tflite.quantization.integer._prepare.saturate_masks", lambda *_: {}
    )
    monkeypatch.setattr("edgeseal.tflite.quantization._stages.bound_masks", lambda _: None)
    write_model(masked_scores(SMALLEST), tmp_path / "masked.tflite")
    (tmp_path / "out.tflite").write_bytes(b"before")
    found = quantize_file(
        tmp_path / "masked.tflite", "full-int8", tmp_path / "out.tflite", overwrite=True
    )
    assert not found.is_good
    assert "it ends the process (SIGABRT)" in str(found.refusal)
    assert (tmp_path / "out.tflite").read_bytes() == b"before"
    assert len(list(tmp_path.iterdir())) == 3
