"""Pairs of videos, measured by libvmaf: several at a time, and none that the store already has."""

from tinyvmaf.data.pairs.plan import AskedPair
from tinyvmaf.data.pairs.run import MeasuredPair, PairRun

__all__ = ["AskedPair", "MeasuredPair", "PairRun"]
