"""Whole files: what stock tools leave broken runs, in rank 4, and says what was done."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeseal.tflite.graph import (
    Model,
    Tensor,
    new_operator,
    read_model,
    serialize,
    write_model,
)
from edgeseal.tflite.repairs import _repair as repair_module
from edgeseal.tflite.repairs import repair_file
from edgeseal.tflite.rewrites import ModelChange, ModelRewrite, Proof
from graphs import constant, kinds, model_of, value
from naive import naive_dynamic, naive_float, naive_int16


@pytest.fixture(scope="module")
def float_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return naive_float(tmp_path_factory.mktemp("naive"))


@pytest.fixture(scope="module")
def dynamic_file(float_file: Path) -> Path:
    return naive_dynamic(float_file)


def highest_rank(model: Model) -> int:
    return max(tensor.rank for subgraph in model.subgraphs for tensor in subgraph.tensors())


def test_outputs_stay_the_same_to_the_bit_when_a_float_file_is_brought_to_rank_4(
    float_file: Path,
) -> None:
    assert highest_rank(read_model(float_file)) == 6
    result = repair_file(float_file)
    assert highest_rank(result.model) == 4
    assert {change.code for change in result.changes} == {"ES022", "ES030"}
    assert result.agreement is not None and result.agreement.is_identical


def test_naive_dynamic_int8_runs_and_agrees_with_float_when_repaired(
    float_file: Path, dynamic_file: Path, tmp_path: Path
) -> None:
    result = repair_file(dynamic_file, companion=float_file)
    assert not result.before.prepares
    assert result.after.runs
    codes = {change.code for change in result.changes} - {""}
    assert codes == {"ES010", "ES022", "ES030", "ES031"}  # stock versions are wrong both ways
    assert result.agreement is None
    assert result.companion is not None and result.companion.before is None
    assert result.companion.after is not None and result.companion.after.nmse < 0.01
    write_model(result.model, tmp_path / "mended.tflite")
    again = repair_file(tmp_path / "mended.tflite", companion=float_file)
    assert again.changes == ()
    assert again.agreement is not None and again.agreement.is_identical
    assert serialize(again.model) == (tmp_path / "mended.tflite").read_bytes()


def picture_model(weights: np.ndarray, stored: Tensor, activation: int = 0) -> Model:
    x, y = value("x", (1, 8, 8, 3)), value("y", (1, 4, 4, weights.shape[0]))
    bias = constant("b", np.ones(weights.shape[0], np.float32))
    sizes = {"strideW": 2, "strideH": 2, "dilationWFactor": 1, "dilationHFactor": 1}
    options = {**sizes, "fusedActivationFunction": activation}
    return model_of([x], [y], [new_operator("CONV_2D", [x, stored, bias], [y], **options)])


@pytest.mark.parametrize("activation", [0, 1])
def test_rounding_is_given_back_when_a_float_companion_has_it(
    tmp_path: Path, activation: int
) -> None:
    weights = np.random.default_rng(0).normal(size=(4, 2, 2, 3)).astype(np.float32)
    scale = np.abs(weights).max((1, 2, 3)) / 7  # coarse, to show
    rounded = np.rint(weights / scale[:, None, None, None]).astype(np.int8)
    quantized, plain = tmp_path / "int8.tflite", tmp_path / "float.tflite"
    write_model(picture_model(weights, constant("w", rounded, scale), activation), quantized)
    write_model(picture_model(weights, constant("w", weights), activation), plain)
    result = repair_file(quantized, companion=plain)
    assert [change.rewrite for change in result.changes] == ["rounding-rest"]
    assert kinds(result.model) == ["CONV_2D", "CONV_2D", "ADD"]
    assert result.companion is not None
    before, after = result.companion.before, result.companion.after
    assert before is not None and after is not None
    assert after.nmse < 0.2 * before.nmse
    write_model(result.model, tmp_path / "better.tflite")
    assert repair_file(tmp_path / "better.tflite", companion=plain).changes == ()


def test_nothing_is_given_back_when_the_companion_is_another_model(tmp_path: Path) -> None:
    weights, others = np.random.default_rng(0).normal(size=(2, 4, 2, 2, 3)).astype(np.float32)
    rounded = np.rint(weights / 0.03).astype(np.int8)
    quantized, plain = tmp_path / "int8.tflite", tmp_path / "float.tflite"
    write_model(picture_model(weights, constant("w", rounded, 0.03)), quantized)
    write_model(picture_model(others, constant("w", others)), plain)
    assert repair_file(quantized, companion=plain).changes == ()


def test_both_causes_are_mended_when_int16_is_naive(tmp_path: Path) -> None:
    path = naive_int16(tmp_path)
    image = np.linspace(0, 1, 64, dtype=np.float32).reshape(1, 8, 8)
    [tensor] = read_model(path).main.inputs
    scale = 1.0 if tensor.quantization is None else float(tensor.quantization.scale[0])
    stored = np.rint(image / scale).astype(np.int16)
    companion = tmp_path / "attention.tflite"
    result = repair_file(path, samples=({tensor.name: stored},), companion=companion)
    assert {change.code for change in result.changes} == {"ES010", "ES011", "ES031"}
    assert result.is_good
    assert result.companion is not None and result.companion.after is not None
    assert result.companion.after.nmse < 1e-3


def test_given_model_stays_as_it_is_when_repaired(dynamic_file: Path) -> None:
    before = serialize(read_model(dynamic_file))
    repair_file(dynamic_file)
    assert serialize(read_model(dynamic_file)) == before


def double_abs() -> Model:
    x, y = value("x", (4,)), value("y", (4,))
    return model_of([x], [y], [new_operator("ABS", [x], [y])])


def test_rewrite_is_not_taken_over_when_it_changes_the_outputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(model: Model) -> list[ModelChange]:
        for operator in model.operators():
            operator.kind = "NEG"
        return [ModelChange("all made negative", 1, code="ES024")]

    rewrite = ModelRewrite("wrong", "all made negative", Proof.EXACT, wrong)
    monkeypatch.setattr(repair_module, "TIDY", (rewrite,))
    write_model(double_abs(), tmp_path / "model.tflite")
    result = repair_file(tmp_path / "model.tflite")
    assert result.changes == ()
    assert [operator.kind for operator in result.model.operators()] == ["ABS"]


def test_rank_of_the_models_own_tensors_is_told_when_it_stays(tmp_path: Path) -> None:
    x, y = value("x", (2, 1, 2, 1, 2)), value("y", (2, 1, 2, 1, 2))
    write_model(model_of([x], [y], [new_operator("ABS", [x], [y])]), tmp_path / "model.tflite")
    result = repair_file(tmp_path / "model.tflite")
    assert result.changes == ()
    [left] = result.unmended
    assert left.code == "ES022"
    assert "the model's own" in left.text
