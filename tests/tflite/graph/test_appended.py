"""What tools put behind a model is still there, and still found, when the model is written."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest

from edgeseal.tflite.graph import Appended, Buffer, Model, Operator, deserialize, serialize
from graphs import model_of, run, value
from records import large_model, record_of, small_model

_X = np.array([[1, 1]], np.float32)


def with_labels(model: Model) -> bytes:
    """Return a file with an archive behind the model, as TensorFlow Lite's metadata library has."""
    file = io.BytesIO()
    file.write(serialize(model))
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("labels.txt", "cat\ndog\n")
        archive.writestr("more.txt", "x" * 1000)
    return file.getvalue()


def offset_of_directory(content: bytes) -> int:
    """Return where the archive's end says that its directory is, which strict readers believe."""
    end = content.rindex(b"PK\5\6")
    return int.from_bytes(content[end + 16 : end + 20], "little")


@pytest.mark.parametrize("size", [4, 400, 400_000])
def test_archive_is_found_when_the_model_before_it_changes_size(size: int) -> None:
    model = deserialize(with_labels(small_model()))
    weights = model.main.operators[0].inputs[1]
    assert weights is not None and weights.buffer is not None
    model.extra_buffers = [Buffer(np.ones(size, np.uint8))]
    written = serialize(model)
    with zipfile.ZipFile(io.BytesIO(written)) as archive:
        assert archive.namelist() == ["labels.txt", "more.txt"]
        assert archive.read("labels.txt") == b"cat\ndog\n"
    assert written[offset_of_directory(written) :][:4] == b"PK\1\2"
    assert run(deserialize(written), _X)[0].tolist() == [[13, 27]]


def test_archive_keeps_its_place_when_nothing_changes() -> None:
    content = with_labels(small_model())
    assert serialize(deserialize(content)) == content


@pytest.mark.parametrize(
    ("place", "value"),
    [(8, b"\xff\xff"), (10, b"\xff\xff"), (12, b"\xff\xff"), (16, b"\0\0\0\0")],
    ids=["entries on disk", "entries", "size", "offset"],
)
def test_archive_stays_as_it_is_when_it_is_damaged(place: int, value: bytes) -> None:
    content = bytearray(with_labels(small_model()))
    start, end = content.index(b"PK\3\4"), content.index(b"PK\5\6")
    content[end + place : end + place + len(value)] = value
    model = deserialize(bytes(content))
    if place != 8:
        model.extra_buffers = [Buffer(np.ones(400, np.uint8))]
    assert serialize(model).endswith(content[start:])


def npu_model() -> Model:
    """Return a model whose custom operator finds its code by its place in the file."""
    x, y = value("x", [2]), value("y", [2])
    own = Operator("Own", [x], [y], is_custom=True, custom_options=np.ones(8, np.uint8))
    return model_of([x], [y], [own])


@pytest.mark.parametrize("growth", [0, 100, 3000], ids=["same", "room left", "no room"])
def test_code_for_a_custom_operator_keeps_its_place_when_the_model_grows(growth: int) -> None:
    content = serialize(npu_model())
    content = content.ljust(len(content) + 200, b"\0") + b"machine code"
    model = deserialize(content)
    assert model.appended is not None
    place = content.index(b"machine code")
    assert model.appended.offset == place
    added = Buffer(np.arange(growth, dtype=np.int64).view(np.uint8)[:growth])
    if growth:
        model.extra_buffers.append(added)
        model.metadata = {str(i): bytes([i]) * 9 for i in range(growth // 100)}
    written = serialize(model)
    assert written[place : place + 12] == b"machine code"
    again = deserialize(written)
    assert again.metadata == model.metadata
    assert [b.data.tolist() for b in again.extra_buffers] == [added.data.tolist()] * bool(growth)
    assert again.main.operators[0].custom_options is not None


@pytest.mark.parametrize("place", [8, 19, 300, 4200, 8500, 20_000])
def test_litert_runs_the_file_when_something_has_its_place_in_the_middle(place: int) -> None:
    x = np.ones((1, 32), np.float32)
    model = large_model()
    expected = run(model, x)[0]
    model.appended = Appended(np.frombuffer(b"machine code", np.uint8), place)
    written = serialize(model)
    assert written[place : place + 12] == b"machine code"
    read = deserialize(written)
    assert np.array_equal(run(read, x)[0], expected)
    assert not [index for index, place in enumerate(places(written)) if place % 16]


def places(content: bytes) -> list[int]:
    """Return where the constants of a file are."""
    start = np.frombuffer(content, np.uint8).ctypes.data
    buffers = [b for b in record_of(content).buffers if b.data is not None and len(b.data)]
    return [int(buffer.data.ctypes.data) - start for buffer in buffers]


def test_waste_is_dropped_when_no_custom_operator_could_use_it() -> None:
    content = serialize(small_model())
    model = deserialize(content + b"left by a tool")
    assert model.appended is None
    assert serialize(model) == content
