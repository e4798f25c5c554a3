"""The comparison of what two states of the library write: what may differ, and what may not."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from edgeseal.tflite.graph import Buffer, Model, new_operator, write_description, write_model
from graphs import constant, model_of, value


def script() -> ModuleType:
    """Return the script as a module."""
    path = Path(__file__).parents[1] / "benchmarks" / "same_files.py"
    spec = importlib.util.spec_from_file_location("same_files", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def small_model() -> Model:
    x, y = value("x", (2, 3)), value("edgeseal.watermark.convert._vit.Vit/norm;1", (2, 3))
    table = constant("table", np.arange(6, dtype=np.float32).reshape(2, 3))
    add = new_operator("ADD", [x, table], [y], fusedActivationFunction=0)
    return model_of([x], [y], [add])


def other_version(model: Model) -> None:
    model.main.operators[0].state_version(4)


def other_notes(model: Model) -> None:
    write_description(model, {"made": "later"})


def other_module(model: Model) -> None:
    model.main.outputs[0].name = "edgeseal.convert._vit.Vit/norm;1"


def other_value(model: Model) -> None:
    operand = model.main.operators[0].inputs[1]
    assert operand is not None
    operand.buffer = Buffer.of(np.zeros((2, 3), np.float32))


def other_name(model: Model) -> None:
    model.main.outputs[0].name = "edgeseal.watermark.convert._vit.Vit/norm;2"


def other_option(model: Model) -> None:
    model.main.operators[0].options.fusedActivationFunction = 1


def others_notes(model: Model) -> None:
    model.metadata["min_runtime_version"] = b"2.0"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        *((change, 0) for change in (other_version, other_notes, other_module)),
        *((change, 1) for change in (other_value, other_name, other_option, others_notes)),
    ],
)
def test_files_are_the_same_but_for_versions_and_our_notes(
    change: Callable[[Model], None],
    status: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = small_model()
    for folder in ("before", "after"):
        (tmp_path / folder).mkdir()
        write_model(model, tmp_path / folder / "model.tflite")
        change(model)
    write_model(model, tmp_path / "after" / "model.tflite", overwrite=True)
    assert script().main([str(tmp_path / "before"), str(tmp_path / "after")]) == status
    assert f"{1 - status} of 1 files are the same" in capsys.readouterr().out


def test_file_differs_when_one_folder_lacks_it(tmp_path: Path) -> None:
    for folder in ("before", "after"):
        (tmp_path / folder).mkdir()
    write_model(small_model(), tmp_path / "before" / "model.tflite")
    assert script().main([str(tmp_path / "before"), str(tmp_path / "after")]) == 1
    assert script().main([str(tmp_path / "after"), str(tmp_path / "after")]) == 1  # nothing at all
