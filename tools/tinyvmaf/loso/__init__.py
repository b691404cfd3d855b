"""Leave-one-source-out: whether a recipe generalises to sources that it has not seen."""

from tinyvmaf.loso.evaluate import FoldResult, LosoError, Report, evaluate, shown
from tinyvmaf.loso.leaks import leaked_rows
from tinyvmaf.loso.models import FoldModel, fold_models

__all__ = ["FoldModel", "FoldResult", "LosoError", "Report", "evaluate", "fold_models", "leaked_rows", "shown"]
