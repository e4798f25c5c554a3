"""The pictures and the tiny pair of the runtime's tests."""

from watermark.runtime.conftest import (
    carriers,
    failing,
    info,
    pair,
    photo,
    refused,
    write_detector,
    write_embedder,
    write_photo,
)

__all__ = [
    "carriers",
    "failing",
    "info",
    "pair",
    "photo",
    "refused",
    "write_detector",
    "write_embedder",
    "write_photo",
]
