"""What a command left behind, for tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from edgeseal.watermark.cards import Card, Part
from edgeseal.watermark.models import random_weights

BITS = 16
SIZE = 64


@dataclass(frozen=True)
class Done:
    """A command that ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """What it printed with ``--json``."""
        record: dict[str, Any] = json.loads(self.out)
        return record

    def refused(self) -> str:
        """Return the error after checking that there is one, and nothing but that."""
        assert self.status == 2, (self.status, self.err)
        assert self.out == ""
        assert self.err.startswith("Error: ")
        assert "Traceback" not in self.err
        return self.err


Run = Callable[..., Done]


def save_checkpoint(
    card: Card, path: Path, *, args: dict[str, Any] | None = None, **more: torch.Tensor
) -> Path:
    """Write a checkpoint of random weights, with a record and more tensors, and return its path."""
    state: dict[str, torch.Tensor] = dict(more)
    for part in Part:
        weights = random_weights(card, part, 4).module.state_dict()
        state |= {f"{part.value}.{name}": tensor.clone() for name, tensor in weights.items()}
    torch.save({"model": state, "args": args}, path)
    return path
