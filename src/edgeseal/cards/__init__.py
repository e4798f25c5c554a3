"""Model cards: what a watermark model is, as data. Needs neither torch nor LiteRT."""

from __future__ import annotations

from edgeseal.cards._card import SCHEMA_VERSION, Card, Part
from edgeseal.cards._catalogue import card_names, load_card
from edgeseal.cards._specs import (
    CarrierSpec,
    CheckpointSource,
    ConvNeXtSpec,
    DetectorSpec,
    EmbedderSpec,
    UNetSpec,
    ViTSpec,
)

__all__ = [
    "SCHEMA_VERSION",
    "Card",
    "CarrierSpec",
    "CheckpointSource",
    "ConvNeXtSpec",
    "DetectorSpec",
    "EmbedderSpec",
    "Part",
    "UNetSpec",
    "ViTSpec",
    "card_names",
    "load_card",
]
