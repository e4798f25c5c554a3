"""A model on a device, sample by sample, and what becomes of it when something goes wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from edgeseal import tflite
from edgeseal.errors import ModelError, UsageError
from edgeseal.tflite.devices import Device, DeviceModel, check_on
from edgeseal.tflite.graph import Model, new_operator, write_model
from graphs import model_of, run, value
from patience import HANG_S
from tflite.devices.models import added_matrix, broadcast_mask

ONLY_POSIX = pytest.mark.skipif(not hasattr(os, "killpg"), reason="there are no process groups")


def written(model: Model, folder: Path) -> Path:
    path = folder / "model.tflite"
    write_model(model, path)
    return path


def answering(monkeypatch: pytest.MonkeyPatch, folder: Path, body: str) -> None:
    """Let ``odd`` be a device whose process answers with what a function body returns."""
    script = folder / "worker.py"
    script.write_text(
        "import os, signal\n"
        "from edgeseal.tflite.devices import DeviceAnswer, Refusal\n"
        "from edgeseal.tflite.workers import Status, serve\n"
        f"def answer(request):\n    {body}\n"
        "serve(answer)\n"
    )
    odd = Device("odd", "a device for tests", (sys.executable, str(script)))
    monkeypatch.setattr("edgeseal.tflite.devices._device_model.find_devices", lambda _: [odd])


def test_outputs_are_those_of_the_processor_when_it_is_the_device(tmp_path: Path) -> None:
    model = broadcast_mask()  # of three inputs
    rng = np.random.default_rng(0)
    with DeviceModel(written(model, tmp_path), "cpu") as there:
        for _ in range(2):
            sample = tuple(rng.normal(size=t.shape).astype(np.float32) for t in model.main.inputs)
            (out,) = there.run(sample)
            np.testing.assert_allclose(out, run(model, *sample)[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return DeviceAnswer(Status.REFUSED, refusals=(Refusal('EXP', 'no'),))", "1 x EXP: no"),
        ("return DeviceAnswer(Status.PREPARED, pieces=3)", "falls into 3 pieces"),
        ("return DeviceAnswer(Status.FAILED, 'out of\\n memory')", "out of memory"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL: ended from outside.*memory"),
    ],
)
def test_one_line_says_why_when_a_device_does_not_run_a_model(
    body: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, tmp_path, body)
    path = written(added_matrix(), tmp_path)
    with (
        DeviceModel(path, "odd") as model,
        pytest.raises(ModelError, match=f"model.tflite does not run on odd: .*{words}") as caught,
    ):
        model.run((np.zeros([1, 256, 24], np.float32),))
    assert "\n" not in str(caught.value)


def test_comparison_ends_when_the_device_takes_no_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, tmp_path, "return DeviceAnswer(Status.REFUSED, 'no')")
    path = written(added_matrix(), tmp_path)
    with pytest.raises(ModelError, match="does not run on odd: no"):
        tflite.compare(path, path, device="odd", plot=tmp_path / "plot.svg")
    assert not (tmp_path / "plot.svg").exists()


def test_model_of_changing_shapes_is_refused(tmp_path: Path) -> None:
    x, y = value("x", [-1, 4]), value("y", [-1, 4])
    path = written(model_of([x], [y], [new_operator("ABS", [x], [y])]), tmp_path)
    with pytest.raises(ModelError, match="'x', 'y' is not fixed"):
        DeviceModel(path, "cpu")


def test_missing_driver_is_said_when_there_is_no_graphics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VK_ICD_FILENAMES", str(tmp_path / "none.json"))
    path = written(added_matrix(), tmp_path)
    with pytest.raises(UsageError, match="gpu cannot be asked here: no graphics driver answers"):
        check_on(path, ["gpu"], one_by_one=False)


def test_outputs_agree_and_are_not_timed_when_a_bench_asks_a_device(tmp_path: Path) -> None:
    path = written(added_matrix(), tmp_path)
    found = tflite.bench(path, device="cpu", rounds=1, draws=2)
    here, there = found.engines
    assert found.is_good
    assert (there.engine, there.timings) == ("LiteRT on cpu", None)
    assert here.timings is not None
    assert found.agreements[1].nmse == pytest.approx(0, abs=1e-12)
    assert "not timed" in str(found)


def test_outputs_come_from_the_device_when_two_files_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zeros = (
        "import numpy as np; return DeviceAnswer(Status.RAN, pieces=1, outputs=tuple(tuple("
        "np.zeros(s, k) for s, k in request.outputs) for _ in request.samples))"
    )
    answering(monkeypatch, tmp_path, zeros)
    path = written(added_matrix(), tmp_path)
    found = tflite.compare(path, path, device="odd", max_nsr=0.5)
    assert found.comparison.error is not None
    assert found.comparison.error.nsr == pytest.approx(1)
    assert not found.is_good
    assert found.to_json()["device"] == "a device for tests"
    assert "by a device for tests" in str(found)


BUSY = """
import subprocess
from pathlib import Path
from edgeseal.tflite.workers import serve
def answer(request):
    child = subprocess.Popen(["sleep", "600"])
    Path({pid!r}).write_text(str(child.pid))
    child.wait()
serve(answer)
"""
COMMAND = """
import signal, sys
# Ctrl-C is ignored in the background of a shell, which a child would inherit
ignored = signal.SIG_IGN if sys.argv[3] == "SIGTERM" else signal.default_int_handler
signal.signal(signal.SIGINT, ignored)
from edgeseal.cli import main
from edgeseal.tflite.devices import Device, _check_on
from edgeseal.tflite.verbs import _check
odd = Device("odd", "a device for tests", (sys.executable, sys.argv[1]))
_check_on.find_devices = _check.find_devices = lambda _: [odd]
sys.exit(main(["check", sys.argv[2], "--on", "odd"]))
"""


@ONLY_POSIX
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_compiler_is_not_left_behind_when_the_command_is_ended(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    script, pid = tmp_path / "worker.py", tmp_path / "pid"
    script.write_text(BUSY.format(pid=str(pid)))
    path = written(added_matrix(), tmp_path)
    command = [sys.executable, "-c", COMMAND, str(script), str(path), number.name]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        compiler = int(awaited(pid))
        process.send_signal(number)
        _, err = process.communicate(timeout=HANG_S)
    wait_for_end(compiler)
    if number is not signal.SIGKILL:
        assert (process.returncode, err.splitlines()[-1]) == (2, "interrupted")
        assert list((tmp_path / "tmp").iterdir()) == []


def awaited(path: Path) -> str:
    end = time.monotonic() + HANG_S
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return path.read_text()


def wait_for_end(pid: int) -> None:
    end = time.monotonic() + HANG_S
    while _is_running(pid):
        assert time.monotonic() < end, "it still runs"
        time.sleep(0.02)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")
