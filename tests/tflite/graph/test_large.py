"""Constants that no flatbuffer can hold: they go behind it, and never through memory."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from edgeseal.errors import ModelError
from edgeseal.tflite.graph import (
    Buffer,
    Operator,
    Tensor,
    deserialize,
    new_operator,
    read_model,
    serialize,
    write_model,
)
from graphs import made, model_of, run, value
from records import large_model, packed, record_named, record_of, small_model

_X = np.linspace(-1, 1, 32, dtype=np.float32)[None]


@pytest.fixture
def low_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a flatbuffer end at 8 kB."""
    monkeypatch.setattr("edgeseal.tflite.graph._write_model._LARGEST_FLATBUFFER", 8192)


def run_file(path: Path) -> np.ndarray:
    interpreter = Interpreter(str(path), num_threads=1)
    return next(iter(interpreter.get_signature_runner()(x=_X).values()))


@pytest.mark.usefixtures("low_limit")
def test_litert_runs_the_file_when_constants_are_behind_the_flatbuffer(tmp_path: Path) -> None:
    model = large_model()
    path = tmp_path / "large.tflite"
    write_model(model, path)
    record = record_of(path.read_bytes())
    outside = [buffer for buffer in record.buffers if buffer.offset > 1]
    assert [buffer.size for buffer in outside] == [4096] * 3  # of four layers, two share theirs
    assert all(buffer.offset % 16 == 0 for buffer in outside)
    assert np.array_equal(run_file(path), run(read_model(path), _X)[0])
    read = read_model(path)
    assert made(read, "y1").inputs[1].buffer is made(read, "y2").inputs[1].buffer
    assert read.metadata == model.metadata


@pytest.mark.usefixtures("low_limit")
def test_metadata_and_small_constants_stay_inside_when_others_leave() -> None:
    record = record_of(large_model())
    tensors = record.subgraphs[0].tensors
    assert record.buffers[record_named(tensors, "w0").buffer].offset > 1
    assert len(record.buffers[record_named(tensors, "b0").buffer].data) == 4 * 32
    assert len(record.buffers[record.metadata[0].buffer].data) == 2000


def test_same_outputs_result_when_constants_come_back_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = run(large_model(), _X)[0]
    with monkeypatch.context() as lower:
        lower.setattr("edgeseal.tflite.graph._write_model._LARGEST_FLATBUFFER", 8192)
        write_model(large_model(), tmp_path / "outside.tflite")
    write_model(read_model(tmp_path / "outside.tflite"), tmp_path / "inside.tflite")
    assert all(b.offset == 0 for b in record_of((tmp_path / "inside.tflite").read_bytes()).buffers)
    assert np.array_equal(run_file(tmp_path / "inside.tflite"), expected)


@pytest.mark.usefixtures("low_limit")
def test_large_options_go_outside_when_the_flatbuffer_is_full(tmp_path: Path) -> None:
    x, y = value("x", [2]), value("y", [2])
    options = np.arange(9000) % 251
    own = Operator("Own", [x], [y], is_custom=True, custom_options=options.astype(np.uint8))
    write_model(model_of([x], [y], [own]), tmp_path / "m.tflite")
    record = record_of((tmp_path / "m.tflite").read_bytes()).subgraphs[0].operators[0]
    assert record.customOptions is None and record.largeCustomOptionsSize == 9000
    read = made(read_model(tmp_path / "m.tflite"), "y")
    assert read.custom_options is not None
    assert read.custom_options.tolist() == options.tolist()


@pytest.mark.usefixtures("low_limit")
def test_model_is_refused_when_what_must_stay_inside_does_not_fit(tmp_path: Path) -> None:
    model = small_model()
    model.metadata = {"note": b"n" * 9000}
    with pytest.raises(ModelError, match=r"m\.tflite: .*metadata and small constants do not fit"):
        write_model(model, tmp_path / "m.tflite")
    assert not list(tmp_path.iterdir())


def test_weights_are_not_copied_when_read_and_written(tmp_path: Path) -> None:
    size = 2**24
    weights = Tensor("w", (size // 4,), "FLOAT32", Buffer(np.ones(size, np.uint8)))
    x, y = value("x", [size // 4]), value("y", [size // 4])
    model = model_of([x], [y], [new_operator("ADD", [x, weights], [y])])
    tracemalloc.start()
    try:
        write_model(model, tmp_path / "a.tflite")
        write_model(read_model(tmp_path / "a.tflite"), tmp_path / "b.tflite")
        assert tracemalloc.get_traced_memory()[1] < size / 8
        content = serialize(model)
        assert tracemalloc.get_traced_memory()[1] < size * 1.1
    finally:
        tracemalloc.stop()
    assert content == (tmp_path / "b.tflite").read_bytes()


def test_constants_are_read_when_they_are_cut_from_a_file_or_behind_it() -> None:
    record = record_of(small_model())
    weights = np.array([[5, 6], [7, 8]], np.float32).tobytes()
    index = record_named(record.subgraphs[0].tensors, "w").buffer
    record.buffers[index] = schema.BufferT(offset=8192, size=len(weights))
    content = packed(record).ljust(8192, b"\0") + weights
    x = np.array([[1, 0]], np.float32)
    assert run(deserialize(content), x)[0].tolist() == [[15, 27]]
    with pytest.raises(ModelError, match="cut short: a value goes on to byte 8208"):
        deserialize(content[:-4])
