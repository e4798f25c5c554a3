"""Files that come with the package: photographs, recipes and the reference pair's weights."""

from __future__ import annotations

from pathlib import Path

__all__ = ["attribution", "photo_paths", "recipe_paths"]

_FOLDER = Path(__file__).parent
_SUFFIXES = {".jpg", ".png"}
_RECIPES = (
    "float32", "float16", "weight-int8", "int16x8", "dynamic-int8", "hybrid-int8", "full-int8",
    "mixed-int4", "dynamic-int4",
)  # fmt: skip


def attribution() -> str:
    """Return whose pictures these are, in Markdown."""
    return (_FOLDER / "ATTRIBUTION.md").read_text(encoding="utf-8")


def photo_paths() -> list[Path]:
    """Return the bundled photographs, sorted by name; ATTRIBUTION.md says whose they are."""
    folder = _FOLDER / "photos"
    return sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES)


def recipe_paths() -> list[Path]:
    """Return the built-in recipes, from the most precise to the smallest."""
    folder = _FOLDER / "recipes"
    return [folder / f"{name}.json" for name in _RECIPES]
