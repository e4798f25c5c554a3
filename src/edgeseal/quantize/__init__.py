"""From a float ``.tflite`` graph to one with integer weights."""

from edgeseal.quantize._recipes import RECIPES, Recipe, find_recipe, quantize

__all__ = ["RECIPES", "Recipe", "find_recipe", "quantize"]
