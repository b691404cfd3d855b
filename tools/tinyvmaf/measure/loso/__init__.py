"""Leave-one-source-out: whether a recipe generalises to sources that it has not seen."""

from tinyvmaf.measure.loso.evaluate import LosoError, evaluate, evaluate_recipe
from tinyvmaf.measure.loso.interval import IntervalReport, interval_report
from tinyvmaf.measure.loso.leaks import leaked_rows
from tinyvmaf.measure.loso.measured import broken_promises, measured_values
from tinyvmaf.measure.loso.opinions import MIN_SOURCES, OpinionFigures, OpinionReport, opinion_report
from tinyvmaf.measure.loso.report import FoldResult, FrameScores, LosoReport, shown
from tinyvmaf.measure.loso.trial import Trial, trial_of, trial_of_recipe

__all__ = [
    "MIN_SOURCES",
    "FoldResult",
    "FrameScores",
    "IntervalReport",
    "LosoError",
    "LosoReport",
    "OpinionFigures",
    "OpinionReport",
    "Trial",
    "broken_promises",
    "evaluate",
    "evaluate_recipe",
    "interval_report",
    "leaked_rows",
    "measured_values",
    "opinion_report",
    "shown",
    "trial_of",
    "trial_of_recipe",
]
