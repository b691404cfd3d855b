"""Searches a teacher's domain for a model's worst row: by samples, around real video, by the graph's own units."""

from tinyvmaf.measure.search.coverage import Coverage, coverage
from tinyvmaf.measure.search.hunting import Searched, hunt

__all__ = ["Coverage", "Searched", "coverage", "hunt"]
