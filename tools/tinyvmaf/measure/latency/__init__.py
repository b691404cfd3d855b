"""How fast a model is: ratios to what runs beside it in the same process, and verdicts that noise cannot turn.

Sources: interleaving and ratios after the practice of asv and of the Go project's benchstat; the least time of a pass
because noise only adds (Chen and Revels, Robust benchmarking in noisy environments, 2016).
"""

from tinyvmaf.measure.latency.baseline import Baseline, BaselineError, accept, baselines
from tinyvmaf.measure.latency.cost import Cost, cost
from tinyvmaf.measure.latency.footprints import Footprint, footprint
from tinyvmaf.measure.latency.lanes import ANY_SCORE, BATCHES, SETTINGS, Expected, FloorLane, ModelLane, Wrong
from tinyvmaf.measure.latency.race import PASSES, REPEATS, Bounded, Judged, Race, disturbed, judge
from tinyvmaf.measure.latency.ratio import Ratio, ratio
from tinyvmaf.measure.latency.subject import (
    BASELINE,
    FLOOR,
    MODEL,
    TEACHER,
    Subject,
    WholePath,
    expected_of,
    read_subject,
    whole_path,
)
from tinyvmaf.measure.latency.yardsticks import floor_model, teacher_model

__all__ = [
    "ANY_SCORE",
    "BASELINE",
    "BATCHES",
    "FLOOR",
    "MODEL",
    "PASSES",
    "REPEATS",
    "SETTINGS",
    "TEACHER",
    "Baseline",
    "BaselineError",
    "Bounded",
    "Cost",
    "Expected",
    "FloorLane",
    "Footprint",
    "Judged",
    "ModelLane",
    "Race",
    "Ratio",
    "Subject",
    "WholePath",
    "Wrong",
    "accept",
    "baselines",
    "cost",
    "disturbed",
    "expected_of",
    "floor_model",
    "footprint",
    "judge",
    "ratio",
    "read_subject",
    "teacher_model",
    "whole_path",
]
