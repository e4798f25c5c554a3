"""Files that come with the package: photographs, recipes, reference weights, LiteRT.js."""

from __future__ import annotations

from pathlib import Path

__all__ = ["attribution", "browser_script", "litert_archive", "photo_paths", "recipe_paths"]

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


def browser_script() -> Path:
    """Return what the browser of `edgeseal check --on browser` runs; `make web` writes it."""
    return _FOLDER / "browser" / "device.js"


def litert_archive() -> Path:
    """Return the archive of LiteRT.js' WebAssembly builds; `make web` writes it."""
    return _FOLDER / "browser" / "litert.tar.xz"
