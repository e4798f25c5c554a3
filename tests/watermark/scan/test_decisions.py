"""Thresholds for many items, against scipy's procedure and by what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from edgeseal.watermark.scan._decisions import decide

P_VALUES = st.lists(st.floats(-40, 0), min_size=1, max_size=60)


@given(P_VALUES, st.sampled_from([0.001, 0.01, 0.2]))
def test_counts_are_those_of_the_published_procedures(logs: list[float], alpha: float) -> None:
    few = np.array([log for log in logs if log <= np.log10(alpha)])
    found = decide(few, len(logs), fpr=1e-6, alpha=alpha)
    p_values = 10.0 ** np.array(logs)
    adjusted = false_discovery_control(p_values, method="bh")
    near = np.isclose(adjusted, alpha, rtol=1e-9)  # rounding decides
    assert abs(found.benjamini_hochberg - np.count_nonzero(adjusted <= alpha)) <= near.sum()
    assert found.bonferroni == np.count_nonzero(p_values * len(logs) <= alpha)
    assert found.bonferroni <= found.benjamini_hochberg
    assert found.expected_false_alarms == pytest.approx(len(logs) * 1e-6)


def test_nothing_is_marked_when_nothing_was_tested() -> None:
    found = decide(np.array([]), 0, fpr=1e-6, alpha=0.01)
    assert (found.tested, found.bonferroni, found.benjamini_hochberg) == (0, 0, 0)


def test_rate_of_false_alarms_is_kept_when_no_item_is_marked() -> None:
    generator = np.random.default_rng(0)
    alarms = [
        decide(np.log10(generator.random(500)), 500, fpr=1e-6, alpha=0.2).bonferroni > 0
        for _ in range(400)
    ]
    assert 0.13 < np.mean(alarms) < 0.24  # 1 - 0.9996^500 = 0.181, five deviations of 0.019
