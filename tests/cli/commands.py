"""What a command left behind, for tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

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
