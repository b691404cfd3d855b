"""A scoreboard: the figures of many candidates side by side, without a verdict."""

from tinyvmaf.judge.scoreboard.line import FIGURES, Line
from tinyvmaf.judge.scoreboard.measure import STEPS, Bench, candidates_in, measured_apart

__all__ = ["FIGURES", "STEPS", "Bench", "Line", "candidates_in", "measured_apart"]
