"""How many of many items are marked: a rate for one picture is none for a corpus.

Of N unmarked items N x rate are called present by chance. Bonferroni's threshold bounds the chance
of even one false alarm; that of Benjamini and Hochberg (1995) the expected share of false ones
among those that are called marked.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Decisions", "decide"]


@dataclass(frozen=True, slots=True)
class Decisions:
    """Thresholds for all items together.

    Attributes:
        tested: number of items with a p-value.
        expected_false_alarms: of the verdict ``present``, at most, if no item were marked.
        alpha: the bound for both thresholds.
        bonferroni_p: the p-value up to which an item is marked, such that the chance of any false
            alarm is at most ``alpha``.
        bonferroni: number of items that are.
        benjamini_hochberg_p: likewise, such that the expected share of false ones is at most
            ``alpha``; 0 if there is none.
        benjamini_hochberg: number of items that are.
    """

    tested: int
    expected_false_alarms: float
    alpha: float
    bonferroni_p: float
    bonferroni: int
    benjamini_hochberg_p: float
    benjamini_hochberg: int

    def __str__(self) -> str:
        """Return what they mean in words."""
        return (
            f"of {self.tested} unmarked items at most {self.expected_false_alarms:.2g} would be "
            f"present by chance\n{self.bonferroni} marked if the chance of any false alarm is to "
            f"be {self.alpha:g} (p <= {self.bonferroni_p:.2g}), {self.benjamini_hochberg} if the "
            f"share of false ones is (p <= {self.benjamini_hochberg_p:.2g})"
        )


def decide(
    log10_p_values: NDArray[np.float64], tested: int, *, fpr: float, alpha: float
) -> Decisions:
    """Return thresholds for items with these p-values.

    Args:
        log10_p_values: float64 [K], decimal logarithms; those above that of ``alpha`` may be left
            out, since no threshold is there.
        tested: number of all items with a p-value.
        fpr: of the verdict ``present``.
        alpha: chance of any false alarm, and share of false ones, 0..1.
    """
    single = math.log10(alpha / max(1, tested))
    ranks = np.log10(np.arange(1, len(log10_p_values) + 1))
    fitting = np.flatnonzero(np.sort(log10_p_values) <= single + ranks)
    best = int(fitting[-1]) + 1 if len(fitting) else 0
    return Decisions(
        tested=tested,
        expected_false_alarms=tested * fpr,
        alpha=alpha,
        bonferroni_p=10.0**single,
        bonferroni=int(np.count_nonzero(log10_p_values <= single)),
        benjamini_hochberg_p=best * 10.0**single,
        benjamini_hochberg=best,
    )
