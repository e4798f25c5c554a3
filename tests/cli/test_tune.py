"""``edgeseal sensitivity`` and ``edgeseal tune``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cli.commands import Run
from edgeseal.tflite.graph import new_operator, write_model
from graphs import constant, model_of, value


def test_winner_is_made_again_byte_for_byte_when_its_recipe_is_used(
    run: Run, detector: Path, embedder: Path, tmp_path: Path
) -> None:
    output, plot, report = (tmp_path / name for name in ("t.tflite", "t.png", "t.json"))
    options = ["--embedder", embedder, "--max-drop", "20", "-o", output, "--plot", plot]
    done = run("tune", detector, *options, "--report", report, "--json")
    assert done.status == 0, done.err
    record = done.json
    assert (record["schema_version"], record["tune_schema_version"]) == (1, 1)
    assert record["metric"] == "bits read"
    winner = next(one for one in record["candidates"] if one["name"] == record["winner"])
    assert output.stat().st_size == winner["size_bytes"]
    fixed = next(one for one in record["candidates"] if one["name"] == "dynamic-int8")
    assert winner["size_bytes"] < fixed["size_bytes"]
    assert json.loads(report.read_text())["winner"] == record["winner"]
    with Image.open(plot) as picture:
        assert picture.size[0] > 500
    again = tmp_path / "again.tflite"
    recipe = tmp_path / "t.recipe.json"
    assert run("quantize", detector, "--recipe", recipe, "-o", again).status == 0
    assert again.read_bytes() == output.read_bytes()
    assert not list(tmp_path.glob("*.part"))


def test_same_pictures_make_the_same_file_when_methods_learn_from_them(
    run: Run, detector: Path, photos: Path, tmp_path: Path
) -> None:
    output, again = tmp_path / "t.tflite", tmp_path / "again.tflite"
    learn = ["--calibration", photos]
    done = run("tune", detector, *learn, "--images", photos, "--max-drop", "5", "-o", output)
    assert done.status == 0, done.err
    assert "hybrid-int8" in done.out  # a recipe that cannot do without pictures
    recipe = tmp_path / "t.recipe.json"
    made = run("quantize", detector, "--recipe", recipe, *learn, "-o", again)
    assert made.status == 0, made.err
    assert again.read_bytes() == output.read_bytes()


def test_status_is_one_and_nothing_is_written_when_the_budget_cannot_be_met(
    run: Run, detector: Path, tmp_path: Path
) -> None:
    output = tmp_path / "t.tflite"
    done = run("tune", detector, "--max-size", "0.001", "-o", output)
    assert done.status == 1
    assert "the budget cannot be met: size: " in done.err
    assert not output.exists()


def test_costs_of_every_layer_are_listed_when_asked_for(
    run: Run, detector: Path, embedder: Path, photos: Path, tmp_path: Path
) -> None:
    plot = tmp_path / "s.svg"
    options = ["--embedder", embedder, "--images", photos, "--plot", plot, "--full"]
    done = run("sensitivity", detector, *options, "--json")
    assert done.status == 0, done.err
    record = done.json
    assert record["sensitivity_schema_version"] == 1
    assert {one["precision"] for one in record["layers"]} >= {"int4/dynamic", "int8/dynamic"}
    assert all(one["is_measured"] for one in record["layers"])
    assert all(one["drop_points"] is not None for one in record["layers"])
    assert "<svg" in plot.read_text()
    text = run("sensitivity", detector, "--images", photos)
    assert text.status == 0, text.err
    assert "patch_embed" in text.out


def test_models_of_other_converters_are_tuned_when_there_is_no_metric(
    run: Run, foreign: Path, tmp_path: Path
) -> None:
    done = run("tune", foreign, "--max-drop", "1", "-o", tmp_path / "t.tflite")
    assert done.status == 0, done.err
    assert "metric: 1 - NMSE(img)" in done.out


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], "no budget"),
        (["--max-size", "-3"], "size: must be more than 0"),
        (["--max-drop", "101"], "drop: must be 0..100"),
        (["--max-drop", "1", "--message", "ffff"], "--message needs --images"),
        (["--max-drop", "1", "--images", "EMPTY"], "no pictures or arrays in there"),
        (["--max-drop", "1", "--plot", "t.pdf"], "a plot ends in .png or .svg"),
    ],
)
def test_one_clear_line_when_options_cannot_be_used(
    options: list[str], expected: str, run: Run, detector: Path, tmp_path: Path
) -> None:
    (tmp_path / "EMPTY").mkdir()
    given = [str(tmp_path / "EMPTY") if option == "EMPTY" else option for option in options]
    assert expected in run("tune", detector, *given, "-o", tmp_path / "t.tflite").refused()
    assert not list(tmp_path.glob("t.*"))


def test_quantized_model_is_refused_when_there_is_nothing_to_tune(
    run: Run, detector: Path, tmp_path: Path
) -> None:
    quantized = detector.with_name("tiny_detector_dynamic-int8.tflite")
    output = tmp_path / "t.tflite"
    error = run("tune", quantized, "--max-drop", "1", "-o", output).refused()
    assert "is quantized already" in error
    assert "is quantized already" in run("sensitivity", quantized).refused()


def test_the_option_for_arrays_is_named_when_a_model_takes_no_picture(
    run: Run, tmp_path: Path
) -> None:
    x, y = value("x", (1, 64)), value("y", (1, 16))
    weights = constant("w", np.random.default_rng(0).normal(size=(16, 64)).astype(np.float32))
    layer = new_operator("FULLY_CONNECTED", [x, weights, None], [y], fusedActivationFunction=0)
    write_model(model_of([x], [y], [layer]), tmp_path / "vector.tflite")
    done = run("sensitivity", tmp_path / "vector.tflite")
    assert done.status == 2
    assert "give files of arrays (.npy, .npz) as --images" in done.err
    assert not list(tmp_path.glob("*.part"))
