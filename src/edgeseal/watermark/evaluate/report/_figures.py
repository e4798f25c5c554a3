"""From what every model read to figures with intervals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from edgeseal.errors import ModelError
from edgeseal.watermark.evaluate._evaluation_plan import EvaluationPlan
from edgeseal.watermark.evaluate._intervals import (
    Draws,
    ShareEstimate,
    Threshold,
    binomial_threshold,
    bootstrap_difference,
    bootstrap_mean,
    calibrated_threshold,
    exact_proportion,
    least_pictures,
    resamples,
)
from edgeseal.watermark.evaluate._metrics import capacity_bits
from edgeseal.watermark.evaluate._picture_record import PictureRecord
from edgeseal.watermark.evaluate._run_evaluation import Evaluation
from edgeseal.watermark.evaluate.attacks import Attack
from edgeseal.watermark.evaluate.report._report import (
    AttackResult,
    DetectionRates,
    Difference,
    EvaluationOrigin,
    EvaluationReport,
    ModelResult,
    Rate,
)
from edgeseal.watermark.runtime import Message, log10_p_value, p_value

__all__ = ["ALL", "bits_read", "summarize"]

ALL = "all"
"""Name of the mean over all attacks."""

Counts = NDArray[np.int64]

_FEW = 10  # pictures


def summarize(
    plan: EvaluationPlan, evaluation: Evaluation, origin: EvaluationOrigin
) -> EvaluationReport:
    """Return the report of an evaluation.

    Args:
        plan: what was done.
        evaluation: what was found.
        origin: what makes it again.

    Raises:
        ModelError: no picture could be evaluated.
    """
    marked = [record for record in evaluation.records if record.is_marked]
    if not marked:
        errors = [record.error for record in evaluation.records if record.error]
        raise ModelError("no picture could be evaluated:\n  " + "\n  ".join(errors))
    draws = resamples(len(marked), plan.settings.seed)
    results = tuple(_model(plan, name, evaluation, draws) for name in _names(plan))
    psnr_db = [record.psnr_db for record in marked if record.psnr_db is not None]
    ssim = [record.ssim for record in marked if record.ssim is not None]
    return EvaluationReport(
        origin=origin,
        models=plan.models,
        embedder=plan.embedder,
        reference=plan.reference.name,
        attack_names=tuple(attack.name for attack in plan.settings.attacks),
        psnr_db=_mean(psnr_db, plan.settings.seed),
        ssim=_mean(ssim, plan.settings.seed),
        results=results,
        differences=tuple(_differences(plan, marked, draws)),
        records=evaluation.records,
        duplicates=evaluation.duplicates,
        notes=tuple(_notes(plan, results, len(marked))),
    )


def bits_read(records: Sequence[PictureRecord], model: str) -> Counts:
    """Return the bits that a model read as sent: int64 [pictures, attacks]."""
    return np.array([(record.matching or {})[model] for record in records], np.int64)


def _names(plan: EvaluationPlan) -> list[str]:
    return [model.name for model in plan.models]


def _mean(values: list[float], seed: int) -> ShareEstimate | None:
    if not values:
        return None
    return bootstrap_mean(np.array(values), resamples(len(values), seed))


def _model(plan: EvaluationPlan, name: str, evaluation: Evaluation, draws: Draws) -> ModelResult:
    marked = [record for record in evaluation.records if record.is_marked]
    counts = bits_read(marked, name)
    unmarked = _unmarked_counts(evaluation.records, marked, name, plan.bits)
    rates = tuple(_rate(unmarked, plan.bits, rate) for rate in plan.settings.rates)
    thresholds = [rate.threshold for rate in rates]
    attacks = plan.settings.attacks
    return ModelResult(
        model=name,
        overall=_attack(None, counts, plan.bits, thresholds, draws),
        attacks=tuple(
            _attack(attack, counts[:, [index]], plan.bits, thresholds, draws)
            for index, attack in enumerate(attacks)
        ),
        rates=rates,
        unmarked_accuracy=float(unmarked.mean() / plan.bits),
        unmarked_spread=float(np.sqrt(np.square(unmarked - plan.bits / 2).mean() / plan.bits) * 2),
        unmarked_counts=tuple(np.bincount(unmarked.ravel(), minlength=plan.bits + 1).tolist()),
    )


def _attack(
    attack: Attack | None,
    counts: Counts,
    bits: int,
    thresholds: Sequence[Threshold],
    draws: Draws,
) -> AttackResult:
    """Summarize int64 [pictures, attacks]: of one attack, or of all together."""
    capacities = np.array([capacity_bits(matching / bits, bits) for matching in range(bits + 1)])
    logarithms = np.array([log10_p_value(matching, bits) for matching in range(bits + 1)])
    return AttackResult(
        attack=ALL if attack is None else attack.name,
        family=ALL if attack is None else attack.family,
        strength=None if attack is None else attack.strength,
        bit_accuracy=bootstrap_mean(counts.mean(axis=1) / bits, draws),
        word_accuracy=_share(counts == bits),
        log10_p_value=bootstrap_mean(logarithms[counts].mean(axis=1), draws),
        capacity_bits=bootstrap_mean(capacities[counts].mean(axis=1), draws),
        detections=tuple(
            DetectionRates(threshold.rate, _share(counts >= threshold.matching_bits))
            for threshold in thresholds
        ),
    )


def _share(hits: NDArray[np.bool_]) -> ShareEstimate:
    """Return the share of hits; the pictures are the trials, however many attacks each saw."""
    return exact_proportion(float(hits.mean(axis=1).sum()), len(hits))


def _unmarked_counts(
    records: Sequence[PictureRecord], marked: Sequence[PictureRecord], name: str, bits: int
) -> Counts:
    """Return the bits in which unmarked pictures agree with messages: [pictures, messages].

    A fresh random message for every picture would prove nothing: its matches are binomial whatever
    the detector does. A message in use meets all pictures, and a detector that leans to some bits
    shows.
    """
    messages = dict.fromkeys(record.message for record in marked)
    sent = np.array([Message.from_hex(text, bits).bits for text in messages], np.int64)
    read = np.array(
        [
            Message.from_hex(record.unmarked[name], bits).bits
            for record in records
            if record.unmarked is not None
        ],
        np.int64,
    )
    agreeing: Counts = read @ sent.T + (1 - read) @ (1 - sent).T
    return agreeing


def _rate(unmarked: Counts, bits: int, rate: float) -> Rate:
    calibrated = calibrated_threshold(unmarked, bits, rate)
    threshold = calibrated or binomial_threshold(bits, rate)
    false = float((unmarked >= threshold.matching_bits).mean(axis=1).sum())
    matching = threshold.matching_bits
    return Rate(
        threshold=threshold,
        pictures=len(unmarked),
        needed=least_pictures(rate),
        stated=p_value(matching, bits) if matching <= bits else 0.0,
        measured=exact_proportion(false, len(unmarked)),
    )


def _differences(
    plan: EvaluationPlan, marked: Sequence[PictureRecord], draws: Draws
) -> Iterator[Difference]:
    reference = plan.reference.name
    expected = 100 * bits_read(marked, reference) / plan.bits
    for name in _names(plan):
        if name == reference:
            continue
        found = 100 * bits_read(marked, name) / plan.bits
        overall = bootstrap_difference(found.mean(axis=1), expected.mean(axis=1), draws)
        yield Difference(name, reference, ALL, overall)
        for index, attack in enumerate(plan.settings.attacks):
            points = bootstrap_difference(found[:, index], expected[:, index], draws)
            yield Difference(name, reference, attack.name, points)


def _notes(plan: EvaluationPlan, results: Sequence[ModelResult], pictures: int) -> Iterator[str]:
    if pictures < _FEW:
        yield (
            f"{pictures} marked pictures are few: bootstrap intervals of fewer than {_FEW} are "
            "narrower than they claim."
        )
    for rate in results[0].rates:
        if not rate.threshold.is_calibrated:
            yield (
                f"False-positive rate {rate.threshold.rate:g}: {rate.pictures} unmarked pictures "
                f"cannot set its threshold, which takes {rate.needed}; the binomial law sets it."
            )
    checksums = {plan.embedder.checkpoint_sha256, *(m.checkpoint_sha256 for m in plan.models)}
    if len(checksums) > 1:
        yield "The models do not all come from one checkpoint."
