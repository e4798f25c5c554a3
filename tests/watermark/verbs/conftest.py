"""A pair with room for payloads, pictures, and something that hears what a job says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from cli.conftest import known_tiny, tiny_card
from edgeseal import Progress
from pairs import Pair, write_pair

__all__ = ["Heard", "heard", "known_tiny", "pair96", "photo", "smooth", "tiny_card"]


class Heard(Progress):
    """Keeps the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture(scope="session")
def pair96(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return write_pair(tmp_path_factory.mktemp("pair"), bits=96, step_size=4)


@pytest.fixture
def smooth() -> NDArray[np.uint8]:
    """A picture without texture, uint8 [32, 48, 3]."""
    ramp = np.linspace(90, 160, 48).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(ramp[None, :, None], (32, 48, 3)))


@pytest.fixture
def photo(smooth: NDArray[np.uint8], tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    Image.fromarray(smooth).save(tmp_path / "photos" / "a.png")
    return tmp_path / "photos" / "a.png"
