"""Devices: what they take, and what they take and compute wrong."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from conversions import converted
from edgeseal.errors import ModelError, UsageError
from edgeseal.tflite.devices import (
    TAKEN_AND_WRONG,
    Device,
    DeviceResult,
    DeviceSession,
    Verdict,
    check_on,
    find_device,
)
from edgeseal.tflite.diagnosis import CODES
from edgeseal.tflite.graph import Model, new_operator, read_model, write_model
from edgeseal.tflite.quantization import find_recipe, quantize
from edgeseal.tflite.workers import Status
from edgeseal.watermark.cards import Part
from graphs import constant, model_of, value
from tflite.devices.models import (
    added_matrix,
    boxes_and_scores,
    broadcast_mask,
    quantized_exponential,
    wide_sum,
)
from tflite.devices.needs import needs


def on(device: str, model: Model, folder: Path) -> DeviceResult:
    path = folder / "model.tflite"
    write_model(model, path)
    (result,) = check_on(path, [device], timeout_s=300).results
    return result


def worker(folder: Path, body: str) -> Device:
    """Return a device whose process answers with what a function body returns."""
    script = folder / "worker.py"
    script.write_text(
        "import os, signal, time\n"
        "from pathlib import Path\n"
        "from edgeseal.tflite.devices import DeviceAnswer\n"
        "from edgeseal.tflite.workers import Status, serve\n"
        f"def answer(request):\n    {body}\n"
        "serve(answer)\n"
    )
    return Device("odd", "a device for tests", (sys.executable, str(script)))


@pytest.mark.parametrize("name", ["tpu", "gpu:0", "qualcomm:SM1", "arm:m1"])
def test_known_devices_are_listed_when_there_is_no_such_one(name: str) -> None:
    with pytest.raises(UsageError, match=r"qualcomm|SM8650|cortex-a53"):
        find_device(name)


def test_what_to_install_is_said_when_it_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EDGESEAL_ARM", raising=False)
    with pytest.raises(UsageError, match=r"arm:max: run tools/arm.sh DIR"):
        check_on(tmp_path / "none.tflite", ["cpu", "arm:max"])


def test_model_is_right_when_the_device_is_this_processor(tmp_path: Path) -> None:
    report = check_on(converted(Part.DETECTOR, tmp_path), ["cpu"])
    (result,) = report.results
    assert report.is_good
    assert result.verdict is Verdict.RIGHT
    assert result.error is not None
    assert result.error.is_exact
    assert result.tried > 50
    record = json.loads(json.dumps(report.to_json()))
    assert record["devices"][0]["verdict"] == "right"
    assert "0 of" in str(report)


def test_model_with_changing_shapes_is_refused(tmp_path: Path) -> None:
    x, y = value("x", [-1, 4]), value("y", [-1, 4])
    write_model(model_of([x], [y], [new_operator("ABS", [x], [y])]), tmp_path / "m.tflite")
    with pytest.raises(ModelError, match="'x', 'y' is not fixed"):
        check_on(tmp_path / "m.tflite", ["cpu"])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", Status.CRASHED),
        ("time.sleep(600)", Status.TIMED_OUT),
    ],
)
def test_session_answers_and_leaves_nothing_when_the_device_does_not_answer(
    body: str, status: Status, tmp_path: Path
) -> None:
    left = f"Path({str(tmp_path / 'folder')!r}).write_text(__import__('sys').argv[-1]); {body}"
    with DeviceSession(worker(tmp_path, left), timeout_s=5) as session:
        assert session.ask(added_matrix(), ()).status is status
        folder = Path((tmp_path / "folder").read_text())
        assert folder.is_dir()
    assert not folder.exists()


def test_operator_and_whole_are_wrong_when_a_device_gives_zeros(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zeros = (
        "import numpy as np; return DeviceAnswer(Status.RAN, pieces=1, outputs=tuple(tuple("
        "np.zeros(s, k) for s, k in request.outputs) for _ in request.samples))"
    )
    odd = worker(tmp_path, zeros)
    monkeypatch.setattr("edgeseal.tflite.devices._check_on.find_devices", lambda _: [odd])
    result = on("odd", added_matrix(), tmp_path)
    assert result.verdict is Verdict.WRONG
    assert result.error is not None
    assert result.error.nsr == pytest.approx(1)
    assert {(w.kind, w.code) for w in result.wrong} == {
        ("RESHAPE", TAKEN_AND_WRONG),
        ("ADD", TAKEN_AND_WRONG),
    }
    assert TAKEN_AND_WRONG in CODES


@pytest.mark.parametrize(
    ("step", "factor", "verdict"),
    [
        (0.5, -1.0, Verdict.RIGHT),  # as far on the other side
        (0.5, -1.5, Verdict.WRONG),
        (2.0, -1.0, Verdict.WRONG),  # the processor itself is nowhere near
    ],
)
def test_device_as_near_to_the_float_model_as_the_processor_is_right(
    step: float,
    factor: float,
    verdict: Verdict,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    odd = worker(
        tmp_path,
        "import numpy as np; return DeviceAnswer(Status.RAN, pieces=1, outputs=tuple(("
        f"(x + {factor} * (np.round(x / {step}) * {step} - x)).astype(x.dtype),)"
        " for (x,) in request.samples))",
    )
    monkeypatch.setattr("edgeseal.tflite.devices._check_on.find_devices", lambda _: [odd])
    x, q, y = value("x", [1, 256]), value("q", [1, 256], "INT8", step), value("y", [1, 256])
    operators = [new_operator("QUANTIZE", [x], [q]), new_operator("DEQUANTIZE", [q], [y])]
    write_model(model_of([x], [y], operators), tmp_path / "quantized.tflite")
    plain = [value("x", [1, 256]), value("y", [1, 256])]
    same = new_operator("MUL", [plain[0], constant("one", np.ones(1, np.float32))], plain[1:])
    write_model(model_of(plain[:1], plain[1:], [same]), tmp_path / "float.tflite")
    given = tmp_path / "quantized.tflite", ["odd"]
    (alone,) = check_on(*given, one_by_one=False).results
    assert alone.verdict is Verdict.WRONG
    report = check_on(*given, float_model=tmp_path / "float.tflite", one_by_one=False)
    (result,) = report.results
    assert result.verdict is verdict
    assert result.float_errors is not None
    here, own = (error.nsr for error in result.float_errors)
    assert here == pytest.approx(factor**2 * (own or 0), rel=1e-3)
    assert "the processor's own" in str(report)
    assert report.to_json()["devices"][0]["float_nsr"] == here


@needs("gpu", everywhere=True)
def test_operator_is_named_when_the_gpu_computes_it_wrong(tmp_path: Path) -> None:
    result = on("gpu", added_matrix(), tmp_path)
    assert result.refusals == ()  # the GPU says that it takes all of it
    assert [wrong.kind for wrong in result.wrong] == ["ADD"]
    assert not result.is_good


@needs("gpu", everywhere=True)
def test_whole_is_wrong_when_the_gpu_fails_in_company_only(tmp_path: Path) -> None:
    result = on("gpu", broadcast_mask(), tmp_path)
    assert result.verdict is Verdict.WRONG
    assert result.wrong == ()


@needs("gpu", everywhere=True)
def test_boxes_beside_scores_are_measured_when_the_gpu_takes_them(tmp_path: Path) -> None:
    result = on("gpu", boxes_and_scores(), tmp_path)
    assert result.verdict is Verdict.RIGHT
    assert result.tried == result.operators
    assert result.error is not None
    assert result.error.nsr is not None
    assert result.error.nsr < 1e-9


@needs("gpu", everywhere=True)
def test_gpu_says_what_it_refuses_when_values_are_wide(tmp_path: Path) -> None:
    result = on("gpu", wide_sum(), tmp_path)
    assert result.verdict is Verdict.REFUSED
    assert any("INT16" in refusal.reason for refusal in result.refusals)


@needs("gpu", everywhere=True)
@pytest.mark.parametrize("recipe", ["float32", "dynamic-int8"])
def test_detector_is_right_on_a_gpu_when_converted(recipe: str, tmp_path: Path) -> None:
    model = read_model(converted(Part.DETECTOR, tmp_path))
    quantize(model, find_recipe(recipe))
    write_model(model, tmp_path / "candidate.tflite")
    (result,) = check_on(tmp_path / "candidate.tflite", ["gpu"], timeout_s=300).results
    assert result.verdict is Verdict.RIGHT, str(result)
    assert result.error is not None
    assert result.error.nsr is not None
    assert result.error.nsr < (1e-8 if recipe == "float32" else 1e-2)


@needs("qualcomm")
def test_refused_operator_has_a_number_when_qualcomm_does_not_take_it(tmp_path: Path) -> None:
    result = on("qualcomm", quantized_exponential(), tmp_path)
    assert result.verdict is Verdict.REFUSED
    assert [(r.kind, r.numbers) for r in result.refusals] == [("Exp", (1,))]
    assert result.tried == 1  # the sum, alone


@needs("qualcomm")
def test_full_int8_is_one_piece_and_right_when_qualcomm_compiles_it(
    tmp_path: Path, integer_detector: Callable[[], Model]
) -> None:
    result = on("qualcomm:SM8750", integer_detector(), tmp_path)
    assert (result.pieces, result.refused) == (1, 0)
    assert result.verdict is Verdict.RIGHT, str(result)


@needs("arm")
def test_detector_is_right_on_an_arm_processor_when_emulated(tmp_path: Path) -> None:
    (result,) = check_on(converted(Part.DETECTOR, tmp_path), ["arm:cortex-a53"]).results
    assert result.verdict is Verdict.RIGHT, str(result)


@pytest.fixture
def integer_detector(tmp_path: Path) -> Callable[[], Model]:
    """Return a function that quantizes a small detector, only where a device wants it."""
    from edgeseal.tflite.calibration import Calibration, bundled_inputs

    def make() -> Model:
        model = read_model(converted(Part.DETECTOR, tmp_path))
        calibration = Calibration.on(model, bundled_inputs(views=1))
        quantize(model, find_recipe("full-int8"), calibration=calibration)
        return model

    return make
