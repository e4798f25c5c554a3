"""Which tensors are watched, in which groups, and what is said when a model does not run."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from edgeseal.errors import ModelError, RuntimeRefusalError, UsageError
from edgeseal.tflite.calibration import (
    Calibration,
    CalibrationInputs,
    Method,
    TensorStatistics,
    _calibration,
    bundled_inputs,
    fingerprint,
    float_activations,
    inputs_from,
    measure_adequacy,
    observe_values,
    progress_path,
)
from edgeseal.tflite.calibration._observer import Visit, groups
from edgeseal.tflite.calibration._ranges import GraphRanges
from edgeseal.tflite.graph import Model, Tensor, new_operator
from graphs import constant, model_of, value

SIZE = 8


def stages(count: int = 4) -> Model:
    """x -> t1 = x + 1 -> t2 = t1 + 1 -> ...: every tensor's range is known."""
    tensors = [value(f"t{index}", [1, SIZE, SIZE, 3]) for index in range(count + 1)]
    operators = [
        new_operator(
            "ADD", [one, constant("one", np.float32(1))], [other], fusedActivationFunction=0
        )
        for one, other in itertools.pairwise(tensors)
    ]
    return model_of(tensors[:1], tensors[-1:], operators)


@pytest.fixture
def photos(tmp_path: Path) -> CalibrationInputs:
    from PIL import Image

    folder = tmp_path / "photos"
    folder.mkdir()
    for index in range(4):
        shade = 60 * index
        Image.new("RGB", (SIZE, SIZE), (shade, 0, 255)).save(folder / f"{index}.png")
    return inputs_from([folder])


def test_constants_and_integers_are_not_watched_when_listed() -> None:
    x, y, index = value("x", [1, 4, 4, 3]), value("y", [1, 4, 4, 3]), value("i", [1, 4, 4], "INT64")
    table, axis = constant("table", np.float32(2)), constant("axis", [3])
    operators = [
        new_operator("MUL", [x, table], [y], fusedActivationFunction=0),
        new_operator("ARG_MAX", [y, axis], [index], outputType=4),
    ]
    assert float_activations(model_of([x], [index], operators)) == [x, y]


def test_tensor_is_not_watched_when_its_shape_is_known_only_while_running() -> None:
    x, y = value("x", [1, 4, 4, 3]), value("y", [-1, 4])
    model = model_of([x], [y], [new_operator("RESHAPE", [x, constant("s", [-1, 4])], [y])])
    assert float_activations(model) == [x]


def test_tensor_is_listed_once_when_it_is_input_and_output() -> None:
    x = value("x", [1, 4, 4, 3])
    y = value("y", [1, 4, 4, 3])
    assert float_activations(model_of([x], [x, y], [new_operator("ABS", [x], [y])])) == [x, y]


@pytest.mark.parametrize(
    ("limit", "sizes"),
    [(1, [1, 1, 1, 1]), (800, [2, 2]), (799, [1, 1, 1, 1]), (1200, [3, 1]), (1e9, [4])],
)
def test_groups_fit_the_limit_when_tensors_are_split(limit: int, sizes: list[int]) -> None:
    tensors = [value(str(index), [10, 10]) for index in range(4)]  # 400 bytes each
    found = list(groups(tensors, limit))
    assert [len(group) for group in found] == sizes
    assert [tensor for group in found for tensor in group] == tensors


def test_no_group_is_made_when_there_are_no_tensors() -> None:
    assert list(groups([])) == []


def test_values_are_those_of_every_stage_when_observed(photos: CalibrationInputs) -> None:
    model = stages()
    observed = Calibration.on(model, photos).observe(model)
    for number, seen in enumerate(observed.values()):
        assert (seen.low, seen.high) == pytest.approx((number, number + 1))
        assert seen.channel_high is not None and seen.channel_low is not None
        assert seen.channel_high == pytest.approx(np.add([180 / 255, 0, 1], number), abs=1e-6)
        assert seen.channel_low == pytest.approx(np.add([0, 0, 1], number), abs=1e-6)


