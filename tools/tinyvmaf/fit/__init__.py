"""Fitting students by recipes. The recipe itself can be read without torch; only a fit needs it."""

from typing import TYPE_CHECKING, Any

from tinyvmaf.errors import TinyvmafError
from tinyvmaf.fit.recipe import PROMISES, Mos, Recipe, RecipeError, find_recipe, read_recipe, recipe_ids

if TYPE_CHECKING:
    from tinyvmaf.fit.run import Fitted

__all__ = [
    "PROMISES",
    "Mos",
    "Recipe",
    "RecipeError",
    "find_recipe",
    "fit",
    "read_recipe",
    "recipe_ids",
]


def fit(*arguments: Any, **options: Any) -> "list[Fitted]":
    """`tinyvmaf.fit.run.fit`, or an error that says how to get torch.

    Raises:
        TinyvmafError: torch is not installed.
    """
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise TinyvmafError(
            "fitting a student needs torch, which is not installed", hint="pip install 'tinyvmaf[fit]'"
        ) from error
    from tinyvmaf.fit.run import fit as run

    return run(*arguments, **options)
