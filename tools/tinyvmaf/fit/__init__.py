"""Fitting students by recipes. The recipe itself can be read without torch; only a fit needs it."""

from tinyvmaf.fit.recipe import PROMISES, Mos, Recipe, RecipeError, find_recipe, read_recipe, recipe_ids

__all__ = [
    "PROMISES",
    "Mos",
    "Recipe",
    "RecipeError",
    "find_recipe",
    "read_recipe",
    "recipe_ids",
]
