"""Shared by every test."""

from __future__ import annotations

import os

# Two cores are shared by everything: one thread each keeps the suite's time predictable.
os.environ.setdefault("OMP_NUM_THREADS", "1")
