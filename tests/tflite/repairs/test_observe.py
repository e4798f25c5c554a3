"""Ranges of the values that were seen."""

from __future__ import annotations

import numpy as np

from edgeseal.tflite.graph import Tensor
from edgeseal.tflite.repairs.mend._seen_values import _widen


def test_text_has_no_range_when_it_is_a_scalar() -> None:
    ranges: dict[Tensor, tuple[float, float]] = {}
    _widen(ranges, Tensor("text", (), "STRING"), np.array(b"text", np.object_))
    assert ranges == {}


def test_range_grows_when_a_scalar_lies_outside() -> None:
    tensor = Tensor("x", (), "FLOAT32")
    ranges = {tensor: (0.0, 1.0)}
    _widen(ranges, tensor, np.array(2.0, np.float32))
    assert ranges == {tensor: (0.0, 2.0)}
