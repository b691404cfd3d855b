"""How latency moves over commits: the history of runs, the places where a level changes, and the picture."""

from tinyvmaf.drift.changes import Change, Step, changes, steps
from tinyvmaf.drift.here import commit, machine, now, versions
from tinyvmaf.drift.history import append, default_path, read
from tinyvmaf.drift.plot import draw, known_suffix
from tinyvmaf.drift.run import RATIOS, RUN_SCHEMA, Batch, Machine, ModelRun, Ratio, Run, Versions
from tinyvmaf.drift.series import ALL, Series, select

__all__ = [
    "ALL",
    "RATIOS",
    "RUN_SCHEMA",
    "Batch",
    "Change",
    "Machine",
    "ModelRun",
    "Ratio",
    "Run",
    "Series",
    "Step",
    "Versions",
    "append",
    "changes",
    "commit",
    "default_path",
    "draw",
    "known_suffix",
    "machine",
    "now",
    "read",
    "select",
    "steps",
    "versions",
]
