"""Skips what asks a device that cannot be had."""

from __future__ import annotations

import os

import pytest

from edgeseal.tflite.devices import find_device

__all__ = ["needs"]


def needs(name: str, *, everywhere: bool = False) -> pytest.MarkDecorator:
    """Skip, with what to install, where a device cannot be had; ``everywhere``: not in CI."""
    missing = find_device(name).missing
    is_skipped = bool(missing) and not (everywhere and "CI" in os.environ)
    return pytest.mark.skipif(is_skipped, reason=f"{name}: {missing}")
