"""Codes: the errors they correct, and the false positives that they promise."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgeseal.errors import UsageError
from edgeseal.watermark.payload import MarkStatus, Payload, payload_code
from edgeseal.watermark.payload._evidence import log2_p_hard, log2_p_soft
from edgeseal.watermark.payload._nearest import nearest

LENGTHS = (40, 64, 96, 100, 256, 1024)


def logits_of(length: int, payload: Payload) -> NDArray[np.float64]:
    return 2.0 * np.array(payload_code(length).encode(payload)) - 1


@pytest.mark.parametrize("length", LENGTHS)
def test_rate_is_kept_when_a_code_is_sized(length: int) -> None:
    code = payload_code(length)
    assert code.false_positive_rate <= 1e-6
    assert code.payload_bits % 8 == 0
    assert code.payload_bits + code.crc_bits <= code.code.data_bits
    weighted = code.read(logits_of(length, Payload.from_id(5)) * 3)
    assert weighted.corrected_errors == 0


def test_parameters_are_as_documented_when_a_card_has_them() -> None:
    codes = [payload_code(length) for length in (96, 256, 1024)]
    found = [(code.payload_bits, code.crc_bits, code.correctable_errors) for code in codes]
    assert found == [(32, 1, 10), (80, 7, 26), (336, 2, 89)]


@given(st.sampled_from(LENGTHS[:5]), st.integers(0, 127), st.integers(0, 999))
@settings(max_examples=60, deadline=None)
def test_payload_is_read_when_as_many_bits_are_wrong_as_promised(
    length: int, number: int, seed: int
) -> None:
    payload, rng = Payload.from_id(number), np.random.default_rng(seed)
    logits = logits_of(length, payload)
    errors = payload_code(length).correctable_errors
    logits[rng.permutation(length)[:errors]] *= -4  # wrong, and very sure of it
    reading = payload_code(length).read(logits)
    assert reading.status is MarkStatus.PRESENT
    assert reading.payload == payload
    assert reading.corrected_errors == errors == reading.correctable_errors
    assert reading.log10_p_value <= -6


@pytest.mark.parametrize("length", [96, 256])
def test_more_errors_are_corrected_when_the_detector_is_unsure_of_them(length: int) -> None:
    payload, rng = Payload.from_id(99), np.random.default_rng(3)
    code = payload_code(length)
    logits = logits_of(length, payload)
    logits[rng.permutation(length)[: code.correctable_errors + 6]] *= -0.2
    reading = code.read(logits)
    assert reading.payload == payload
    assert reading.corrected_errors == code.correctable_errors + 6


def test_nearest_code_word_is_found_when_compared_with_all() -> None:
    rng = np.random.default_rng(0)
    generator = np.concatenate([np.eye(8), rng.integers(0, 2, (8, 16))], 1).astype(np.uint8)
    every = np.array(list(itertools.product([0, 1], repeat=8)), np.uint8) @ generator % 2
    for _ in range(50):
        word, weights = rng.integers(0, 2, 24).astype(np.uint8), rng.exponential(size=24)
        found = nearest(generator, word, weights)
        least = ((every != word) * weights).sum(1).min()
        assert ((found != word) * weights).sum() == pytest.approx(least)


def test_soft_p_value_bounds_the_truth_when_all_words_are_counted() -> None:
    rng = np.random.default_rng(1)
    patterns = np.array(list(itertools.product([0, 1], repeat=14)), bool)
    for scale in (0.0, 1.0, 3.0):
        weights = np.exp(scale * rng.normal(size=14))
        sums = patterns @ weights
        for wrong in patterns[rng.integers(0, len(patterns), 40)]:
            truth = math.log2((sums <= weights[wrong].sum() + 1e-12).mean())
            bound = log2_p_soft(weights, wrong, 0)
            assert truth - 1e-9 <= bound
            assert bound <= truth + 0.6 or bound == 0.0


def test_weights_do_not_overflow_when_messages_are_long() -> None:
    wrong = np.arange(4096) < 1200
    bound = log2_p_soft(np.ones(4096), wrong, 0)
    assert bound == pytest.approx(log2_p_hard(1200, 4096, 0), abs=1e-6)


@pytest.mark.parametrize("sure", [False, True])
def test_false_positives_are_as_many_as_stated_when_bits_are_random(sure: bool) -> None:
    """At a rate that can be counted: with 1 in 100, not many more than 1 in 100."""
    code, rng = payload_code(40), np.random.default_rng(4)
    trials = 2000
    spread = np.zeros(40) if sure else rng.normal(size=(trials, 40))
    logits = rng.choice([-1.0, 1.0], (trials, 40)) * np.exp(spread)
    found = [code.read(row, fpr=0.01).status is MarkStatus.PRESENT for row in logits]
    assert sum(found) <= 0.01 * trials + 3 * math.sqrt(0.01 * trials)


def test_stage_between_is_damaged_when_the_evidence_is_weak() -> None:
    payload, rng = Payload.from_id(77), np.random.default_rng(5)
    code, order = payload_code(96), rng.permutation(96)
    statuses = []
    for errors in range(8, 20):
        logits = logits_of(96, payload)
        logits[order[:errors]] *= -1
        reading = code.read(logits)
        assert (reading.payload is None) == (reading.status is not MarkStatus.PRESENT)
        if reading.status is MarkStatus.DAMAGED:
            assert 1e-6 < reading.p_value <= 1e-3
        statuses.append(reading.status)
    ranks = [list(MarkStatus).index(status) for status in statuses]
    assert ranks == sorted(ranks)
    assert set(statuses) == set(MarkStatus)


def test_stricter_rate_refuses_when_errors_are_many() -> None:
    logits = logits_of(96, Payload.from_id(1))
    logits[:10] *= -1
    code = payload_code(96)
    assert code.read(logits).status is MarkStatus.PRESENT
    assert code.read(logits, fpr=1e-9).status is MarkStatus.DAMAGED


@pytest.mark.parametrize("constant", [0.0, 1.0, -1.0])
def test_nothing_is_found_when_a_detector_always_says_the_same(constant: float) -> None:
    for length in LENGTHS:
        reading = payload_code(length).read(np.full(length, constant))
        assert reading.status is MarkStatus.ABSENT


def test_reading_goes_into_json_when_printed() -> None:
    record = payload_code(96).read(logits_of(96, Payload.from_text("hi"))).to_json()
    assert record["status"] == "present"
    assert record["payload"] == {"kind": "text", "value": "hi"}
    assert record["corrected_errors"] == 0
    assert record["false_positive_rate"] == 1e-6


@pytest.mark.parametrize("length", [1, 16, 32])
def test_code_is_refused_when_messages_are_too_short(length: int) -> None:
    with pytest.raises(UsageError, match=f"{length} bits is too short"):
        payload_code(length)


def test_arguments_are_refused_when_they_cannot_be_used() -> None:
    code = payload_code(96)
    for fpr in (0.0, 1.0, -1.0, math.nan):
        with pytest.raises(UsageError, match="above 0 and below 1"):
            code.read(np.zeros(96), fpr=fpr)
    for logits in (np.zeros(95), np.zeros((1, 96)), np.full(96, np.nan)):
        with pytest.raises(UsageError, match="96 finite numbers"):
            code.read(logits)
