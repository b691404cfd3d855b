"""Sets that others measured: their published scores against our teachers, and models against their teachers."""

from tinyvmaf.measure.external.held import HeldClip, HeldSet, claimed_recipe, hold_model
from tinyvmaf.measure.external.published import HeldColumn, hold_column, nearest_teacher
from tinyvmaf.measure.external.rows import LacksError, SetRows, rows_of

__all__ = [
    "HeldClip",
    "HeldColumn",
    "HeldSet",
    "LacksError",
    "SetRows",
    "claimed_recipe",
    "hold_column",
    "hold_model",
    "nearest_teacher",
    "rows_of",
]
