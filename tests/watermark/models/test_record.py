"""What a checkpoint records of its training changes the card, and nothing else does."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from edgeseal.watermark.cards import Card, Part, load_card
from edgeseal.watermark.models._training_record import Adapted, adapt


def published(**record: Any) -> Adapted:
    """Return VideoSeal 1.0's card after a record, for its embedder."""
    return adapt(load_card("videoseal_1.0"), record, Part.EMBEDDER)


def changes(found: Adapted, card: Card) -> dict[str, Any]:
    """Return the fields of an adapted card that differ from a card."""
    names = [field.name for field in dataclasses.fields(card)]
    pairs = {name: (getattr(found.card, name), getattr(card, name)) for name in names}
    return {name: new for name, (new, old) in pairs.items() if new != old}


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"scaling_w": 0.5, "scaling_i": 0.9}, {"scaling_w": 0.5, "scaling_i": 0.9}),
        ({"attenuation": None}, {"attenuation": None}),
        ({"attenuation": "jnd_1_3"}, {"attenuation": "jnd_1_3"}),
        ({"img_size": 512, "img_size_proc": 128}, {"image_size": 128}),
        ({"img_size": 512, "img_size_extractor": 128}, {"image_size": 128}),
        ({"videoseal_step_size": 2, "videowam_step_size": 8}, {"step_size": 2}),
        ({"seed": 3, "embedder": "configs/embedder.yaml"}, {}),
    ],
)
def test_recorded_values_count_when_the_card_says_otherwise(
    record: dict[str, Any], expected: dict[str, Any]
) -> None:
    found = published(**record)
    assert changes(found, load_card("videoseal_1.0")) == expected
    assert len(found.adopted) == len(expected)
    assert found.problems == ()


@pytest.mark.parametrize(
    ("schedule", "scaling_w"),
    [
        ("Cosine,scaling_min=0.2,start_epoch=200,epochs=200", 0.2),
        ("Linear, epochs=100, scaling_min=0.025", 0.025),
        ("None", 1.0),
        ("Constant,scaling_min=0.1,epochs=3", 1.0),
        (None, 1.0),
    ],
)
def test_strength_is_that_of_the_last_epoch_when_it_was_scheduled(
    schedule: str | None, scaling_w: float
) -> None:
    found = published(scaling_w=1.0, scaling_w_schedule=schedule)
    assert found.card.scaling_w == scaling_w


@pytest.mark.parametrize("multiplier", [{}, {"hidden_size_multiplier": 1.0}])
def test_message_embedding_follows_when_the_message_is_shorter(
    multiplier: dict[str, float],
) -> None:
    found = published(nbits=128, **multiplier)
    assert (found.card.bits, found.card.embedder.hidden_size) == (128, 128)
    assert (found.card.detector_parameters, found.card.embedder_parameters) == (None, None)
    assert found.adopted == (
        "bits: 128, the card says 256",
        "embedder.hidden_size: 128, the card says 256",
    )


def test_own_record_counts_when_it_has_the_architecture() -> None:
    card = load_card("reference")
    record = {"embedder": {"psnr_db": 42, "passes": 3, "comment": "x"}, "detector": {"depth": 1}}
    found = adapt(card, record, Part.EMBEDDER)
    assert found.card.embedder == dataclasses.replace(card.embedder, psnr_db=42.0, passes=3)
    assert found.card.detector == card.detector


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ({"nbits": "many"}, "args: bits: must be an integer, is 'many'"),
        ({"nbits": 0}, "args: bits: must be positive, is 0"),
        ({"img_size_proc": 250}, "args: embedder.z_channels_mults: reduces by 8"),
        ({"hidden_size_multiplier": "x"}, "args.hidden_size_multiplier: a number expected"),
        ({"scaling_w_schedule": "Cosine"}, "args.scaling_w_schedule: no scaling_min"),
        ({"blending_method": "multiplicative"}, "args.blending_method: 'additive' expected"),
    ],
)
def test_problem_is_named_when_the_record_cannot_be_followed(
    record: dict[str, Any], problem: str
) -> None:
    assert any(line.startswith(problem) for line in published(**record).problems)


def test_blending_is_no_obstacle_when_a_detector_is_wanted() -> None:
    record = {"blending_method": "multiplicative"}
    assert adapt(load_card("videoseal_1.0"), record, Part.DETECTOR).problems == ()
