"""What marked files are called."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

__all__ = ["output_names"]


def output_names(
    sources: Sequence[str], suffixes: Sequence[str], base: Path, *, keep_folders: bool
) -> list[str]:
    """Return the path of each marked file, from the output folder on.

    It is the source's own name; with its folders where that is asked for, or where names would fall
    together without; and with its old ending in front of a new one where names still would.

    Args:
        sources: the files.
        suffixes: the ending of each marked one.
        base: the folder that they lie in.
        keep_folders: whether to keep the folders in any case.
    """
    stems = (os.path.splitext(os.path.basename(path))[0] for path in sources)  # noqa: PTH119, PTH122
    plain = [stem + suffix for stem, suffix in zip(stems, suffixes, strict=True)]
    if keep_folders or _clashes(plain):
        plain = [str(_below(base, path) / name) for path, name in zip(sources, plain, strict=True)]
    twice = _clashes(plain)
    if not twice:
        return plain
    return [
        str(Path(name).with_name(Path(path).name + suffix))
        if os.path.normcase(name) in twice and Path(path).suffix != suffix
        else name
        for path, name, suffix in zip(sources, plain, suffixes, strict=True)
    ]


def _below(base: Path, path: str) -> Path:
    """Return the folder of a file, from the base on; none for a file elsewhere."""
    folder = Path(path).absolute().parent
    return folder.relative_to(base) if folder.is_relative_to(base) else Path()


def _clashes(names: Sequence[str]) -> set[str]:
    return {name for name, count in Counter(map(os.path.normcase, names)).items() if count > 1}
