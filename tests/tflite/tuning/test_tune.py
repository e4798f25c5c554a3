"""The search on a model small enough to try every mix."""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from edgeseal.errors import FileError, ModelError, UsageError
from edgeseal.tflite.calibration import bundled_inputs
from edgeseal.tflite.graph import read_model, write_model
from edgeseal.tflite.quantization import Methods, find_recipe, quantize
from edgeseal.tflite.tuning import (
    CHOICES,
    Budget,
    Layer,
    LayerCost,
    RecipeTrial,
    Task,
    Trials,
    TunedRecipe,
    TuneResult,
    find_layers,
    found_record,
    measure_sensitivity,
    pareto,
    search,
)
from edgeseal.tflite.tuning._recipe_search import _hull

# the recipe itself learns from pictures, which this model does not take
BASE = dataclasses.replace(find_recipe("dynamic-int8"), name="plain", methods=Methods())
FREE = Budget(max_drop_points=100.0)


def layers_of(source: Path) -> list[Layer]:
    return find_layers(read_model(source), BASE, bundled_inputs())


def costs_of(trials: Trials, *, every: bool = False) -> list[LayerCost]:
    return measure_sensitivity(trials, layers_of(trials.source), BASE, every=every)


def found_with(trials: Trials, budget: Budget) -> TuneResult:
    layers = layers_of(trials.source)
    costs = measure_sensitivity(trials, layers, BASE, quick=True)
    return search(trials, layers, costs, BASE, budget, fixed={BASE.name: BASE})


def test_layer_that_hardly_reaches_the_result_costs_least(source: Path, task: Task) -> None:
    costs = {(c.layer, c.precision): c for c in costs_of(Trials(source, task))}
    by_layer = {name: costs[name, "int4/dynamic"] for name in ("first", "second", "y")}
    assert by_layer["second"].nmse_img < 1e-3 * by_layer["first"].nmse_img
    # the screening alone cannot know that: each rounds its own weights alike
    own = [cost.own_nsr for cost in by_layer.values()]
    assert max(own) < 1.5 * min(own)


def test_only_what_matters_is_measured_when_the_rest_can_be_estimated(
    source: Path, task: Task
) -> None:
    some = {(c.layer, c.precision): c for c in costs_of(Trials(source, task))}
    all_of_it = {(c.layer, c.precision): c for c in costs_of(Trials(source, task), every=True)}
    assert all(cost.is_measured for cost in all_of_it.values())
    at_base = {layer: some[layer, "int8/dynamic"] for layer in ("first", "second", "y")}
    assert [name for name, cost in at_base.items() if not cost.is_measured] == ["second"]
    # dynamic activations add to it what the screening of weights does not see
    measured = all_of_it["second", "int8/dynamic"].nmse_img
    assert 0.1 < at_base["second"].nmse_img / measured < 3


def test_file_sizes_differ_as_the_layers_say_when_one_gets_fewer_bits(
    source: Path, task: Task
) -> None:
    trials = Trials(source, task)
    (layer, *_) = layers_of(source)
    sizes = []
    for choice in CHOICES[:2]:
        sizes.append(
            trials.measure(BASE.with_layers({layer.name: choice}, name="x"), "").size_bytes
        )
    saved = layer.size_bytes(CHOICES[1]) - layer.size_bytes(CHOICES[0])
    assert abs(sizes[1] - sizes[0] - saved) < 64  # alignment


def test_mixes_are_as_good_as_any_when_every_mix_is_tried(source: Path, task: Task) -> None:
    trials = Trials(source, task)
    layers = layers_of(source)
    found = found_with(trials, FREE)
    points = []
    for choices in itertools.product(CHOICES, repeat=len(layers)):
        named = dict(zip([layer.name for layer in layers], choices, strict=True))
        trial = trials.measure(BASE.with_layers(named, name="x"), "")
        points.append((trial.size_bytes, trial.nmse_img))
    for one in found.mixes:
        better = [
            p for p in points if p[0] <= one.trial.size_bytes and p[1] < 0.7 * one.trial.nmse_img
        ]
        assert not better, one.name


def test_winner_is_the_smallest_within_the_drop_when_there_is_a_budget(
    source: Path, task: Task
) -> None:
    trials = Trials(source, task)
    free = found_with(trials, FREE)
    loosest = max(one.drop_points for one in free.mixes)
    found = found_with(trials, Budget(max_drop_points=loosest / 2))
    assert found.winner is not None
    assert found.winner.drop_points <= loosest / 2
    fitting = [one for one in (*found.fixed, *found.mixes) if one.drop_points <= loosest / 2]
    assert found.winner.trial.size_bytes == min(one.trial.size_bytes for one in fitting)
    by_size = found_with(trials, Budget(max_size_bytes=found.winner.trial.size_bytes))
    assert by_size.winner is not None
    assert by_size.winner.drop_points <= found.winner.drop_points


def test_shortfall_is_said_when_the_budget_cannot_be_met(source: Path, task: Task) -> None:
    trials = Trials(source, task)
    smallest = min(one.trial.size_bytes for one in found_with(trials, FREE).mixes)
    found = found_with(trials, Budget(max_size_bytes=smallest - 1000, max_drop_points=100.0))
    assert found.winner is None
    assert found.shortfalls == (
        f"size: {smallest / 2**20:.2f} MiB at least within the other limits, 0.00 more than the "
        f"{(smallest - 1000) / 2**20:g} asked for (mix {len(layers_of(source)) * 2})",
    )
    both = found_with(trials, Budget(max_size_bytes=smallest - 1000, max_drop_points=0.0))
    assert [line.split(":")[0] for line in both.shortfalls] == ["drop", "size"]


