"""Lists the ways to quantize."""

from __future__ import annotations

import json
from dataclasses import dataclass

from edgeseal.tflite.quantization import Recipe, find_recipe, recipe_names, recipe_to_json

__all__ = ["RecipeList", "recipes"]


@dataclass(frozen=True, slots=True)
class RecipeList:
    """Recipes.

    Attributes:
        recipes: the bundled ones, or the one that was asked for.
    """

    recipes: tuple[Recipe, ...]

    @property
    def is_good(self) -> bool:
        """Always: one that cannot be read is an error."""
        return True

    def to_json(self) -> dict[str, object]:
        """Return them for JSON, each as in a file of its own."""
        return {"recipes": [json.loads(recipe_to_json(one)) for one in self.recipes]}

    def __str__(self) -> str:
        return "\n".join(f"{one.name}: {one.summary}" for one in self.recipes)


def recipes(name: str | None = None) -> RecipeList:
    """List the ways to quantize, or show one to start your own from.

    Args:
        name: of one, or a file; all that are bundled if None.

    Raises:
        UsageError: there is no such recipe.
        FileError: the file cannot be read.
    """
    names = recipe_names() if name is None else [name]
    return RecipeList(tuple(map(find_recipe, names)))
