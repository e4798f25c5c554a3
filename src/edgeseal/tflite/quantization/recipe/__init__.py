"""Recipes as data, and what a recipe gives to each layer of a graph."""
