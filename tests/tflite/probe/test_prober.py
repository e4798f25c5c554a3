"""Trials in a worker process: what works, what is refused, what crashes, what hangs."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgeseal.errors import ProbeError
from edgeseal.tflite.graph import Model, new_operator
from edgeseal.tflite.probe import Prober
from edgeseal.tflite.workers import Status
from graphs import constant, model_of, value
from patience import HANG_S, wait_until
from tflite.diagnosis.fixtures import FIXTURES


def negation(size: int = 4) -> Model:
    x, y = value("x", [size]), value("y", [size])
    return model_of([x], [y], [new_operator("NEG", [x], [y])])


def test_outputs_come_back_when_a_model_runs() -> None:
    x = np.array([1, -2, 3, 0], np.float32)
    with Prober() as prober:
        outcome = prober.run(negation(), (x,))
    assert outcome.status is Status.RAN
    np.testing.assert_array_equal(outcome.outputs[0], -x)


def test_inputs_are_resized_when_they_have_another_shape() -> None:
    x = np.arange(6, dtype=np.float32)
    with Prober() as prober:
        outcome = prober.run(negation(), (x,))
    np.testing.assert_array_equal(outcome.outputs[0], -x)


def test_latencies_are_measured_when_runs_are_repeated() -> None:
    with Prober() as prober:
        outcome = prober.run(negation(), (np.ones(4, np.float32),), repeats=3)
    assert len(outcome.latencies_ms) == 3
    assert all(latency > 0 for latency in outcome.latencies_ms)


def test_message_is_the_kernels_when_a_model_is_refused() -> None:
    with Prober() as prober:
        outcome = prober.prepare(FIXTURES["ES010"].build())
    assert outcome.status is Status.REFUSED
    assert "batch_matmul" in outcome.message
    assert not outcome.is_prepared


def test_delegate_is_reported_when_it_takes_the_operator() -> None:
    with Prober() as prober:
        assert prober.prepare(negation()).delegated == 1
        assert prober.prepare(negation(), with_delegate=False).delegated == 0


def test_next_trial_works_when_one_crashed() -> None:
    with Prober() as prober:
        crashed = prober.prepare(FIXTURES["ES003"].build())
        after = prober.prepare(negation())
    assert crashed.status is Status.CRASHED
    assert crashed.message.startswith("SIG")
    assert after.status is Status.PREPARED


def test_next_trial_works_when_one_hung(monkeypatch: pytest.MonkeyPatch) -> None:
    with Prober(timeout_s=1.0) as prober:
        hung = prober.run(FIXTURES["ES004"].build(), (np.zeros(1, np.float32),))
        monkeypatch.setattr(prober, "_timeout_s", HANG_S)  # the next may be slow
        after = prober.run(negation(), (np.zeros(4, np.float32),))
    assert hung.status is Status.TIMED_OUT
    assert after.status is Status.RAN


def test_results_are_refused_when_they_are_larger_than_the_limit() -> None:
    x, y = value("x", [1]), value("y", [2**10, 2**8, 2**8])  # 0.25 GiB
    shape = constant("shape", list(y.shape))
    wide = model_of([x], [y], [new_operator("BROADCAST_TO", [x, shape], [y])])
    with Prober(memory_limit_bytes=3 * 2**29, timeout_s=HANG_S) as prober:
        outcome = prober.run(wide, (np.zeros(1, np.float32),))
    assert outcome.status is Status.FAILED
    assert "more than 0.2 GiB" in outcome.message


def test_equal_models_are_tried_once_when_they_are_prepared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Prober() as prober:
        first = prober.prepare(negation())
        monkeypatch.setattr(prober, "_ask", lambda request: pytest.fail("asked again"))
        assert prober.prepare(negation()) is first


def test_error_says_why_when_the_worker_cannot_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", os.fspath("/bin/false"))
    with Prober() as prober, pytest.raises(ProbeError, match="exit status 1"):
        prober.prepare(negation())


def test_worker_ends_when_the_tool_is_killed() -> None:
    script = (
        "import time\n"
        "from edgeseal.tflite.probe import Prober\n"
        "from pathlib import Path\n"
        "prober = Prober()\n"
        "prober.prepare(Path('missing'))\n"
        "print(prober._worker._process.pid, flush=True)\n"
        f"time.sleep({HANG_S})\n"
    )
    tool = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert tool.stdout is not None
    with tool:
        worker = int(tool.stdout.readline())
        tool.kill()
    wait_until(lambda: not _is_alive(worker))


def _is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def test_worker_ends_when_the_tool_is_killed_in_the_middle_of_a_request() -> None:
    script = "from edgeseal.tflite.workers._worker_process import serve; serve(lambda _: None)"
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=pipe,
        stdout=pipe,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as worker:
        worker.communicate(pickle.dumps([1] * 1000)[:-20], timeout=HANG_S)
    assert worker.returncode in (0, -signal.SIGKILL)
