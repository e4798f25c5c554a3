"""Trials against numpy, and the state that they leave behind."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from edgeseal.errors import FileError, MissingExtraError, ModelError, OutputExistsError, UsageError
from edgeseal.tflite.calibration import bundled_inputs, inputs_from
from edgeseal.tflite.graph import Model, new_operator, read_model, write_model
from edgeseal.tflite.quantization import (
    Activations,
    Precision,
    WeightType,
    find_recipe,
    make_plan,
    quantize,
    recipe_from_json,
)
from edgeseal.tflite.tuning._recipe_search import Budget, TunedRecipe, TuneResult
from edgeseal.tflite.tuning._sensitivity import LayerCost
from edgeseal.tflite.tuning._task import Task, plain_task
from edgeseal.tflite.tuning._trials import RecipeTrial, Trials, state_path
from edgeseal.tflite.tuning._tuned_layers import find_layers, usable_recipe
from edgeseal.tflite.tuning._tuning_plot import check_plot, plot_found, plot_sensitivity
from edgeseal.tflite.tuning._tuning_record import found_record, sensitivity_record
from graphs import constant, model_of, run, value

RECIPE = find_recipe("dynamic-int8")


def pictures_model(seed: int = 0) -> Model:
    """A convolution, a depthwise one and a linear layer behind a picture."""
    rng = np.random.default_rng(seed)

    def weights(name: str, *shape: int) -> Any:
        return constant(name, rng.normal(size=shape).astype(np.float32))

    x, h = value("x", [1, 16, 16, 3]), value("h", [1, 8, 8, 8])
    d, p, y = value("d", [1, 4, 4, 8]), value("p", [1, 8]), value("y", [1, 6])
    stride = {"strideH": 2, "strideW": 2, "dilationHFactor": 1, "dilationWFactor": 1, "padding": 0}
    operators = [
        new_operator("CONV_2D", [x, weights("w1", 8, 3, 3, 3), weights("b1", 8)], [h], **stride),
        new_operator(
            "DEPTHWISE_CONV_2D", [h, weights("w2", 1, 3, 3, 8), weights("b2", 8)], [d],
            depthMultiplier=1, **stride,
        ),
        new_operator("MEAN", [d, constant("axes", [1, 2])], [p], keepDims=False),
        new_operator("FULLY_CONNECTED", [p, weights("w3", 6, 8), weights("b3", 6)], [y]),
    ]  # fmt: skip
    return model_of([x], [y], operators)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.tflite"
    write_model(pictures_model(), path)
    return path


@pytest.fixture(scope="module")
def task() -> Task:
    return plain_task(pictures_model(), bundled_inputs(views=1))


def test_error_is_numpys_when_a_recipe_is_measured(source: Path, task: Task) -> None:
    trials = Trials(source, task)
    trial = trials.measure(RECIPE, "dynamic-int8")
    quantized = read_model(source)
    quantize(quantized, RECIPE, calibration=trials.calibration(quantized, RECIPE))
    found, expected = (
        np.concatenate([run(model, *arrays)[0] for arrays in task.inputs])
        for model in (quantized, read_model(source))
    )
    error = np.mean((found - expected) ** 2) / np.mean(np.var(expected, axis=0))
    assert trial.nmse_img == pytest.approx(error, rel=1e-3)
    assert trial.score == pytest.approx(1 - error)
    assert trial.refusal is None and trial.size_bytes > 0 and trial.processor_ms >= 0


def test_nothing_is_measured_twice_when_asked_again(source: Path, task: Task) -> None:
    told: list[str] = []
    trials = Trials(source, task, on_trial=told.append)
    first = trials.measure(RECIPE, "one")
    renamed = dataclasses.replace(RECIPE, name="another", summary="said otherwise")
    assert trials.measure(renamed, "two") is first
    assert trials.measured == 1
    assert told == ["the float model", "one"]
    trials.measure(RECIPE, "quickly", quick=True)  # on the first inputs alone: not the same
    assert trials.measured == 2


def test_state_keeps_what_was_measured_when_taken_up(
    source: Path, task: Task, tmp_path: Path
) -> None:
    state = state_path(tmp_path / "found.json")
    first = Trials(source, task, state=state)
    known = first.measure(RECIPE, "x"), first.float_trial
    again = Trials(source, task, state=state)
    assert (again.measure(RECIPE, "x"), again.float_trial) == known
    assert again.measured == 0
    assert state.name == "found.json.part"


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: "[]",
        lambda text: text[: len(text) // 2],
        lambda text: text.replace('"fingerprint"', '"print"'),
        lambda text: text.replace('"size_bytes"', '"size"'),
        lambda text: text.replace('"trials"', '"tests"'),
    ],
)
def test_state_is_refused_when_it_is_damaged(
    damage: Callable[[str], str], source: Path, task: Task, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    Trials(source, task, state=state).measure(RECIPE, "x")
    state.write_text(damage(state.read_text()))
    with pytest.raises(FileError, match=r"is no state of an interrupted run .*; delete it"):
        Trials(source, task, state=state)


@pytest.mark.parametrize("what", ["version", "model", "task", "pictures"])
def test_state_is_refused_when_it_is_of_another_run(
    what: str, source: Path, task: Task, tmp_path: Path
) -> None:
    state, other = tmp_path / "state", tmp_path / "other.tflite"
    Trials(source, task, state=state).measure(RECIPE, "x")
    write_model(pictures_model(1), other)
    changed = dataclasses.replace(task, inputs=task.inputs[:-1])
    if what == "version":
        state.write_text(json.dumps(json.loads(state.read_text()) | {"schema_version": 9}))
    with pytest.raises(UsageError, match="the state of a run with another model, other pictures"):
        Trials(
            other if what == "model" else source,
            changed if what == "task" else task,
            calibration=bundled_inputs() if what == "pictures" else None,
            state=state,
        )


def test_refusal_is_kept_when_a_recipe_does_not_fit(source: Path, task: Task) -> None:
    odd = RECIPE.with_layers(
        {"no such layer": Precision(WeightType.INT8, Activations.DYNAMIC)}, name="odd"
    )
    trials = Trials(source, task)
    trial = trials.measure(odd, "odd")
    if trial.refusal is None:  # a layer of no name is passed over
        assert trial.nmse_img == trials.measure(RECIPE, "x").error
    else:
        assert (trial.size_bytes, trial.score) == (0, 0.0)


def test_float_model_scores_one_when_the_task_has_no_score(source: Path, task: Task) -> None:
    trials = Trials(source, task)
    assert (trials.float_trial.nmse_img, trials.float_trial.score) == (0.0, 1.0)
    assert trials.float_trial.size_bytes == source.stat().st_size
    judged = dataclasses.replace(task, score=lambda results: float(len(results)) / 100)
    assert Trials(source, judged).float_trial.score == len(task.inputs) / 100


def test_score_of_the_task_is_not_asked_when_measured_quickly(source: Path, task: Task) -> None:
    def fail(results: np.ndarray) -> float:
        raise AssertionError

    trial = Trials(source, dataclasses.replace(task, score=fail)).measure(RECIPE, "x", quick=True)
    assert trial.score == pytest.approx(1 - trial.nmse_img)


def test_calibration_is_on_the_given_pictures_when_a_recipe_needs_it(
    source: Path, task: Task, tmp_path: Path
) -> None:
    Image.new("RGB", (20, 20)).save(tmp_path / "black.png")
    given = inputs_from([tmp_path])
    full = find_recipe("full-int8")
    trials = Trials(source, task, calibration=given)
    assert trials.is_calibrated
    calibration = trials.calibration(pictures_model(), full)
    assert calibration is not None and calibration.inputs == given
    bundled = Trials(source, task).calibration(pictures_model(), full)
    assert bundled is not None and bundled.inputs is not None and bundled.inputs.is_bundled


def test_model_error_says_so_when_the_float_model_is_not_finite(task: Task, tmp_path: Path) -> None:
    model = pictures_model()
    nought, y = value("nought", [1, 6]), value("log", [1, 6])
    last = model.main.outputs[0]
    model.main.operators += [
        new_operator("SUB", [last, last], [nought], fusedActivationFunction=0),
        new_operator("LOG", [nought], [y]),
    ]
    write_model(model_of(model.main.inputs, [y], model.main.operators), tmp_path / "bad.tflite")
    with pytest.raises(ModelError, match=r"bad\.tflite: gives values that are not finite"):
        Trials(tmp_path / "bad.tflite", task)


def test_model_error_says_so_when_the_float_model_cannot_run(task: Task, tmp_path: Path) -> None:
    x, y = value("x", [1, 16, 16, 3]), value("y", [1, 7])
    broken = model_of([x], [y], [new_operator("RESHAPE", [x, constant("s", [1, 7])], [y])])
    write_model(broken, tmp_path / "bad.tflite")
    with pytest.raises(ModelError, match=r"bad\.tflite: LiteRT cannot run it: "):
        Trials(tmp_path / "bad.tflite", task)


def test_digest_is_another_when_inputs_or_metric_are(task: Task) -> None:
    assert dataclasses.replace(task, inputs=tuple(task.inputs)).digest() == task.digest()
    assert dataclasses.replace(task, metric="bits").digest() != task.digest()
    assert dataclasses.replace(task, inputs=task.inputs[::-1]).digest() != task.digest()


def test_task_is_the_float_models_inputs_when_it_takes_a_picture(task: Task) -> None:
    assert task.metric == "1 - NMSE(img)" and task.score is None
    assert len(task.inputs) == len(bundled_inputs(views=1))
    assert all(arrays[0].shape == (1, 16, 16, 3) for arrays in task.inputs)


def test_own_errors_are_those_of_the_layers_when_measured_alone(source: Path) -> None:
    """Oracle: the layer itself in LiteRT, with weights that are rounded beforehand."""
    pictures = bundled_inputs(views=1)
    model = pictures_model()
    layers = {layer.kind: layer for layer in find_layers(model, RECIPE, pictures)}
    conv = model.main.operators[0]
    weights = conv.inputs[1].buffer.data.view(np.float32).reshape(8, -1)
    bias = conv.inputs[2].buffer.data.view(np.float32)
    results = []
    for bits in (None, 7, 127):
        rows = weights
        if bits is not None:
            scale = np.abs(weights).max(axis=1, keepdims=True) / bits
            rows = np.rint(weights / scale) * scale
        changed = pictures_model()
        changed.main.operators[0].inputs[1].buffer.data = (
            np.ascontiguousarray(rows.astype(np.float32)).view(np.uint8).reshape(-1)
        )
        alone = model_of(
            changed.main.inputs, changed.main.operators[0].outputs, changed.main.operators[:1]
        )
        runs = [run(alone, *pictures.arrays(i, alone))[0] - bias for i in range(len(pictures))]
        results.append(np.concatenate(runs))
    energy = np.square(results[0]).sum()
    for name, found in (("int4", results[1]), ("int8", results[2])):
        error = np.square(found - results[0]).sum() / energy
        assert layers["CONV_2D"].own_nsr[name] == pytest.approx(error, rel=0.02)


def test_sizes_and_work_are_counted_when_layers_are_found(source: Path) -> None:
    layers = {
        one.kind: one for one in find_layers(pictures_model(), RECIPE, bundled_inputs(views=1))
    }
    assert {kind: one.weights for kind, one in layers.items()} == {
        "CONV_2D": 8 * 27, "DEPTHWISE_CONV_2D": 72, "FULLY_CONNECTED": 48
    }  # fmt: skip
    assert {kind: one.macs for kind, one in layers.items()} == {
        "CONV_2D": 64 * 8 * 27, "DEPTHWISE_CONV_2D": 16 * 72, "FULLY_CONNECTED": 48
    }  # fmt: skip
    linear = layers["FULLY_CONNECTED"]
    sizes = {
        weights: linear.size_bytes(Precision(weights, Activations.FLOAT)) for weights in WeightType
    }
    assert sizes[WeightType.FLOAT32] == 4 * 48 and sizes[WeightType.FLOAT16] == 2 * 48
    assert sizes[WeightType.INT8] == 48 + 4 * 6 and sizes[WeightType.INT4] == 24 + 4 * 6


def test_plain_methods_are_used_when_a_model_takes_no_pictures() -> None:
    base = find_recipe("mixed-int4")
    assert base.uses_calibration
    x, y = value("x", [1, 4]), value("y", [1, 3])
    weights = constant("w", np.ones((3, 4), np.float32))
    bare = model_of([x], [y], [new_operator("FULLY_CONNECTED", [x, weights, None], [y])])
    assert usable_recipe(pictures_model(), base) is base
    plain = usable_recipe(bare, base)
    assert plain.name == f"{base.name}-plain"
    assert plain.rules == base.rules
    assert plain.methods.input_terms == base.methods.input_terms
    assert make_plan(bare, plain).layers


def found() -> tuple[TuneResult, Budget]:
    def one(name: str, size: int, drop: float) -> TunedRecipe:
        return TunedRecipe(name, RECIPE, RecipeTrial(size, drop / 100, 1.0, 2.0), drop, 0.5)

    fixed, mixes = (
        (one("dynamic-int8", 9_000, 0.5),),
        (one("mix 0", 20_000, 0.0), one("mix 9", 5_000, 3.0)),
    )
    result = TuneResult(RecipeTrial(40_000, 0.0, 1.0, 4.0), fixed, mixes, fixed[0], ())
    return result, Budget(10_000, 1.0)


COSTS = [
    LayerCost(f"layer {index}", "CONV_2D", 100 * index + 1, f"{weights}/dynamic", 50, 350, 0.1,
              10.0**-index, weights == "int4")
    for index in range(3) for weights in ("int4", "int8")
]  # fmt: skip


def test_record_has_every_candidate_when_written_as_json() -> None:
    result, budget = found()
    record = json.loads(json.dumps(found_record(result, budget, "bits read")))
    assert [one["name"] for one in record["candidates"]] == ["dynamic-int8", "mix 0", "mix 9"]
    assert [one["on_front"] for one in record["candidates"]] == [True, True, True]
    assert (record["winner"], record["metric"]) == ("dynamic-int8", "bits read")
    assert record["budget"] == dataclasses.asdict(budget)
    for one in record["candidates"]:
        assert recipe_from_json(json.dumps(one["recipe"])) == RECIPE
    none = found_record(dataclasses.replace(result, winner=None, shortfalls=("a",)), budget, "m")
    assert (none["winner"], none["shortfalls"]) == (None, ["a"])


def test_costs_come_back_when_written_as_json() -> None:
    record = json.loads(json.dumps(sensitivity_record(COSTS, "bits read")))
    assert [LayerCost(**layer) for layer in record["layers"]] == COSTS
    assert record["metric"] == "bits read"


@pytest.mark.parametrize("kind", ["found", "sensitivity"])
def test_plot_is_the_same_file_when_drawn_again(kind: str, tmp_path: Path) -> None:
    result, budget = found()
    paths = [tmp_path / "one.svg", tmp_path / "other.svg"]
    for path in paths:
        if kind == "found":
            plot_found(result, budget, "bits read", path)
        else:
            plot_sensitivity(COSTS, path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    text = paths[0].read_text()
    ElementTree.fromstring(text)
    words = (
        ["dynamic-int8", "front", "winner"] if kind == "found" else ["layer 0", "int4, measured"]
    )
    assert all(f"<!-- {word} -->" in text for word in words)
    with pytest.raises(OutputExistsError):
        plot_sensitivity(COSTS, paths[0])


def test_layers_are_not_named_when_there_are_too_many_to_read(tmp_path: Path) -> None:
    many = [dataclasses.replace(COSTS[0], layer=f"block {index}") for index in range(61)]
    plot_sensitivity(many, tmp_path / "many.svg")
    text = (tmp_path / "many.svg").read_text()
    assert "block 7" not in text
    assert "layer, in the order of the graph" in text


def test_picture_is_drawn_when_the_budget_is_open(tmp_path: Path) -> None:
    result, _ = found()
    bare = dataclasses.replace(result, winner=None, fixed=())
    plot_found(bare, Budget(), "m", tmp_path / "open.png")
    with Image.open(tmp_path / "open.png") as image:
        assert image.width > 400 and image.height > 300


def test_plot_is_refused_when_its_ending_is_another() -> None:
    with pytest.raises(UsageError, match=r"found\.pdf: a plot ends in \.png or \.svg"):
        check_plot(Path("found.pdf"))
    check_plot(Path("found.SVG"))


def test_extra_is_named_when_matplotlib_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"drawing a plot needs the extra \[evaluate\]"):
        check_plot(Path("found.png"))
