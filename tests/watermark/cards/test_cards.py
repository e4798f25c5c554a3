"""Cards as data: what ships, and what is refused."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from edgeseal.errors import UsageError
from edgeseal.watermark.cards import (
    Card,
    CarrierSpec,
    CheckpointSource,
    ConvNeXtSpec,
    Part,
    UNetSpec,
    ViTSpec,
    card_names,
    load_card,
)
from patience import HANG_S


def edited(change: Callable[[dict[str, Any]], object]) -> str:
    """Return VideoSeal 0.0's card as JSON text after a change to the decoded object."""
    data = json.loads(load_card("videoseal_0.0").to_json())
    change(data)
    return json.dumps(data)


def test_known_cards_are_listed_when_asked() -> None:
    family = {"videoseal_0.0", "videoseal_1.0", "pixelseal", "chunkyseal"}
    assert {"reference", *family} == set(card_names())


@pytest.mark.parametrize("name", card_names())
def test_card_survives_when_written_and_read(name: str) -> None:
    card = load_card(name)
    assert card.name == name
    assert Card.from_json(card.to_json()) == card
    assert hash(card) == hash(Card.from_json(card.to_json()))


def test_videoseal_is_as_published_when_loaded() -> None:
    card = load_card("videoseal_0.0")
    assert (card.bits, card.image_size, card.step_size) == (96, 256, 4)
    assert (card.scaling_w, card.scaling_i, card.attenuation) == (1.0, 1.0, None)
    assert card.detector.global_attn_indexes == (2, 5, 8, 11)
    assert isinstance(card.embedder, UNetSpec)
    assert card.embedder.hidden_size == 192
    assert card.checkpoint.source == "https://dl.fbaipublicfiles.com/videoseal/rgb_96b.pth"


@pytest.mark.parametrize(
    ("name", "bits", "step_size", "checkpoint"),
    [
        ("videoseal_1.0", 256, 4, "y_256b_img.pth"),
        ("pixelseal", 256, 8, "pixelseal/checkpoint.pth"),
        ("chunkyseal", 1024, 8, "chunkyseal/checkpoint.pth"),
    ],
)
def test_convolutional_card_is_as_published_when_loaded(
    name: str, bits: int, step_size: int, checkpoint: str
) -> None:
    card = load_card(name)
    assert (card.bits, card.image_size, card.step_size) == (bits, 256, step_size)
    assert (card.scaling_w, card.scaling_i, card.attenuation) == (0.2, 1.0, "jnd_1_1")
    assert card.checkpoint.source == f"https://dl.fbaipublicfiles.com/videoseal/{checkpoint}"
    assert isinstance(card.detector, ConvNeXtSpec)
    assert isinstance(card.embedder, UNetSpec)
    assert (card.embedder.activation_name, card.embedder.normalization_name) == ("relu", "batch")


def test_networks_of_a_family_differ_when_published() -> None:
    first, pixel, chunky = map(load_card, ("videoseal_1.0", "pixelseal", "chunkyseal"))
    assert first.detector == pixel.detector == ConvNeXtSpec(3, (3, 3, 9, 3), (96, 192, 384, 768))
    assert chunky.detector == ConvNeXtSpec(3, (3, 3, 27, 3), (128, 256, 512, 1024), 2, 128)
    assert pixel.embedder == dataclasses.replace(first.embedder, z_channels_mults=(2, 4, 8, 16))
    wide = {"channels": 3, "hidden_size": 2048, "z_channels_mults": (4, 8, 16, 32)}
    assert chunky.embedder == dataclasses.replace(first.embedder, **wide)


def test_spec_of_a_part_is_returned_when_asked() -> None:
    card = load_card("reference")
    assert isinstance(card.spec(Part.DETECTOR), ViTSpec)
    assert isinstance(card.spec(Part.EMBEDDER), CarrierSpec)
    assert Part.DETECTOR.other is Part.EMBEDDER
    assert Part.EMBEDDER.other is Part.DETECTOR


def test_close_name_is_suggested_when_a_card_is_unknown() -> None:
    with pytest.raises(UsageError, match=r"did you mean videoseal_0\.0\?.*reference"):
        load_card("VideoSeal_0,0")


@pytest.mark.parametrize("name", ["zzz", "", "../data/reference", "reference.json"])
def test_known_cards_are_listed_when_a_card_is_unknown(name: str) -> None:
    with pytest.raises(UsageError, match=r"known cards: .*videoseal_0\.0"):
        load_card(name)


