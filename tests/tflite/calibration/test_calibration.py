"""Observing a float model: right, resumable, and refusing what does not fit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import graphs
from edgeseal.errors import FileError, ImageError, ModelError, UsageError
from edgeseal.tflite.calibration import (
    Calibration,
    CalibrationInputs,
    Method,
    bundled_inputs,
    float_activations,
    inputs_from,
    measure_adequacy,
    observe_values,
    progress_path,
    second_moments,
)
from edgeseal.tflite.graph import Model, new_operator

SIZE = 16


def embedder(seed: int = 0, factor: float = 1, multiplier: int = 1) -> Model:
    """A picture and a message -> conv, depthwise conv and a linear layer."""
    rng = np.random.default_rng(seed)

    def weights(name: str, *shape: int) -> object:
        return graphs.constant(name, (factor * rng.normal(size=shape)).astype(np.float32))

    image, message = graphs.value("image", [1, SIZE, SIZE, 3]), graphs.value("message", [1, 4])
    features = graphs.value("features", [1, 8, 8, 6])
    wide = 6 * multiplier
    mixed = graphs.value("mixed", [1, 4, 4, wide])
    pooled, joined = graphs.value("pooled", [1, wide]), graphs.value("joined", [1, wide + 4])
    logits = graphs.value("logits", [1, 5])
    conv = {"strideH": 2, "strideW": 2, "dilationHFactor": 1, "dilationWFactor": 1, "padding": 0}
    operators = [
        new_operator(
            "CONV_2D", [image, weights("w1", 6, 3, 3, 3), weights("b1", 6)], [features], **conv
        ),
        new_operator(
            "DEPTHWISE_CONV_2D",
            [features, weights("w2", 1, 3, 3, wide), weights("b2", wide)], [mixed],
            depthMultiplier=multiplier, **{**conv, "padding": 0},
        ),
        new_operator("MEAN", [mixed, graphs.constant("axes", [1, 2])], [pooled], keepDims=False),
        new_operator("CONCATENATION", [pooled, message], [joined], axis=1),
        new_operator(
            "FULLY_CONNECTED", [joined, weights("w3", 5, wide + 4), weights("b3", 5)], [logits]
        ),
    ]  # fmt: skip
    return graphs.model_of([image, message], [logits], operators)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(3)
    for index in range(5):
        pixels = rng.integers(0, 255, (20 + index, 30, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.png")
    return folder


def test_values_are_those_of_the_model_when_observed(photos: Path) -> None:
    model, inputs = embedder(), inputs_from([photos])
    observed = Calibration.on(model, inputs).observe(model)
    assert [t.name for t in observed] == [
        "image", "message", "features", "mixed", "pooled", "joined", "logits"
    ]  # fmt: skip
    runs = [graphs.run(model, *inputs.arrays(i, model))[0] for i in range(len(inputs))]
    by_name = {tensor.name: seen for tensor, seen in observed.items()}
    assert by_name["logits"].pictures == 5
    assert by_name["logits"].low == pytest.approx(np.min(runs), rel=1e-5)
    assert by_name["message"].high == 1
    assert model.main.outputs[0].name == "logits"  # the model is not changed


def test_observation_is_the_same_when_it_was_interrupted(photos: Path, tmp_path: Path) -> None:
    model, path = embedder(), tmp_path / "ranges.json"
    whole = Calibration.on(model, inputs_from([photos]))
    whole.observe(model)

    class StopError(Exception):
        pass

    def stop_at_third() -> None:
        calls.append(0)
        if len(calls) == 3:
            raise StopError

    calls: list[int] = []
    broken = Calibration.on(model, inputs_from([photos]), save_to=path)
    broken.advance = stop_at_third
    broken._saved_s = -1e9
    with pytest.raises(StopError):
        broken.observe(model)
    assert progress_path(path).exists()
    assert not path.exists()
    again = Calibration.on(model, inputs_from([photos]), save_to=path)
    assert 0 < again.resumed <= 3
    calls = []
    again.advance = lambda: calls.append(0)
    again.observe(model)
    assert len(calls) in (2, 3, 4)
    again.save(path)
    assert not progress_path(path).exists()
    whole.save(tmp_path / "whole.json")
    assert json.loads(path.read_text()) == json.loads((tmp_path / "whole.json").read_text())


def test_progress_is_refused_when_pictures_are_others(photos: Path, tmp_path: Path) -> None:
    model, path = embedder(), tmp_path / "ranges.json"
    Calibration.on(model, inputs_from([photos])).save(progress_path(path))
    with pytest.raises(UsageError, match="with other pictures"):
        Calibration.on(model, inputs_from([photos / "0.png"]), save_to=path)


def test_saved_ranges_serve_when_there_are_no_pictures(photos: Path, tmp_path: Path) -> None:
    model, path = embedder(), tmp_path / "ranges.json"
    first = Calibration.on(model, inputs_from([photos]))
    some = float_activations(model)[:3]
    first.observe(model, some)
    first.save(path)
    loaded = Calibration.load(path, embedder())
    again = loaded.observe(model, some)
    assert [s.high for s in again.values()] == [s.high for s in first.observe(model, some).values()]
    with pytest.raises(UsageError, match=r"lack 4 tensors .* 'mixed'"):
        loaded.observe(model)


def test_model_error_says_so_when_ranges_are_of_another_model(photos: Path, tmp_path: Path) -> None:
    path = tmp_path / "ranges.json"
    Calibration.on(embedder(), inputs_from([photos])).save(path)
    with pytest.raises(ModelError, match="ranges of another model"):
        Calibration.load(path, embedder(seed=1))


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", '{"kind": "other"}', '{"kind": "edgeseal ranges", "schema_version": 9}',
        '{"kind": "edgeseal ranges", "schema_version": 1, "model": "x", "graphs": 3}',
    ],
)  # fmt: skip
def test_model_error_names_file_when_it_is_no_ranges_file(text: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.json"
    path.write_text(text)
    with pytest.raises(ModelError, match=r"odd\.json: "):
        Calibration.load(path, embedder())


def test_errors_say_so_when_pictures_are_missing_or_bad(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no pictures"):
        inputs_from([tmp_path])
    (tmp_path / "text.png").write_text("no picture")
    model = embedder()
    with pytest.raises(ImageError, match=r"text\.png"):
        Calibration.on(model, inputs_from([tmp_path])).observe(model)
    with pytest.raises(FileError, match="gone"):
        Calibration.on(model, CalibrationInputs((tmp_path / "gone.png",)))


def test_usage_error_says_so_when_the_model_takes_no_picture() -> None:
    x, y = graphs.value("x", [1, 4]), graphs.value("y", [1, 4])
    model = graphs.model_of([x], [y], [new_operator("ABS", [x], [y])])
    with pytest.raises(UsageError, match="calibration needs pictures"):
        Calibration.on(model).observe(model)


def test_model_error_names_tensor_when_a_value_is_not_finite(photos: Path) -> None:
    model = embedder(factor=1e30)
    with pytest.raises(ModelError, match="not finite"):
        Calibration.on(model, inputs_from([photos])).observe(model)


@pytest.mark.parametrize("multiplier", [1, 2])
def test_moments_are_those_of_the_rows_when_streamed_in_groups(
    photos: Path, multiplier: int
) -> None:
    model, inputs = embedder(multiplier=multiplier), inputs_from([photos])
    conv, depthwise, _, _, linear = model.main.operators
    found = dict(second_moments(model, [conv, depthwise, linear], inputs, limit_bytes=2000))
    # Oracle: the layer is linear in its rows, so E[y y^T] = W H W^T for a layer without a bias.
    for layer in (conv, linear):
        outputs: list[np.ndarray] = []
        bias = layer.inputs[2].buffer.data.view(np.float32)
        observe_values(model, layer.outputs, inputs, lambda _, v, o=outputs: o.append(v.copy()))
        y = np.concatenate([o.reshape(-1, o.shape[-1]) for o in outputs]) - bias
        weights = layer.inputs[1].buffer.data.view(np.float32).reshape(len(bias), -1)
        moments = found[layer]
        assert moments.rows == len(y)
        assert np.allclose(
            weights @ moments.second @ weights.T, y.T @ y / len(y), rtol=1e-3, atol=1e-3
        )
        assert np.allclose(weights @ moments.mean, y.mean(axis=0), atol=1e-3)
    outputs = []
    observe_values(model, depthwise.outputs, inputs, lambda _, v: outputs.append(v.copy()))
    bias = depthwise.inputs[2].buffer.data.view(np.float32)
    y = np.concatenate([o.reshape(-1, bias.size) for o in outputs]) - bias
    weights = depthwise.inputs[1].buffer.data.view(np.float32).reshape(9, -1).T
    second = np.einsum("ci,cij,cj->c", weights, found[depthwise].second, weights)
    assert np.allclose(second, np.square(y).mean(axis=0), rtol=1e-3)


def test_adequacy_warns_with_the_effect_when_pictures_are_black(tmp_path: Path) -> None:
    for index in range(9):
        Image.new("RGB", (20, 20), (index, 0, 0)).save(tmp_path / f"{index}.png")
    model = embedder()
    calibration = Calibration.on(model, inputs_from([tmp_path]))
    adequacy = measure_adequacy(calibration, model, calibration.observe(model), Method.MIN_MAX)
    assert adequacy.error_ratio > 10
    assert adequacy.clipped_share > 0.1
    assert adequacy.warning is not None and "times the quantization error" in adequacy.warning


def test_adequacy_is_content_when_pictures_are_photographs() -> None:
    model = embedder()
    calibration = Calibration.on(model, bundled_inputs(views=3))
    calibration.ranges.inputs = type(calibration.ranges.inputs)(18, 18, False, "")
    adequacy = measure_adequacy(calibration, model, calibration.observe(model), Method.MIN_MAX)
    assert adequacy.error_ratio < 1.3
    assert adequacy.warning is None
