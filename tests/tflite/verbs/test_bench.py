"""How results of engines are compared."""

from __future__ import annotations

import functools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgeseal.errors import UsageError
from edgeseal.tflite import bench
from edgeseal.tflite.benchmark import EngineMeasurement
from edgeseal.tflite.graph import new_operator, write_model
from edgeseal.tflite.verbs._bench import EngineAgreement, Judge, agreements_of, plain_agreement
from edgeseal.watermark.verbs._bench import compare_logits
from graphs import model_of, value
from patience import HANG_S

LOGITS = functools.partial(compare_logits, bits=None)


@pytest.mark.parametrize("judge", [plain_agreement, LOGITS])
def test_agreement_is_empty_when_results_are_not_finite(judge: Judge) -> None:
    good = np.array([[0, 1, -1], [0, 2, 1]], np.float32)
    bad = np.where(good == 2, np.float32(np.nan), good)
    found = [EngineMeasurement("a", "x", None, outputs=one) for one in (good, bad, good)]
    first, broken, last = agreements_of(found, judge)
    assert first == last != EngineAgreement()
    assert broken == EngineAgreement()


def test_arguments_are_refused_before_any_file_is_read() -> None:
    with pytest.raises(UsageError, match="`images` and `draws`: give one of them"):
        bench("none.tflite", images="photos", draws=3)
    with pytest.raises(UsageError, match="`draws`: expected 2 or more, got 1"):
        bench("none.tflite", draws=1)


PROGRAM = """
from edgeseal import tflite
print("started")
found = tflite.bench("model.tflite", rounds=1)
print(found.is_good, __file__)
"""


def test_program_is_not_run_again_when_it_measures_without_a_guard(tmp_path: Path) -> None:
    x, y = value("x", [1, 4]), value("y", [1, 4])
    write_model(model_of([x], [y], [new_operator("ABS", [x], [y])]), tmp_path / "model.tflite")
    (tmp_path / "program.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "program.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=True,
    )
    assert done.stdout.splitlines()[0] == "started"
    assert done.stdout.count("started") == 1
    assert done.stdout.splitlines()[-1].startswith("True ")
