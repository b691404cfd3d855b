"""Fitted students as ONNX files."""

from collections.abc import Mapping

from tinyvmaf.train.export_student.dense import student_model
from tinyvmaf.train.export_student.grid import grid_model
from tinyvmaf.train.export_student.interval import interval_model
from tinyvmaf.train.students import AnyStudent, GridStudent, IntervalStudent

__all__ = ["any_model", "grid_model", "interval_model", "student_model"]


def any_model(
    student: AnyStudent, model_id: str, metadata: Mapping[str, str] | None = None, *, arithmetic: str = "float32"
) -> bytes:
    """A student of any sort as ONNX; `arithmetic` is that of a student that is not on a grid."""
    if isinstance(student, IntervalStudent):
        return interval_model(student, model_id, metadata)
    if isinstance(student, GridStudent):
        return grid_model(student, model_id, metadata)
    return student_model(student, model_id, metadata, arithmetic=arithmetic)
