"""Quality over bitrate: the curves of encoders, and how much less bitrate one needs than another."""

from tinyvmaf.measure.rate_quality.bjontegaard import LITTLE_OVERLAP, BdRate, BdRateError, RateCurve, bd_rate
from tinyvmaf.measure.rate_quality.names import Group, grouped

__all__ = ["LITTLE_OVERLAP", "BdRate", "BdRateError", "Group", "RateCurve", "bd_rate", "grouped"]
