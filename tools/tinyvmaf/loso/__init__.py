"""Leave-one-source-out: whether a recipe generalises to sources that it has not seen."""

from tinyvmaf.loso.evaluate import FoldResult, LosoError, Report, evaluate, evaluate_recipe, shown
from tinyvmaf.loso.leaks import leaked_rows
from tinyvmaf.loso.models import FitRequest, FoldModel, fold_models

__all__ = [
    "FitRequest",
    "FoldModel",
    "FoldResult",
    "LosoError",
    "Report",
    "evaluate",
    "evaluate_recipe",
    "fold_models",
    "leaked_rows",
    "shown",
]
