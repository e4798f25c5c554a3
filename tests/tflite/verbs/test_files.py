"""The jobs on any file, called from Python."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeseal import tflite
from edgeseal._progress import Progress
from edgeseal.errors import ModelError, NothingToReduceError, OutputExistsError, UsageError
from edgeseal.tflite.graph import new_operator, write_model
from graphs import model_of, value


class Listener(Progress):
    """Keeps the notes of a job."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def square(tmp_path: Path) -> Path:
    """A float model of one operator."""
    x, y = value("x", [1, 4, 4, 3]), value("y", [1, 4, 4, 3])
    path = tmp_path / "square.tflite"
    operator = new_operator("MUL", [x, x], [y], fusedActivationFunction=0)
    write_model(model_of([x], [y], [operator]), path)
    return path


JOBS: dict[str, Callable[[Path, Path], Any]] = {
    "check": lambda source, _: tflite.check(source),
    "targets": lambda source, _: tflite.check(source, targets=["gpu"]),
    "repair": lambda source, output: tflite.repair(source, output),
    "lean": lambda source, output: tflite.lean(source, output),
    "compare": lambda source, _: tflite.compare(source, source, draws=1, max_nsr=0),
    "profile": lambda source, _: tflite.profile(source, rounds=1),
    "inspect": lambda source, _: tflite.inspect(source, list_operators=True),
    "recipes": lambda *_: tflite.recipes("dynamic-int8"),
}


@pytest.mark.parametrize("job", JOBS)
def test_result_is_good_and_turns_into_text_and_json(
    job: str, square: Path, tmp_path: Path
) -> None:
    found = JOBS[job](square, tmp_path / "out.tflite")
    assert found.is_good
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert str(found)
    assert len(str(found).splitlines()) < 12
    assert "[" not in str(found).splitlines()[0]


@pytest.mark.parametrize("job", ["repair", "lean"])
def test_output_is_kept_when_it_exists(job: str, square: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.tflite"
    output.write_text("mine")
    with pytest.raises(OutputExistsError, match="use `overwrite` to replace it"):
        JOBS[job](square, output)
    assert output.read_text() == "mine"


def test_wrong_argument_is_said_first_when_the_output_exists_too(
    square: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.tflite"
    output.write_text("mine")
    with pytest.raises(UsageError, match="`prefer` speed: expected one of accuracy, integer"):
        tflite.repair(square, output, prefer="speed")
    with pytest.raises(UsageError, match="unknown recipe"):
        tflite.quantize(square, "nothing", output)
    with pytest.raises(UsageError, match="`io`"):
        tflite.quantize(square, "full-int8", output, io="int3")
    with pytest.raises(UsageError, match="`finding` or `node` and `command` ask for"):
        tflite.reduce(square, output, finding="ES010", command="true {}")
    with pytest.raises(ModelError, match=r"not a .tflite model"):
        tflite.lean(output, output.with_name("other.tflite"))


def test_pictures_may_be_in_memory(square: Path) -> None:
    picture = np.full((8, 8, 3), 200, np.uint8)
    assert tflite.check(square, images=picture).runs
    assert tflite.compare(square, square, images=[picture, picture]).comparison.samples == 2


def test_comparison_is_not_good_when_an_output_is_beyond_the_gate(
    square: Path, tmp_path: Path
) -> None:
    x, y = value("x", [1, 4, 4, 3]), value("y", [1, 4, 4, 3])
    other = tmp_path / "sum.tflite"
    write_model(model_of([x], [y], [new_operator("ADD", [x, x], [y])]), other)
    assert tflite.compare(square, other, draws=1).is_good
    assert not tflite.compare(square, other, draws=1, max_nsr=1e-6).is_good


def test_nothing_is_reduced_when_there_is_no_fault(square: Path, tmp_path: Path) -> None:
    with pytest.raises(NothingToReduceError, match="no finding of level error"):
        tflite.reduce(square, tmp_path / "part.tflite")


def test_lean_file_is_not_written_when_outputs_differ(
    square: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgeseal.tflite.rewrites import Sameness
    from edgeseal.tflite.verbs import _lean

    monkeypatch.setattr(_lean, "compare_outputs", lambda *_, **__: Sameness(2e-4, 1.0))
    found = tflite.lean(square, tmp_path / "lean.tflite")
    assert not found.is_good
    assert found.to_json()["path"] is None
    assert "not written: outputs differ by 2.0e-04" in str(found)
    assert not (tmp_path / "lean.tflite").exists()


def test_damaged_description_is_noted_when_a_file_is_inspected(
    square: Path, tmp_path: Path
) -> None:
    import edgeseal
    from edgeseal.tflite.graph import read_model
    from edgeseal.watermark.runtime import has_info

    model = read_model(square)
    model.metadata["edgeseal"] = b"{}"
    assert has_info(model)
    write_model(model, tmp_path / "damaged.tflite")
    listener = Listener()
    found = edgeseal.inspect(tmp_path / "damaged.tflite", progress=listener)
    assert found.info is None
    assert "not described by edgeseal" in str(found)
    assert [note for note in listener.notes if note.startswith("warning: ")]
