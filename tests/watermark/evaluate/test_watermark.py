"""Embedders are compared by what they leave in the picture."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeseal.pictures import ImageInput
from edgeseal.watermark.evaluate import compare_embedders
from edgeseal.watermark.runtime import Message, ModelInfo

INFO = ModelInfo(card="tiny", part="embedder", recipe="float32", bits=8)
PICTURES = [np.full((4, 5, 3), shade, np.float32) for shade in (0.25, 0.5)]


@dataclass
class Adding:
    """An embedder that adds a number, and another one for each bit that is set."""

    amount: float
    per_bit: float = 0.0
    info: ModelInfo = INFO

    def embed_array(self, image: ImageInput, message: Message) -> NDArray[np.float32]:
        assert isinstance(image, np.ndarray)
        amount = self.amount + self.per_bit * sum(message.bits)
        marked: NDArray[np.float32] = image + np.float32(amount)
        return marked


def test_error_is_relative_to_the_watermark_when_embedders_differ() -> None:
    found = compare_embedders(Adding(0.01), Adding(0.011), PICTURES)
    assert found.psnr_db == pytest.approx(60, abs=0.01)
    assert found.error_db == pytest.approx(-20, abs=0.01)
    assert found.is_good


def test_comparison_fails_when_the_watermark_is_another() -> None:
    assert not compare_embedders(Adding(0.01), Adding(-0.01), PICTURES).is_good
    assert not compare_embedders(Adding(0.0), Adding(0.01), PICTURES).is_good


def test_error_is_nothing_when_embedders_are_equal() -> None:
    found = compare_embedders(Adding(0.01, 0.002), Adding(0.01, 0.002), PICTURES)
    assert (found.psnr_db, found.error_db) == (math.inf, -math.inf)
    assert found.is_good
