"""How long tests wait for other processes: a guard against hanging, never a bound on speed."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["HANG_S", "wait_until"]

HANG_S = 600.0


def wait_until(condition: Callable[[], object], pause_s: float = 0.05) -> None:
    """Wait until something is true, however slow the machine is."""
    end = time.monotonic() + HANG_S
    while not condition():
        assert time.monotonic() < end, "it never comes"
        time.sleep(pause_s)
