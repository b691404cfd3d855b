"""Extremes: what libvmaf measures on natural frames after filters that no encoder applies, and rows around them.

They say how far the domain of a teacher must reach (docs/students.md).
"""

from tinyvmaf.data.extremes.measure import TEACHERS, measure_extremes
from tinyvmaf.data.extremes.sample import sample_extremes
from tinyvmaf.data.extremes.spec import ExtremeCase, Extremes, load_extremes

__all__ = ["TEACHERS", "ExtremeCase", "Extremes", "load_extremes", "measure_extremes", "sample_extremes"]
