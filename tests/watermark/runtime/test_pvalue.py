"""The p-value is the exact tail of the binomial distribution."""

from __future__ import annotations

import math

import pytest

from edgeseal.errors import UsageError
from edgeseal.watermark.runtime import log10_p_value, p_value


@pytest.mark.parametrize("bits", [1, 8, 96, 256, 1024])
def test_tail_equals_scipy_when_compared(bits: int) -> None:
    binom = pytest.importorskip("scipy.stats").binom
    for matches in range(0, bits + 1, max(1, bits // 37)):
        expected = float(binom.sf(matches - 1, bits, 0.5))
        assert p_value(matches, bits) == pytest.approx(expected, rel=1e-10, abs=1e-300)
        log10 = float(binom.logsf(matches - 1, bits, 0.5)) / math.log(10)
        assert log10_p_value(matches, bits) == pytest.approx(log10, rel=1e-9, abs=1e-12)


def test_extremes_are_exact_when_all_or_no_bits_match() -> None:
    assert p_value(0, 96) == 1.0
    assert p_value(96, 96) == 2.0**-96
    assert p_value(95, 96) == 97 * 2.0**-96
    assert log10_p_value(1024, 1024) == pytest.approx(-1024 * math.log10(2), rel=1e-15)


def test_logarithm_stays_finite_when_the_value_underflows() -> None:
    assert p_value(4096, 4096) == 0.0
    assert log10_p_value(4096, 4096) == pytest.approx(-4096 * math.log10(2))


@pytest.mark.parametrize(("matches", "bits"), [(-1, 96), (97, 96), (0, 0)])
def test_counts_are_refused_when_impossible(matches: int, bits: int) -> None:
    with pytest.raises(UsageError, match="matching_bits"):
        p_value(matches, bits)
