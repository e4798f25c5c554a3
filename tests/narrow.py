"""The published cards with narrow networks: the same structure at a fraction of the size."""

from __future__ import annotations

import dataclasses

from edgeseal.watermark.cards import Card, load_card

CONVOLUTIONAL = ("videoseal_1.0", "pixelseal", "chunkyseal")
_DIMS = {"chunkyseal": ((4, 6, 8, 12), 2)}  # and the message length that they are meant for


def narrow_card(name: str) -> Card:
    """Return a card of the convolutional family for 16 bits and pictures of 64 pixels."""
    card = load_card(name)
    dims, dims_bits = _DIMS.get(name, ((8, 12, 16, 24), None))
    detector = dataclasses.replace(
        card.detector, depths=(1, 1, 1, 1), dims=dims, dims_bits=dims_bits
    )
    embedder = dataclasses.replace(
        card.embedder,
        hidden_size=16 * card.embedder.hidden_size // card.bits,
        z_channels=4,
        z_channels_mults=card.embedder.z_channels_mults[:2],
        num_blocks=1,
    )
    return dataclasses.replace(
        card,
        name=f"narrow_{name}",
        bits=16,
        image_size=64,
        detector=detector,
        embedder=embedder,
        detector_parameters=None,
        embedder_parameters=None,
    )