def test_nothing_is_measured_again_when_a_search_was_interrupted(
    source: Path, task: Task, tmp_path: Path
) -> None:
    state = tmp_path / "out.part"
    whole = found_with(Trials(source, task), FREE)
    count = 0

    def stop(what: str) -> None:
        nonlocal count
        count += 1
        if count == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        found_with(Trials(source, task, state=state, on_trial=stop), FREE)
    kept = len(json.loads(state.read_text())["trials"])
    assert kept == 5  # the float model and four layers' trials
    trials = Trials(source, task, state=state)
    again = found_with(trials, FREE)
    total = Trials(source, task)
    found_with(total, FREE)
    assert trials.measured == total.measured - (kept - 1)
    assert [(one.name, one.trial.size_bytes, one.trial.nmse_img) for one in again.mixes] == [
        (one.name, one.trial.size_bytes, one.trial.nmse_img) for one in whole.mixes
    ]
    other = Task("1 - NMSE(img)", [*task.inputs[1:], task.inputs[0]])
    with pytest.raises(UsageError, match="other pictures"):
        Trials(source, other, state=state)
    state.write_text("{")
    with pytest.raises(FileError, match="delete it"):
        Trials(source, task, state=state)


def test_state_is_refused_when_recipes_saw_other_pictures(
    source: Path, task: Task, tmp_path: Path
) -> None:
    """What a recipe makes of other pictures is another file, so its figures say nothing."""
    state = tmp_path / "out.part"
    _ = Trials(source, task, calibration=bundled_inputs(views=1), state=state).float_trial
    _ = Trials(source, task, calibration=bundled_inputs(views=1), state=state).float_trial
    for other in (None, bundled_inputs(views=2)):
        with pytest.raises(UsageError, match="another model, other pictures"):
            Trials(source, task, calibration=other, state=state)


def test_recipe_makes_the_same_bytes_when_it_is_read_from_the_report(
    source: Path, task: Task, tmp_path: Path
) -> None:
    found = found_with(Trials(source, task), FREE)
    assert found.winner is not None
    record = json.loads(json.dumps(found_record(found, FREE, task.metric)))
    assert record["winner"] == found.winner.name
    (entry,) = [one for one in record["candidates"] if one["name"] == found.winner.name]
    recipe_file = tmp_path / "mine.json"
    recipe_file.write_text(json.dumps(entry["recipe"]))
    for name, recipe in (("a", found.winner.recipe), ("b", find_recipe(str(recipe_file)))):
        model = read_model(source)
        quantize(model, recipe)
        write_model(model, tmp_path / f"{name}.tflite")
    made = (tmp_path / "a.tflite").read_bytes()
    assert made == (tmp_path / "b.tflite").read_bytes()
    assert len(made) == entry["size_bytes"]


def test_score_of_the_task_counts_when_there_is_one(source: Path, task: Task) -> None:
    def score(results: np.ndarray) -> float:
        return float((results > 0).mean())

    trials = Trials(source, Task("share above zero", task.inputs, score))
    expected = trials.float_trial.score
    trial = trials.measure(BASE, "base")
    assert abs(trial.score - expected) < 0.05
    assert 0.4 < expected < 0.6


def test_refusal_is_kept_apart_when_a_recipe_cannot_run(
    source: Path, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials = Trials(source, task)

    def refuse(*_: object, **__: object) -> None:
        raise ModelError("no kernel")

    monkeypatch.setattr("edgeseal.tflite.tuning._trials.quantize", refuse)
    trial = trials.measure(BASE, "base")
    assert trial.refusal == "no kernel"
    assert trial.nmse_img == float("inf")


def test_front_has_no_member_that_another_beats() -> None:
    def one(name: str, size: int, drop: float) -> TunedRecipe:
        return TunedRecipe(name, BASE, RecipeTrial(size, 0.0, 1.0, 1.0), drop, 1.0)

    some = [one("a", 10, 1.0), one("b", 20, 0.5), one("c", 15, 2.0), one("d", 20, 0.4)]
    assert [candidate.name for candidate in pareto(some)] == ["d", "a"]


def test_cheaper_choice_is_left_out_when_it_saves_nothing() -> None:
    """Four weights a channel take as many bytes in FLOAT16 as in INT8 with a scale."""

    def cost(precision: str, size: int, error: float) -> LayerCost:
        return LayerCost("a", "CONV_2D", 32, precision, size, 128 - size, error, error, True)

    float16, int8 = cost("float16/float", 64, 1e-7), cost("int8/dynamic", 64, 1e-4)
    int4 = cost("int4/dynamic", 48, 1e-2)
    assert _hull([int4, int8, float16]) == [float16, int4]


def test_everything_wrong_is_listed_when_a_budget_contradicts_itself() -> None:
    with pytest.raises(UsageError) as caught:
        Budget(max_size_bytes=0, max_drop_points=-1.0, max_time_ratio=0.0)
    assert [line.strip().split(":")[0] for line in str(caught.value).splitlines()] == [
        "size",
        "drop",
        "time ratio",
    ]


def test_one_input_is_refused_when_errors_need_a_proportion(task: Task) -> None:
    with pytest.raises(UsageError, match="two pictures or more"):
        Task("1 - NMSE(img)", task.inputs[:1])
