"""Both ways of running a file: inputs in order, and the first output as real numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeseal.tflite.benchmark import LiteRTCompiledModel, LiteRTInterpreter
from edgeseal.tflite.graph import Model, Signature, new_operator, write_model
from graphs import model_of, value

ENGINES = [LiteRTInterpreter, LiteRTCompiledModel]
Kind = type[LiteRTInterpreter | LiteRTCompiledModel]


def saved(model: Model, folder: Path) -> Path:
    write_model(model, folder / "model.tflite")
    return folder / "model.tflite"


def difference(names: tuple[str, str], results: tuple[str, str]) -> Model:
    """Return a model of a - b, then b - a, whose signature has these names."""
    a, b = value("a", [1, 3]), value("b", [1, 3])
    y, z = value("y", [1, 3]), value("z", [1, 3])
    operators = [
        new_operator("SUB", [a, b], [y], fusedActivationFunction=0),
        new_operator("SUB", [b, a], [z], fusedActivationFunction=0),
    ]
    model = model_of([a, b], [y, z], operators)
    inputs, outputs = dict(zip(names, (a, b), strict=True)), dict(zip(results, (y, z), strict=True))
    model.signatures[:] = [Signature("serving_default", model.main, inputs, outputs)]
    return model


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("names", [("first", "second"), ("second", "first")])
@pytest.mark.parametrize("results", [("p", "q"), ("q", "p")])
def test_inputs_and_output_are_the_models_whatever_the_signature_calls_them(
    engine: Kind, names: tuple[str, str], results: tuple[str, str], tmp_path: Path
) -> None:
    run = engine(saved(difference(names, results), tmp_path)).load()
    a, b = np.array([[5, 6, 7]], np.float32), np.array([[1, 3, 5]], np.float32)
    np.testing.assert_array_equal(run((a, b)), a - b)
    np.testing.assert_array_equal(run((b, a)), b - a)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("dtype", ["INT8", "UINT8"])
def test_integer_results_are_real_numbers_when_read(
    engine: Kind, dtype: str, tmp_path: Path
) -> None:
    x, y = value("x", [1, 4], dtype, scale=0.5, zero=3), value("y", [1, 4], dtype, 0.5, 3)
    model = model_of([x], [y], [new_operator("MAXIMUM", [x, x], [y])])
    stored = np.array([[0, 3, 5, 127]], np.dtype(dtype.lower()))
    result = engine(saved(model, tmp_path)).load()((stored,))
    np.testing.assert_array_equal(result, (stored.astype(np.float32) - 3) * 0.5)


@pytest.mark.parametrize("engine", ENGINES)
def test_file_is_said_to_be_as_large_as_it_is(engine: Kind, tmp_path: Path) -> None:
    path = saved(difference(("a", "b"), ("y", "z")), tmp_path)
    made = engine(path, threads=2)
    assert (made.size_bytes, made.model) == (path.stat().st_size, str(path))
    assert made.name.startswith("LiteRT")


@pytest.mark.parametrize("engine", ENGINES)
def test_refusal_is_litert_s_when_it_cannot_load(engine: Kind, tmp_path: Path) -> None:
    (tmp_path / "text.tflite").write_text("no model")
    with pytest.raises((RuntimeError, ValueError)):
        engine(tmp_path / "text.tflite").load()