def test_all_problems_are_listed_when_fields_are_wrong() -> None:
    def change(data: dict[str, Any]) -> None:
        data["bits"] = "96"
        data["colour"] = "red"
        del data["title"]
        data["detector"]["depth"] = 2.5
        data["detector"]["global_attn_indexes"] = [2, "5"]
        data["embedder"]["family"] = "gan"
        data["checkpoint"] = None

    with pytest.raises(UsageError) as caught:
        Card.from_json(edited(change), origin="my.json")
    assert str(caught.value).splitlines() == [
        "my.json: no valid card, 7 problems:",
        "  colour: unknown field",
        "  title: missing",
        "  bits: must be an integer, is '96'",
        "  checkpoint: must be an object, is None",
        "  detector.depth: must be an integer, is 2.5",
        "  detector.global_attn_indexes[1]: must be an integer, is '5'",
        "  embedder.family: must be one of unet, carrier, is 'gan'",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "a card is a JSON object"),
        ("{}", "schema_version must be 1, is None"),
        ('{"schema_version": 2}', "schema_version must be 1, is 2"),
        ('{"schema_version": true}', "schema_version must be 1, is True"),
    ],
)
def test_text_is_refused_when_it_is_no_card(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=f"^my.json: {message}"):
        Card.from_json(text, origin="my.json")


@pytest.mark.parametrize("family", [["unet"], {}, None])
def test_family_is_named_when_it_is_no_text(family: object) -> None:
    with pytest.raises(UsageError, match=r"embedder\.family: must be one of unet, carrier, is "):
        Card.from_json(edited(lambda data: data["embedder"].update(family=family)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bits": 0}, "bits: must be positive"),
        ({"scaling_w": float("nan")}, "scaling_w: must be positive"),
        ({"image_size": 250}, "patch_size: must divide"),
        ({"name": "A b"}, "name: must be lower-case"),
        ({"checkpoint": CheckpointSource("ftp://x/y")}, r"checkpoint\.source: must start with"),
        ({"checkpoint": CheckpointSource("https://x/y", "AB")}, r"checkpoint\.sha256: must be 64"),
    ],
)
def test_card_is_refused_when_values_are_impossible(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        dataclasses.replace(load_card("videoseal_0.0"), **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_heads": 7}, "embed_dim: must be a multiple of num_heads"),
        ({"window_size": 7}, "window_size: must divide the patches per side"),
        ({"window_size": 0}, "window_size: must be positive"),
        ({"global_attn_indexes": (2, 12)}, r"must be in 0\.\.11, has \[12\]"),
        ({"global_attn_indexes": (5, 2)}, "must ascend without repeats"),
    ],
)
def test_card_is_refused_when_the_transformer_is_impossible(
    changes: dict[str, Any], message: str
) -> None:
    card = load_card("videoseal_0.0")
    with pytest.raises(UsageError, match=message):
        dataclasses.replace(card, detector=dataclasses.replace(card.detector, **changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"depths": (3, 3, 9)}, "depths: must have a number for each of the 4 dims"),
        ({"depths": (3, 0, 9, 3)}, r"depths: must be positive numbers, is \[3, 0, 9, 3\]"),
        ({"dims": (), "depths": ()}, r"dims: must be positive numbers, is \[\]"),
        ({"dims": (1,) * 8, "depths": (1,) * 8}, "dims: leave less than 2 x 2 pixels"),
        ({"stem_stride": 5}, "stem_stride: must be at most 4, is 5"),
        ({"stem_stride": 0}, "stem_stride: must be positive, is 0"),
        ({"dims_bits": 0}, "dims_bits: must be positive, is 0"),
        ({"in_channels": 0}, "in_channels: must be positive, is 0"),
    ],
)
def test_card_is_refused_when_the_convolutional_detector_is_impossible(
    changes: dict[str, Any], message: str
) -> None:
    card = load_card("videoseal_1.0")
    with pytest.raises(UsageError, match=message):
        dataclasses.replace(card, detector=dataclasses.replace(card.detector, **changes))


@pytest.mark.parametrize(
    ("spec", "changes", "message"),
    [
        ("videoseal_0.0", {"channels": 2}, "channels: must be 1"),
        ("videoseal_0.0", {"z_channels_mults": (1,)}, "two or more"),
        ("videoseal_0.0", {"z_channels_mults": (1,) * 10}, "reduces by 512"),
        ("videoseal_0.0", {"activation_name": "tanh"}, "one of gelu, relu, silu, is 'tanh'"),
        ("videoseal_0.0", {"normalization_name": "x"}, "one of batch, layer, rms, is 'x'"),
        ("reference", {"tile_size": 24}, "tile_size: must divide"),
        ("reference", {"tile_size": 4}, "no room for 96"),
        ("reference", {"mask_ceiling": 0.1}, "mask_ceiling: must be at least"),
        ("reference", {"psnr_db": float("inf")}, "psnr_db: must be positive"),
    ],
)
def test_card_is_refused_when_the_embedder_is_impossible(
    spec: str, changes: dict[str, Any], message: str
) -> None:
    card = load_card(spec)
    with pytest.raises(UsageError, match=message):
        dataclasses.replace(card, embedder=dataclasses.replace(card.embedder, **changes))


def test_neither_torch_nor_litert_is_imported_when_cards_are_used() -> None:
    script = (
        f"import sys; sys.path[:0] = {sys.path!r}\n"
        "from edgeseal.watermark.cards import load_card; load_card('reference')\n"
        "print([n for n in sys.modules if n.partition('.')[0] in ('torch', 'ai_edge_litert')])"
    )
    command = [sys.executable, "-W", "error", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=HANG_S)
    assert done.stdout.strip() == "[]"
