"""Training models that take pictures: `tinyvmaf_nr`, a metric that sees the decoded picture alone."""

from tinyvmaf.train.pictures.recipe import PictureRecipe, picture_recipe_ids, read_picture_recipe

__all__ = ["PictureRecipe", "picture_recipe_ids", "read_picture_recipe"]
