"""Whether an evaluation is worse than an earlier one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeseal.errors import UsageError
from edgeseal.watermark.evaluate._evaluation_plan import EvaluationPlan
from edgeseal.watermark.evaluate._intervals import ShareEstimate, bootstrap_difference, resamples
from edgeseal.watermark.evaluate._picture_record import PictureRecord
from edgeseal.watermark.evaluate.report._figures import ALL, bits_read
from edgeseal.watermark.evaluate.report._report import EvaluationReport

__all__ = ["Regression", "check_baseline", "compare_with_baseline"]


@dataclass(frozen=True, slots=True)
class Regression:
    """How a model's bit accuracy changed since an earlier report.

    Attributes:
        model: its name.
        attack: name of the attack; ``all`` for the mean over those that both reports have.
        drop: earlier minus now, in percentage points.
        pictures: number of pictures now.
        is_paired: whether both are of the same pictures and messages.
        is_worse: whether the drop is more than is allowed: for ``all`` the drop itself, for a
            single attack all of its interval.
    """

    model: str
    attack: str
    drop: ShareEstimate
    pictures: int
    is_paired: bool
    is_worse: bool


def check_baseline(baseline: EvaluationReport, plan: EvaluationPlan, *, max_drop: float) -> None:
    """Find out before any work whether what a plan gives can be compared with a report.

    Raises:
        UsageError: as :func:`compare_with_baseline`, or the report holds no readings.
    """
    attacks = tuple(attack.name for attack in plan.settings.attacks)
    _common([model.name for model in plan.models], attacks, baseline, max_drop)


def compare_with_baseline(
    report: EvaluationReport, baseline: EvaluationReport, *, max_drop: float
) -> tuple[Regression, ...]:
    """Compare the models that both reports have, by name.

    Args:
        report: now.
        baseline: earlier.
        max_drop: percentage points of bit accuracy that may be lost, 0 or more.

    Returns:
        For each model the mean over the common attacks, then each attack.

    Raises:
        UsageError: the reports have no model or no attack in common, or ``max_drop`` is negative.
    """
    models = [result.model for result in report.results]
    common, attacks = _common(models, report.attack_names, baseline, max_drop)
    return tuple(
        found for model in common for found in _model(report, baseline, model, attacks, max_drop)
    )


def _common(
    models: Sequence[str], attacks: Sequence[str], baseline: EvaluationReport, max_drop: float
) -> tuple[list[str], list[str]]:
    """Return the models and the attacks that a report has as well.

    Raises:
        UsageError: there are none, or something else is wrong; all of it is listed.
    """
    known = [result.model for result in baseline.results]
    common = [name for name in models if name in known]
    shared = [name for name in attacks if name in baseline.attack_names]
    problems = []
    if not max_drop >= 0:
        problems.append(f"`max_drop`: expected 0 or more, got {max_drop:g}")
    if not common:
        listed = ", ".join(known)
        problems.append(f"`baseline`: has none of these models; it has {listed}; name them alike")
    if not shared:
        problems.append("`baseline`: has none of these attacks; use the same `attacks`")
    if not baseline.marked:
        problems.append("`baseline`: holds no picture that was marked and read; make it again")
    if problems:
        raise UsageError("\n  ".join(problems))
    return common, shared


def _model(
    report: EvaluationReport,
    baseline: EvaluationReport,
    model: str,
    attacks: list[str],
    max_drop: float,
) -> Iterator[Regression]:
    now, before, is_paired = _pictures(report, baseline)
    new, old = (
        _accuracies(report, now, model, attacks),
        _accuracies(baseline, before, model, attacks),
    )
    draws = resamples(len(new), report.origin.seed)
    others = draws if is_paired else resamples(len(old), report.origin.seed + 1)
    overall = bootstrap_difference(old.mean(axis=1), new.mean(axis=1), others, draws)
    worse = overall.value > max_drop
    yield Regression(model, ALL, overall, len(new), is_paired, worse)
    for index, attack in enumerate(attacks):
        drop = bootstrap_difference(old[:, index], new[:, index], others, draws)
        yield Regression(model, attack, drop, len(new), is_paired, drop.low > max_drop)


def _pictures(
    report: EvaluationReport, baseline: EvaluationReport
) -> tuple[list[PictureRecord], list[PictureRecord], bool]:
    """Return the pictures to compare: the same ones in the same order, if there are any."""
    before = {(record.sha256, record.message): record for record in baseline.marked}
    same = [record for record in report.marked if (record.sha256, record.message) in before]
    if same:
        return same, [before[record.sha256, record.message] for record in same], True
    return list(report.marked), list(baseline.marked), False


def _accuracies(
    report: EvaluationReport, records: list[PictureRecord], model: str, attacks: list[str]
) -> NDArray[np.float64]:
    """Return percentages of bits read: float64 [pictures, attacks]."""
    columns = [report.attack_names.index(name) for name in attacks]
    counts = bits_read(records, model)[:, columns]
    return np.asarray(100 * counts / report.embedder.bits, np.float64)
