"""The recipes that come with Edgeseal, and those in files."""

from __future__ import annotations

import functools
from pathlib import Path

from edgeseal._did_you_mean import did_you_mean
from edgeseal._documents import read_document
from edgeseal.data import recipe_paths
from edgeseal.errors import UsageError
from edgeseal.tflite.quantization.recipe._recipe import Recipe
from edgeseal.tflite.quantization.recipe._recipe_json import recipe_from_json

__all__ = ["find_recipe", "read_recipe", "recipe_names"]

_LARGEST_FILE = 2**24  # bytes; a rule for every layer of a large model is far less


def recipe_names() -> list[str]:
    """Return the names of the built-in recipes, from the most precise to the smallest."""
    return list(_built_in())


def find_recipe(name: str) -> Recipe:
    """Return a built-in recipe by name, or the one in a file.

    Args:
        name: of a built-in recipe, or a path that ends in ``.json``.

    Raises:
        UsageError: there is no such recipe, or the file holds none; says all that is wrong.
        FileError: the file cannot be read.
    """
    if name.endswith(".json"):
        return read_recipe(Path(name))
    known = _built_in()
    if name in known:
        return known[name]
    raise UsageError(
        f"unknown recipe {name!r}; {did_you_mean(name, known)}known recipes: {', '.join(known)}; "
        "or give a recipe file (FILE.json)"
    )


def read_recipe(path: Path) -> Recipe:
    """Read a recipe file.

    Raises:
        UsageError: it holds no recipe, or bears the name of a built-in one that is different.
        FileError: it cannot be read.
    """
    text = read_document(path, limit_bytes=_LARGEST_FILE)
    try:
        recipe = recipe_from_json(text)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error
    if _built_in().get(recipe.name, recipe) != recipe:
        raise UsageError(
            f"{path}: the name {recipe.name!r} is that of a built-in recipe; give it another"
        )
    return recipe


@functools.cache
def _built_in() -> dict[str, Recipe]:
    recipes = [recipe_from_json(path.read_bytes()) for path in recipe_paths()]
    return {recipe.name: recipe for recipe in recipes}
