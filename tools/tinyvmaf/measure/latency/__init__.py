"""Latency of a model, as ratios to reference models timed in the same process, so that noise does not decide.

Sources: interleaving and ratios follow asv and the Go project's benchstat; the least time of a pass is used because
noise only adds time (Chen and Revels, Robust benchmarking in noisy environments, 2016).
"""

from tinyvmaf.measure.latency.baseline import Baseline, BaselineError, accept, baselines, forget
from tinyvmaf.measure.latency.contest import (
    BASELINE,
    FLOOR,
    LIBVMAF,
    MODEL,
    REFERENCES,
    TEACHER,
    Opponents,
    WholePath,
    opponents,
    race_of,
    whole_path,
)
from tinyvmaf.measure.latency.cost import Cost, cost
from tinyvmaf.measure.latency.footprints import Footprint, footprint
from tinyvmaf.measure.latency.frame_cost import FrameCost, frame_cost
from tinyvmaf.measure.latency.lanes import ANY_SCORE, BATCHES, SETTINGS, Expected, FloorLane, ModelLane, Wrong
from tinyvmaf.measure.latency.measured import Measured, MeasuredPictures, PictureTimes
from tinyvmaf.measure.latency.pictures import (
    MEGAPIXELS,
    MOST_PICTURE_PASSES,
    PICTURE_PASSES,
    PictureLane,
    PictureOpponents,
    picture_floor,
    picture_opponents,
    picture_race,
    pictures_to_time,
)
from tinyvmaf.measure.latency.race import PASSES, Race, RatioBound, RatioVerdict, disturbed, judge
from tinyvmaf.measure.latency.ratio import Ratio, ratio
from tinyvmaf.measure.latency.references import floor_model, teacher_model

__all__ = [
    "ANY_SCORE",
    "BASELINE",
    "BATCHES",
    "FLOOR",
    "LIBVMAF",
    "MEGAPIXELS",
    "MODEL",
    "MOST_PICTURE_PASSES",
    "PASSES",
    "PICTURE_PASSES",
    "REFERENCES",
    "SETTINGS",
    "TEACHER",
    "Baseline",
    "BaselineError",
    "Cost",
    "Expected",
    "FloorLane",
    "Footprint",
    "FrameCost",
    "Measured",
    "MeasuredPictures",
    "ModelLane",
    "Opponents",
    "PictureLane",
    "PictureOpponents",
    "PictureTimes",
    "Race",
    "Ratio",
    "RatioBound",
    "RatioVerdict",
    "WholePath",
    "Wrong",
    "accept",
    "baselines",
    "cost",
    "disturbed",
    "floor_model",
    "footprint",
    "forget",
    "frame_cost",
    "judge",
    "opponents",
    "picture_floor",
    "picture_opponents",
    "picture_race",
    "pictures_to_time",
    "race_of",
    "ratio",
    "teacher_model",
    "whole_path",
]
