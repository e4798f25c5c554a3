"""``edgeseal recipes``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from edgeseal.cli._shared._console import new_table, print_result, print_table, print_text
from edgeseal.cli._shared._options import JsonOption

if TYPE_CHECKING:
    from edgeseal.tflite import RecipeList

__all__ = ["recipes"]


def recipes(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME|FILE.json", help="Show this one, as the JSON of its file."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the ways to quantize, or show one to start your own from."""
    from edgeseal import tflite

    found = tflite.recipes(name)
    print_result(
        "recipes", found, as_json=as_json, show=lambda: _show(found, is_one=name is not None)
    )


def _show(found: RecipeList, *, is_one: bool) -> None:
    if is_one:
        from edgeseal.tflite.quantization import recipe_to_json

        print_text(recipe_to_json(found.recipes[0]).rstrip())
        return
    table = new_table("recipe", "calibration", "what it does", texts=("what it does",))
    for recipe in found.recipes:
        table.add_row(recipe.name, "needed" if recipe.needs_calibration else "", recipe.summary)
    print_table(table)
