"""``edgeseal recipes``, and recipe files on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.commands import Run
from edgeseal.tflite.graph import read_model
from edgeseal.tflite.quantization import RECIPE_METADATA, recipe_from_json, recipe_names


def test_every_recipe_is_listed(run: Run) -> None:
    done = run("recipes")
    assert done.status == 0
    assert all(name in done.out for name in recipe_names())
    listed = run("recipes", "--json").json
    assert listed["schema_version"] == 1
    assert [one["name"] for one in listed["recipes"]] == recipe_names()


def test_shown_recipe_quantizes_when_it_is_saved_and_renamed(
    run: Run, foreign: Path, tmp_path: Path
) -> None:
    shown = run("recipes", "dynamic-int8").out
    mine = tmp_path / "mine.json"
    mine.write_text(shown.replace('"dynamic-int8"', '"mine"'))
    output = tmp_path / "q.tflite"
    done = run("quantize", foreign, "--recipe", mine, "-o", output)
    assert done.status == 0, done.err
    assert "weights: " in done.out
    assert "% INT8" in done.out
    kept = recipe_from_json(read_model(output).metadata[RECIPE_METADATA])
    assert kept == recipe_from_json(mine.read_bytes())
    record = run("quantize", foreign, "--recipe", mine, "-o", output, "--overwrite", "--json").json
    assert record["recipe"] == "mine"
    assert record["weights"]["INT8"] == pytest.approx(0.99, abs=0.01)
    assert sum(record["weights"].values()) == sum(record["macs"].values()) == pytest.approx(1)
    linear = [layer for layer in record["layers"] if layer["kind"] == "FULLY_CONNECTED"]
    assert {(layer["weights"], layer["activations"]) for layer in linear} == {("INT8", "dynamic")}


def test_error_names_file_and_problem_when_the_recipe_does_not_fit(
    run: Run, foreign: Path, tmp_path: Path
) -> None:
    record = json.loads(run("recipes", "dynamic-int8").out)
    record["name"] = "mine"
    record["rules"].append({"names": ["nowhere"], "weights": "float32", "activations": "float"})
    mine = tmp_path / "mine.json"
    mine.write_text(json.dumps(record))
    error = run("quantize", foreign, "--recipe", mine, "-o", tmp_path / "q").refused()
    assert f"{foreign}: recipe 'mine' does not fit" in error
    assert "rules[3] matches nothing ('nowhere')" in error


def test_error_suggests_a_name_when_a_recipe_is_unknown(run: Run) -> None:
    assert "did you mean dynamic-int8" in run("recipes", "dynamic8").refused()
