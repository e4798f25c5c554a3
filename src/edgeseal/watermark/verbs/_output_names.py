"""What marked files are called."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

__all__ = ["output_names"]


def output_names(
    sources: Sequence[Path], suffixes: Sequence[str], base: Path, *, keep_folders: bool
) -> list[Path]:
    """Return the path of each marked file, from the output folder on.

    It is the source's own name; with its folders where that is asked for, or where names would fall
    together without; and with its old ending in front of a new one where names still would.

    Args:
        sources: the files.
        suffixes: the ending of each marked one.
        base: the folder that they lie in.
        keep_folders: whether to keep the folders in any case.
    """
    plain = [Path(path.stem + suffix) for path, suffix in zip(sources, suffixes, strict=True)]
    if keep_folders or _clashes(plain):
        plain = [_below(base, path) / name for path, name in zip(sources, plain, strict=True)]
    twice = _clashes(plain)
    return [
        name.with_name(path.name + name.suffix)
        if _key(name) in twice and path.suffix != name.suffix
        else name
        for path, name in zip(sources, plain, strict=True)
    ]


def _below(base: Path, path: Path) -> Path:
    """Return the folder of a file, from the base on; none for a file elsewhere."""
    folder = path.absolute().parent
    return folder.relative_to(base) if folder.is_relative_to(base) else Path()


def _clashes(names: Sequence[Path]) -> set[str]:
    return {name for name, count in Counter(map(_key, names)).items() if count > 1}


def _key(name: Path) -> str:
    return os.path.normcase(name)
