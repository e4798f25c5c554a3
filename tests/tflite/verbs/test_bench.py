"""How results of engines are compared."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from edgeseal.errors import UsageError
from edgeseal.tflite import bench
from edgeseal.tflite.benchmark import EngineMeasurement
from edgeseal.tflite.verbs._bench import EngineAgreement, Judge, agreements_of, plain_agreement
from edgeseal.watermark.verbs._bench import compare_logits

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
