"""Latency over commits: the history of runs, its change points, and a chart."""

from tinyvmaf.measure.latency_history.changes import Change, Step, changes, steps
from tinyvmaf.measure.latency_history.history import append, default_path, read
from tinyvmaf.measure.latency_history.of_run import add_run, model_run, past, picture_run
from tinyvmaf.measure.latency_history.plot import draw
from tinyvmaf.measure.latency_history.run import RATIOS, Batch, ModelRun, Ratio, Run
from tinyvmaf.measure.latency_history.series import ALL, Series, select

__all__ = [
    "ALL",
    "RATIOS",
    "Batch",
    "Change",
    "ModelRun",
    "Ratio",
    "Run",
    "Series",
    "Step",
    "add_run",
    "append",
    "changes",
    "default_path",
    "draw",
    "model_run",
    "past",
    "picture_run",
    "read",
    "select",
    "steps",
]
