"""Stored integers that stand for no numbers are named by every verb before it works."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgeseal import tflite
from edgeseal.errors import ModelError
from edgeseal.tflite.graph import new_operator, write_model
from graphs import constant, model_of, value

PROBLEMS = {
    "scale of 0": (0.0, 0),
    "negative scale": (-1.0, 0),
    "infinite scale": (np.inf, 0),
    "no number": (np.nan, 0),
    "zero point of 2^62": (0.1, 2**62),
    "zero point beside its type": (0.1, -129),
}
VERBS: dict[str, Callable[[Path, Path], object]] = {
    "bench": lambda path, _: tflite.bench(path, rounds=1),
    "compare": lambda path, _: tflite.compare(path, path),
    "lean": lambda path, output: tflite.lean(path, output),
    "profile": lambda path, _: tflite.profile(path),
    "quantize": lambda path, output: tflite.quantize(path, "dynamic-int8", output),
    "sensitivity": lambda path, _: tflite.sensitivity(path),
    "tune": lambda path, output: tflite.tune(path, output, max_drop=1),
}


def written(folder: Path, scale: float, zero: int) -> Path:
    x = value("x", [4], "INT8", scale=0.1)
    middle, y = value("middle", [2, 2], "INT8", scale=0.1), value("y", [4], "INT8", scale=0.1)
    assert middle.quantization is not None
    middle.quantization.scale = np.array([scale], np.float32)
    middle.quantization.zero_point = np.array([zero], np.int64)
    operators = [
        new_operator("RESHAPE", [x, constant("a", [2, 2])], [middle], newShape=[2, 2]),
        new_operator("RESHAPE", [middle, constant("b", [4])], [y], newShape=[4]),
    ]
    path = folder / "model.tflite"
    write_model(model_of([x], [y], operators), path)
    return path


@pytest.mark.parametrize("problem", PROBLEMS)
def test_check_finds_an_error_when_integers_mean_nothing(problem: str, tmp_path: Path) -> None:
    path = written(tmp_path, *PROBLEMS[problem])
    found = tflite.check(path, prepare_only=True)
    (finding,) = (one for one in found.findings if one.code == "ES015")
    assert not found.is_good
    assert finding.message.startswith("middle: expected ")


@pytest.mark.parametrize("problem", ["scale of 0", "zero point of 2^62"])
@pytest.mark.parametrize("verb", VERBS)
def test_verb_names_the_tensor_when_integers_mean_nothing(
    verb: str, problem: str, tmp_path: Path
) -> None:
    path, output = written(tmp_path, *PROBLEMS[problem]), tmp_path / "out.tflite"
    with pytest.raises(ModelError, match=r"model\.tflite: tensors .*'middle': expected "):
        VERBS[verb](path, output)
    assert not output.exists()


def test_repair_says_it_when_integers_mean_nothing(tmp_path: Path) -> None:
    path = written(tmp_path, 0.1, 2**62)
    found = tflite.repair(path, tmp_path / "out.tflite")
    assert not found.is_good
    assert [one.code for one in found.result.unmended] == ["ES015"]
