"""``edgeseal recipes``."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from edgeseal.cli._shared._console import new_table, print_json, print_table, print_text
from edgeseal.cli._shared._options import JsonOption

__all__ = ["recipes"]


def recipes(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME|FILE.json", help="Show this one, as the JSON of its file."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the ways to quantize, or show one to start your own from."""
    from edgeseal.tflite.quantization import find_recipe, recipe_names, recipe_to_json

    if name is not None:
        text = recipe_to_json(find_recipe(name))
        if as_json:
            print_json("recipes", {"recipes": [json.loads(text)]})
        else:
            for line in text.splitlines():
                print_text(line)
        return
    known = [find_recipe(name) for name in recipe_names()]
    if as_json:
        print_json("recipes", {"recipes": [json.loads(recipe_to_json(one)) for one in known]})
        return
    table = new_table("recipe", "calibration", "what it does", texts=("what it does",))
    for recipe in known:
        table.add_row(recipe.name, "needed" if recipe.needs_calibration else "", recipe.summary)
    print_table(table)
