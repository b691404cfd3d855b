"""A recipe: everything that decides what a student becomes, as one TOML file."""

from tinyvmaf.train.recipes.file import (
    PROMISES,
    RecipeError,
    RecipeFile,
    find_recipe,
    named_recipes,
    parse_recipe,
    read_recipe,
    recipe_folder,
    recipe_folders,
    recipe_ids,
)
from tinyvmaf.train.recipes.recipe import MOST_POOLING, Method, Mos, Optimiser, Recipe, Validation

__all__ = [
    "MOST_POOLING",
    "PROMISES",
    "Method",
    "Mos",
    "Optimiser",
    "Recipe",
    "RecipeError",
    "RecipeFile",
    "Validation",
    "find_recipe",
    "named_recipes",
    "parse_recipe",
    "read_recipe",
    "recipe_folder",
    "recipe_folders",
    "recipe_ids",
]
