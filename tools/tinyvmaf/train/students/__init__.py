"""Students: architectures as data, and fitted students as parameters that NumPy can evaluate.

Every student takes a teacher's features in the teacher's order, normalises them, and returns VMAF points within the
teacher's score range.
"""

from tinyvmaf.train.students.architecture import (
    ARCHITECTURES,
    ON_GRID,
    Activation,
    Architecture,
    StudentError,
    activate,
    architecture,
)
from tinyvmaf.train.students.dense import Student, pooled_score
from tinyvmaf.train.students.grid import Grid, GridStudent, Layer
from tinyvmaf.train.students.interval import AnyStudent, IntervalStudent
from tinyvmaf.vmaf.teacher.silence import Silence

__all__ = [
    "ARCHITECTURES",
    "ON_GRID",
    "Activation",
    "AnyStudent",
    "Architecture",
    "Grid",
    "GridStudent",
    "IntervalStudent",
    "Layer",
    "Silence",
    "Student",
    "StudentError",
    "activate",
    "architecture",
    "pooled_score",
]
