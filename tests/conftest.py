"""Shared by every test: the same surroundings and draws on every machine and in every order."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import settings

# Processors are shared by the workers and by what else runs: threads that wait for each other
# there make tests many times slower, and sums depend on how many there are.
os.environ["OMP_NUM_THREADS"] = "1"

# The same examples on every machine and in every order; none are kept beside the sources.
settings.register_profile("edgeseal", derandomize=True, deadline=None, database=None)
settings.load_profile("edgeseal")

# What a terminal or a service has set: width and colours, and ours.
for _name in (
    "COLUMNS",
    "EDGESEAL_DEBUG",
    "FORCE_COLOR",
    "GITHUB_ACTIONS",
    "LINES",
    "NO_COLOR",
    "PY_COLORS",
    "TERMINAL_WIDTH",
    "TTY_COMPATIBLE",
    "TTY_INTERACTIVE",
):
    os.environ.pop(_name, None)


@pytest.fixture(autouse=True, scope="session")
def _cache_of_no_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep downloads of this machine's user out of the tests, and theirs out of the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGESEAL_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def _same_draws(request: pytest.FixtureRequest) -> None:
    """Give a test the same draws, whichever ran before it.

    That goes for the libraries' global generators, and for a generator that is called ``RNG`` in
    the test's module.
    """
    random.seed(0)
    np.random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)
    rng = getattr(request.module, "RNG", None)
    if rng is not None:
        rng.bit_generator.state = np.random.default_rng(0).bit_generator.state
