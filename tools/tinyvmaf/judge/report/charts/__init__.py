"""The charts of a model on the page."""

from tinyvmaf.judge.report.charts.margins import margins, nearest
from tinyvmaf.judge.report.charts.scores import bars, bound_is_seen, errors, scatter, worst_clip
from tinyvmaf.judge.report.charts.times import RATIOS, history, latency

__all__ = [
    "RATIOS",
    "bars",
    "bound_is_seen",
    "errors",
    "history",
    "latency",
    "margins",
    "nearest",
    "scatter",
    "worst_clip",
]
