"""Quality over bitrate: the curves of encoders, and how much less bitrate one needs than another."""

from tinyvmaf.measure.rate_quality.bjontegaard import LITTLE_OVERLAP, BdRate, Curve, CurveError, bd_rate
from tinyvmaf.measure.rate_quality.names import Group, grouped

__all__ = ["LITTLE_OVERLAP", "BdRate", "Curve", "CurveError", "Group", "bd_rate", "grouped"]