def test_statistics_are_the_same_when_tensors_are_observed_in_groups(
    photos: CalibrationInputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = stages()
    whole = Calibration.on(model, photos).observe(model)
    monkeypatch.setattr(_calibration, "groups", lambda tensors: groups(tensors, 1))
    runs: list[int] = []
    split = Calibration.on(model, photos)
    split.advance = lambda: runs.append(0)
    found = split.observe(model)
    assert len(runs) == len(photos) * len(whole)
    for tensor, seen in whole.items():
        assert found[tensor].to_record() == seen.to_record()


def test_inputs_before_the_start_are_not_run_when_going_on(photos: CalibrationInputs) -> None:
    model = stages(1)
    visited: list[float] = []
    done: list[int] = []

    def visit(tensor: Tensor, values: np.ndarray) -> None:
        visited.append(float(values[0, 0, 0, 0]))

    observe_values(model, model.main.inputs, photos, visit, start=2, after_each=done.append)
    assert done == [2, 3]
    assert visited == pytest.approx([120 / 255, 180 / 255])


def test_nothing_runs_when_all_inputs_are_done(photos: CalibrationInputs) -> None:
    def fail(tensor: Tensor, values: np.ndarray) -> None:
        raise AssertionError

    observe_values(stages(), stages().main.inputs, photos, fail, start=len(photos))


def test_refusal_is_in_litert_s_words_when_the_model_cannot_be_prepared() -> None:
    x, y = value("x", [1, 4, 4, 3]), value("y", [1, 7])
    model = model_of([x], [y], [new_operator("RESHAPE", [x, constant("s", [1, 7])], [y])])
    with pytest.raises(RuntimeRefusalError, match=r"cannot prepare the float model .*reshape"):
        Calibration.on(model).observe(model)


def test_refusal_says_read_when_the_file_means_nothing() -> None:
    x, y = value("x", [1, 4, 4, 3]), value("y", [1, 4, 4, 3])
    short = constant("c", np.zeros(3, np.float32))
    short.shape = (1, 4, 4, 3)  # of more values than there are
    model = model_of([x], [y], [new_operator("ADD", [x, short], [y], fusedActivationFunction=0)])
    with pytest.raises(RuntimeRefusalError, match="cannot read the float model"):
        Calibration.on(model).observe(model)


def test_refusal_says_run_when_the_model_fails_while_running() -> None:
    x, y = value("x", [1, 4, 4, 3]), value("y", [1, 4, 4, 3])
    index = value("index", [1, 4, 4, 3], "INT32")
    table = constant("table", np.zeros(1, np.float32))
    far = value("far", [1, 4, 4, 3])
    operators = [
        new_operator("ADD", [x, constant("c", np.float32(9))], [far], fusedActivationFunction=0),
        new_operator("CAST", [far], [index]),
        new_operator("GATHER", [table, index], [y], axis=0, batchDims=0),
    ]
    with pytest.raises(RuntimeRefusalError, match="cannot run the float model"):
        model = model_of([x], [y], operators)
        Calibration.on(model).observe(model)


def test_tensor_is_named_when_it_is_not_finite() -> None:
    x, y = value("x", [1, 4, 4, 3]), value("logarithm", [1, 4, 4, 3])
    nought = value("nought", [1, 4, 4, 3])
    operators = [
        new_operator("SUB", [x, x], [nought], fusedActivationFunction=0),
        new_operator("LOG", [nought], [y]),
    ]
    model = model_of([x], [y], operators)
    with pytest.raises(ModelError, match="tensor 'logarithm' of the float model"):
        Calibration.on(model).observe(model)


class StopError(Exception):
    """The user interrupts."""


@pytest.mark.parametrize("after", [1, 2, 3, 5, 7])
def test_statistics_are_the_same_when_interrupted_anywhere(
    after: int, photos: CalibrationInputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also between two groups of tensors, of which the first is done."""
    model, path = stages(1), tmp_path / "ranges.json"
    expected = Calibration.on(model, photos).observe(model)
    monkeypatch.setattr(_calibration, "groups", lambda tensors: groups(tensors, 1))
    monkeypatch.setattr(_calibration, "_SAVE_EVERY_S", -1.0)
    broken = Calibration.on(model, photos, save_to=path)
    calls: list[int] = []

    def stop() -> None:
        calls.append(0)
        if len(calls) == after:
            raise StopError

    broken.advance = stop
    with pytest.raises(StopError):
        broken.observe(model)
    again = Calibration.on(model, photos, save_to=path)
    assert again.resumed == min(after, len(photos))
    again.advance = lambda: calls.append(0)
    found = again.observe(model)
    assert len(calls) == len(photos) * 2  # nothing was run twice
    for tensor, seen in expected.items():
        assert found[tensor].to_record() == seen.to_record()


def _into(calibration: Calibration, model: Model) -> Visit:
    graph = calibration.ranges.graphs.setdefault(fingerprint(model), GraphRanges())

    def visit(tensor: Tensor, values: np.ndarray) -> None:
        graph.tensors.setdefault(tensor.name, TensorStatistics()).add(values)

    return visit


def test_tensors_begin_anew_when_interrupted_between_two_of_a_group(
    photos: CalibrationInputs, tmp_path: Path
) -> None:
    model, path = stages(1), tmp_path / "ranges.json"
    expected = Calibration.on(model, photos).observe(model)
    broken = Calibration.on(model, photos, save_to=path)
    observe_values(
        model,
        float_activations(model),
        CalibrationInputs(photos.pictures[:2]),
        _into(broken, model),
    )
    graph = broken.ranges.graphs[fingerprint(model)]
    graph.tensors["t0"].add(np.full((1, 3), 99, np.float32))  # has seen a third, t1 has not
    broken._save_progress()
    again = Calibration.on(model, photos, save_to=path)
    found = again.observe(model)
    for tensor, seen in expected.items():
        assert found[tensor].to_record() == seen.to_record()


def test_model_error_names_the_file_when_progress_is_of_another_model(
    photos: CalibrationInputs, tmp_path: Path
) -> None:
    path = tmp_path / "ranges.json"
    Calibration.on(stages(1), photos).save(progress_path(path))
    with pytest.raises(ModelError, match=r"ranges\.json\.progress: .* another model"):
        Calibration.on(stages(2), photos, save_to=path)


def test_another_graph_is_observed_beside_the_first_when_a_recipe_rewrote_it(
    photos: CalibrationInputs, tmp_path: Path
) -> None:
    source, rewritten, path = stages(1), stages(2), tmp_path / "ranges.json"
    calibration = Calibration.on(source, photos)
    calibration.observe(source)
    calibration.observe(rewritten)
    calibration.save(path)
    loaded = Calibration.load(path, stages(1))
    assert [seen.high for seen in loaded.observe(stages(1)).values()] == [1, 2]
    assert [seen.high for seen in loaded.observe(stages(2)).values()] == [1, 2, 3]
    with pytest.raises(UsageError, match="--save-ranges"):
        loaded.observe(stages(3))


def test_adequacy_warns_of_few_pictures_when_they_are_otherwise_fine() -> None:
    model = stages(2)
    calibration = Calibration.on(model, bundled_inputs(views=1))
    adequacy = measure_adequacy(calibration, model, calibration.observe(model), Method.MIN_MAX)
    assert adequacy.error_ratio == pytest.approx(1)
    assert adequacy.clipped_share == 0
    assert adequacy.warning is not None
    assert f"only {adequacy.pictures} pictures" in adequacy.warning


def test_adequacy_names_no_tensor_when_none_varies() -> None:
    x, y = value("x", [1, 8, 8, 3]), value("y", [1, 8, 8, 3])
    model = model_of([x], [y], [new_operator("SUB", [x, x], [y], fusedActivationFunction=0)])
    calibration = Calibration.on(model, bundled_inputs(views=1))
    observed = calibration.observe(model, [y])
    adequacy = measure_adequacy(calibration, model, observed, Method.MIN_MAX)
    assert (adequacy.error_ratio, adequacy.worst_tensor) == (1.0, "none")
    assert adequacy.clipped_share == 0
