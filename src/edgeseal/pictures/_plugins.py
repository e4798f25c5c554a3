"""Formats that Pillow reads with a plug-in: HEIC and JPEG XL, with the extra ``[formats]``."""

from __future__ import annotations

import functools
import importlib.util

__all__ = ["PLUGIN_SUFFIXES", "plugin_suffixes", "register_plugins"]

_PLUGINS = {"pillow_heif": (".heic", ".heif", ".hif"), "pillow_jxl": (".jxl",)}
PLUGIN_SUFFIXES = tuple(suffix for suffixes in _PLUGINS.values() for suffix in suffixes)
"""Endings, in lower case, of the files that plug-ins read, installed or not."""


@functools.cache
def plugin_suffixes() -> tuple[str, ...]:
    """Return the endings, in lower case, of the files that installed plug-ins read."""
    found = (suffixes for name, suffixes in _PLUGINS.items() if importlib.util.find_spec(name))
    return tuple(suffix for suffixes in found for suffix in suffixes)


@functools.cache
def register_plugins() -> bool:
    """Tell Pillow of the plug-ins that are installed; returns whether there are any."""
    if importlib.util.find_spec("pillow_heif"):
        importlib.import_module("pillow_heif").register_heif_opener()
    if importlib.util.find_spec("pillow_jxl"):
        importlib.import_module("pillow_jxl")  # registers itself
    return bool(plugin_suffixes())
