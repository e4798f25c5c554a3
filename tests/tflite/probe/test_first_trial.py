"""Files that would end this process, or keep it for ever, do so in another one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeseal.errors import ModelError, RuntimeRefusalError
from edgeseal.tflite import quantize
from edgeseal.tflite.graph import Model, Quantization, Tensor, new_operator, write_model
from edgeseal.tflite.probe import Prober, check_comes_back, check_validity, refusal
from edgeseal.tflite.workers import Outcome, Status
from graphs import constant, model_of, value
from tflite.diagnosis.fixtures import FIXTURES


def negation() -> Model:
    x, y = value("x", [3]), value("y", [3])
    return model_of([x], [y], [new_operator("NEG", [x], [y])])


def saved(model: Model, folder: Path) -> Path:
    path = folder / "model.tflite"
    write_model(model, path)
    return path


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGESEAL_CACHE", str(tmp_path / "cache"))


def test_crash_is_told_in_words_when_a_file_ends_its_process(tmp_path: Path) -> None:
    path = saved(FIXTURES["ES003"].build(), tmp_path)
    assert "it ends the process that runs it (SIG" in str(refusal(path))
    with pytest.raises(RuntimeRefusalError, match=r"model\.tflite: LiteRT cannot run .* \(SIG"):
        check_comes_back(path)


def test_hang_is_told_in_words_when_a_file_does_not_end(tmp_path: Path) -> None:
    path = saved(FIXTURES["ES004"].build(), tmp_path)
    with Prober(timeout_s=1.0) as prober:
        assert "it does not end" in str(refusal(path, prober=prober))


def test_name_is_blamed_when_it_is_no_utf8(tmp_path: Path) -> None:
    model = negation()
    model.main.outputs[0].name = "damaged"
    path = saved(model, tmp_path)
    path.write_bytes(path.read_bytes().replace(b"damaged", b"d\x81maged"))
    assert refusal(path) == "the name of a tensor is no UTF-8"


def test_file_is_not_run_when_its_inputs_fill_the_memory(tmp_path: Path) -> None:
    x, y = value("x", [1 << 20, 1 << 20]), value("y", [1 << 20, 1 << 20])
    path = saved(model_of([x], [y], [new_operator("NEG", [x], [y])]), tmp_path)
    assert refusal(path) == "its inputs take 4096.0 GiB, more than a trial may"
    check_comes_back(path)


def test_only_refusals_pass_when_asked_whether_it_comes_back(tmp_path: Path) -> None:
    path = saved(FIXTURES["ES005"].build(), tmp_path)
    assert "FrobnicateOp" in str(refusal(path))
    check_comes_back(path)


def test_no_process_starts_when_a_file_ran_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, copy = saved(negation(), tmp_path), tmp_path / "copy.tflite"
    tried: list[Path] = []

    def prepared(self: Prober, model: Path, *rest: Any, **more: Any) -> Outcome:
        tried.append(model)
        return Outcome(Status.RAN)

    monkeypatch.setattr(Prober, "run", prepared)
    copy.write_bytes(path.read_bytes())
    assert (refusal(path), refusal(copy)) == (None, None)
    with copy.open("ab") as file:
        file.write(b"\0")  # another file
    assert refusal(copy) is None
    assert tried == [path, copy]


def test_file_is_tried_each_time_when_nothing_can_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    monkeypatch.setenv("EDGESEAL_CACHE", str(in_the_way / "cache"))
    path = saved(negation(), tmp_path)
    with Prober() as prober:
        assert refusal(path, prober=prober) is None
        assert refusal(path, prober=prober) is None


def test_source_is_refused_when_calibrating_it_would_end_the_process(tmp_path: Path) -> None:
    path, output = saved(FIXTURES["ES003"].build(), tmp_path), tmp_path / "out.tflite"
    with pytest.raises(RuntimeRefusalError, match="it ends the process"):
        quantize(path, "full-int8", output)
    assert not output.exists()


def _quantized(scales: list[float], zero_points: list[int], axis: int = 0) -> Tensor:
    tensor = constant("weights", np.ones((2, 3), np.int8))
    tensor.quantization = Quantization(
        np.array(scales, np.float32), np.array(zero_points, np.int64), axis
    )
    return tensor


@pytest.mark.parametrize(
    ("scales", "zero_points", "axis", "words"),
    [
        ([0.0], [0], 0, "expected scales above 0, got 0"),
        ([0.1, -2.0], [0, 0], 0, "expected scales above 0, got -2"),
        ([np.inf], [0], 0, "expected scales above 0, got inf"),
        ([np.nan], [0], 0, "expected scales above 0, got nan"),
        ([0.1], [128], 0, "expected zero points of INT8, -128 to 127, got 128"),
        ([0.1], [2**62], 0, f"expected zero points of INT8, -128 to 127, got {2**62}"),
        ([0.1, 0.2, 0.3], [0, 0, 0], 0, r"3 scales for the shape \[2, 3\], axis 0"),
        ([0.1, 0.2], [0, 0, 0], 0, "3 zero points for 2 scales"),
        ([0.1], [], 0, "0 zero points for 1 scales"),
        ([0.1], [0], 7, "the quantized axis is 7, the rank 2"),
    ],
)
def test_tensor_is_named_when_its_parameters_mean_nothing(
    scales: list[float], zero_points: list[int], axis: int, words: str
) -> None:
    weights = _quantized(scales, zero_points, axis)
    y = value("y", [2, 3])
    model = model_of([], [y], [new_operator("DEQUANTIZE", [weights], [y])])
    with pytest.raises(ModelError, match=f"'weights': {words}"):
        check_validity(model)


def test_tensor_is_named_when_its_data_do_not_fit_its_shape() -> None:
    x, c = value("x", [3]), constant("c", np.ones(4, np.float32))
    c.shape = (3,)
    model = model_of([x], [x], [new_operator("ADD", [x, c], [value("y", [3])])])
    with pytest.raises(ModelError, match=r"'c': expected 12 bytes for FLOAT32 \[3\], got 16"):
        check_validity(model)


def test_nothing_is_said_when_all_parameters_can_be_meant() -> None:
    weights, y = _quantized([0.1, 0.2], [0, 0]), value("y", [2, 3], "INT8", 0.5, -128)
    check_validity(model_of([], [y], [new_operator("DEQUANTIZE", [weights], [y])]))
