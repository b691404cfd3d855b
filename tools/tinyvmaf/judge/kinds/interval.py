"""A regressor that says how sure its teacher is: the standard deviation over the teacher's bootstrap models."""

from dataclasses import replace
from typing import Final

from tinyvmaf.judge.kinds.base import OF_INTERVALS
from tinyvmaf.judge.kinds.regressor import CARD, REGRESSOR
from tinyvmaf.model.contract import OUTPUT, STDDEV

_POINTS: Final = "VMAF points"

INTERVAL: Final = replace(
    REGRESSOR,
    name="interval",
    summary="a regressor with a second output: the standard deviation over its teacher's bootstrap models",
    asked=("*", "!contract.a_teacher_is_that_teacher", *OF_INTERVALS),
    asked_of_strangers=("*", "!contract.a_teacher_is_that_teacher", *OF_INTERVALS),
    gives=f"{REGRESSOR.gives}; {STDDEV}: float32 [N, 1], VMAF points, from 0",
    outputs=(OUTPUT, STDDEV),
    card=replace(
        CARD,
        gives=f"{CARD.gives}; `{STDDEV}`, float32 `[N, 1]`, VMAF points: the 95 % interval is score +- 1.96 {STDDEV}",
        measured={
            **CARD.measured,
            "loso_stddev_rmse_points": ("RMSE of the standard deviation, held-out sources", _POINTS),
            "loso_stddev_max_abs_error_points": ("largest error of the standard deviation, held-out sources", _POINTS),
            "loso_interval_rmse_points": ("RMSE of the ends of the 95 % interval, held-out sources", _POINTS),
            "loso_interval_coverage": ("share of the bootstrap models' scores inside the interval", ""),
            "teacher_interval_coverage": ("the same share for the teacher's own interval", ""),
        },
    ),
)
