"""Files that come with the package: photographs and the reference pair's weights."""

from __future__ import annotations

from pathlib import Path

__all__ = ["photo_paths"]

_FOLDER = Path(__file__).parent
_SUFFIXES = {".jpg", ".png"}


def photo_paths() -> list[Path]:
    """Return the bundled photographs, sorted by name; ATTRIBUTION.md says whose they are."""
    folder = _FOLDER / "photos"
    return sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES)
