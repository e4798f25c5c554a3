"""Shared by every test."""

from __future__ import annotations

import os

from hypothesis import settings

# Two cores are shared by everything: one thread each keeps the suite's time predictable.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# The same examples on every machine and in every order; none are kept beside the sources.
settings.register_profile("edgeseal", derandomize=True, deadline=None, database=None)
settings.load_profile("edgeseal")
