"""Reading and writing: nothing is lost, outputs stay bit-identical, bad files are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from edgeseal.errors import FileError, ModelError, OutputExistsError
from edgeseal.tflite.graph import Buffer, Tensor, new_operator, read_model, write_model
from records import small_model


def run(path: Path, x: list[float]) -> np.ndarray:
    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    return interpreter.get_signature_runner()(**{"in": np.array([x], np.float32)})["out"]


def test_model_built_in_code_computes_when_written(tmp_path: Path) -> None:
    write_model(small_model(), tmp_path / "m.tflite")
    assert run(tmp_path / "m.tflite", [1, 1]).tolist() == [[13, 27]]


def test_everything_is_kept_when_read_and_written(tmp_path: Path) -> None:
    write_model(small_model(), tmp_path / "a.tflite")
    write_model(read_model(tmp_path / "a.tflite"), tmp_path / "b.tflite")
    model = read_model(tmp_path / "b.tflite")
    assert model.metadata == {"note": b"kept \x00 whole"}
    assert model.description == "a test"
    assert list(model.signatures[0].inputs) == ["in"]
    assert [operator.kind for operator in model.operators()] == ["FULLY_CONNECTED"]
    assert (
        run(tmp_path / "b.tflite", [2, 3]).tolist() == run(tmp_path / "a.tflite", [2, 3]).tolist()
    )


def test_constants_are_aligned_when_written(tmp_path: Path) -> None:
    model = small_model()
    model.metadata = {f"odd{i}": b"x" * i for i in range(1, 6)}
    write_model(model, tmp_path / "m.tflite")
    raw = np.fromfile(tmp_path / "m.tflite", np.uint8)
    for tensor in read_model(tmp_path / "m.tflite").main.tensors():
        if tensor.buffer is not None:
            offset = raw.tobytes().index(tensor.buffer.data.tobytes())
            assert offset % 16 == 0, tensor


def test_shared_buffer_is_stored_once_when_written(tmp_path: Path) -> None:
    model = small_model()
    operator = model.main.operators[0]
    big = Buffer.of(np.ones((2, 2), np.float32))
    y, z = operator.outputs[0], Tensor("z", (1, 2), "FLOAT32")
    operator.inputs[1] = Tensor("w1", (2, 2), "FLOAT32", big)
    twin = new_operator(
        "FULLY_CONNECTED", [y, Tensor("w2", (2, 2), "FLOAT32", big), None], [z], keepNumDims=True
    )
    model.main.insert_after(operator, twin)
    model.main.outputs[0] = z
    model.signatures[0].outputs["out"] = z
    write_model(model, tmp_path / "m.tflite")
    read = read_model(tmp_path / "m.tflite")
    first, second = (op.inputs[1] for op in read.main.operators)
    assert first is not None and second is not None and first.buffer is second.buffer
    assert run(tmp_path / "m.tflite", [1, 1]).tolist() == [[34, 34]]


@pytest.mark.parametrize(
    "content", [b"", b"hello, I am text", b"\0" * 64, b"\x1c\0\0\0TFL3garbage"]
)
def test_model_error_names_file_when_it_is_no_model(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.tflite"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"bad\.tflite"):
        read_model(path)


def test_file_error_names_reason_when_file_is_missing_or_a_folder(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="No such file"):
        read_model(tmp_path / "none.tflite")
    with pytest.raises(FileError, match="is a folder; give a file"):
        read_model(tmp_path)


def test_existing_file_is_kept_when_overwrite_is_not_given(tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(b"precious")
    with pytest.raises(OutputExistsError, match="use `overwrite` to replace it"):
        write_model(small_model(), path)
    assert path.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [path]


def test_unknown_option_is_refused_when_operator_is_built() -> None:
    with pytest.raises(AttributeError, match="AddOptionsT has no field speed"):
        new_operator("ADD", [], [], speed=1)


def test_only_the_schemas_own_names_count_when_python_adds_attributes() -> None:
    from edgeseal.tflite.graph._schema import _names

    assert _names(type("Enum", (), {"ADD": 0, "MUL": 18, "__firstlineno__": 7})) == {
        0: "ADD",
        18: "MUL",
    }


def test_intermediates_point_at_the_same_tensors_when_written_again(tmp_path: Path) -> None:
    model = small_model()
    model.main.extra_tensors = [Tensor("unused", (1,), "FLOAT32")]
    model.main.operators[0].intermediates = [Tensor("inside", (2,), "INT16")]
    write_model(model, tmp_path / "a.tflite")
    again = read_model(tmp_path / "a.tflite")
    again.main.extra_tensors = []
    write_model(again, tmp_path / "b.tflite")
    operator = read_model(tmp_path / "b.tflite").main.operators[0]
    assert [tensor.name for tensor in operator.intermediates] == ["inside"]


def test_links_and_devices_are_kept_when_named_as_output(tmp_path: Path) -> None:
    link = tmp_path / "link.tflite"
    link.symlink_to(tmp_path / "elsewhere.tflite")
    for path in (link, Path("/dev/null")):
        with pytest.raises(FileError, match="no regular file"):
            write_model(small_model(), path, overwrite=True)
    assert link.is_symlink()
    assert Path("/dev/null").is_char_device()
