"""Students: architectures as data, and fitted students as numbers that NumPy can evaluate.

Whatever the architecture, a student takes a teacher's features in the teacher's order, normalises them inside, and
gives VMAF points within the teacher's clip.
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
from tinyvmaf.train.students.dense import Student
from tinyvmaf.train.students.grid import Grid, GridStudent, Layer

__all__ = [
    "ARCHITECTURES",
    "ON_GRID",
    "Activation",
    "Architecture",
    "Grid",
    "GridStudent",
    "Layer",
    "Student",
    "StudentError",
    "activate",
    "architecture",
]
