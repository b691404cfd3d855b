"""Leave-one-source-out: whether a recipe generalises to sources that it has not seen."""

from tinyvmaf.measure.loso.evaluate import FoldResult, LosoError, Report, evaluate, evaluate_recipe, shown
from tinyvmaf.measure.loso.figures import figures
from tinyvmaf.measure.loso.leaks import leaked_rows

__all__ = [
    "FoldResult",
    "LosoError",
    "Report",
    "evaluate",
    "evaluate_recipe",
    "figures",
    "leaked_rows",
    "shown",
]
