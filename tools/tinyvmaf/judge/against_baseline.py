"""How exact a model is beside the accepted baseline of the same id: on the same rows, against the same teacher."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from tinyvmaf.errors import TinyvmafError
from tinyvmaf.files import sha256
from tinyvmaf.measure.latency.baseline import baselines
from tinyvmaf.measure.loso import LosoReport, Trial

FIGURES: Final[Mapping[str, str]] = {
    "rmse": "RMSE",
    "max_error": "worst frame",
    "bias": "bias",
    "plcc": "PLCC",
    "srocc": "SROCC",
}
"""What is compared, and its name for people; the first three in VMAF points."""


def compared(trial: Trial, named: Path | None = None) -> dict[str, Any]:
    """The model's file and its baseline on all frames of the corpus, for the report.

    Args:
        trial: of a model that scores frames.
        named: the baseline; None for the accepted one of the same id.

    Returns:
        `why_not` if there is no baseline or it cannot be compared; else what it is and the figures of both.
    """
    if trial.subject is None:
        return {"why_not": "a recipe has no baseline"}
    try:
        if named is not None:
            data, about = named.read_bytes(), {"accepted": None, "reason": f"{named.name}, by --baseline"}
        elif (known := baselines().get(trial.id)) is not None:
            data, about = known.data(), {"accepted": known.accepted, "reason": known.reason}
        else:
            return {"why_not": f"no baseline of {trial.id} was accepted"}
        same = data == trial.subject.data
        mine = trial.of_the_file(trial.subject.data)
        other = mine if same else trial.of_the_file(data)
    except (TinyvmafError, OSError) as error:
        return {"why_not": str(error)}
    return {"sha256": sha256(data), "bytes": len(data), "same": same, **about, **_held(mine, other)}


def _held(mine: LosoReport, other: LosoReport) -> dict[str, Any]:
    """The figures of both, and the frame on which their scores are furthest apart."""
    figures = {name: [_finite(getattr(one.pooled["frame"], name)) for one in (mine, other)] for name in FIGURES}
    assert mine.frames is not None
    assert other.frames is not None
    apart = np.abs(mine.frames.got - other.frames.got)
    worst = int(np.where(np.isfinite(apart), apart, np.inf).argmax())
    at = f"source {mine.frames.source[worst]}, frame {mine.frames.frame[worst]} of {mine.frames.clip[worst]}"
    return {"figures": figures, "apart": _finite(apart[worst]), "apart_at": at, "frames": len(apart)}


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
