"""A teacher itself as an ONNX file: the SVR that libvmaf computes, exported and not trained."""

from typing import Final

from tinyvmaf.judge.kinds.regressor import FeatureRows

TEACHER: Final = FeatureRows(
    "teacher",
    "a teacher's own SVR as an ONNX file: its features in, its score out",
    # Nothing was trained, so no source can be held out. That it is the teacher is for the contract gate to show.
    asked=("*", "!loso.*"),
    asked_of_strangers=("*",),
)
