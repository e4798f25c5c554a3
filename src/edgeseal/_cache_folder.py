"""The folder of this user for what can be fetched or found out again."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["CACHE_VARIABLE", "cache_folder"]

CACHE_VARIABLE = "EDGESEAL_CACHE"


def cache_folder() -> Path:
    """Return the folder: ``$EDGESEAL_CACHE``, or the platform's cache folder."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs  # not where a worker runs under emulation

    return platformdirs.user_cache_path("edgeseal", appauthor=False)
