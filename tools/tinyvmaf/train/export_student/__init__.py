"""Fitted students as ONNX files."""

from tinyvmaf.train.export_student.dense import student_model
from tinyvmaf.train.export_student.grid import grid_model

__all__ = ["grid_model", "student_model"]
