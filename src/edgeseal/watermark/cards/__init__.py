"""Model cards: what a watermark model is, as data. Needs neither torch nor LiteRT."""

from __future__ import annotations

from edgeseal.watermark.cards._card import SCHEMA_VERSION, Card, Part
from edgeseal.watermark.cards._catalogue import card_names, load_card
from edgeseal.watermark.cards._specs import (
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
