"""A teacher itself as an ONNX file: the SVR that libvmaf computes, exported and not trained."""

from dataclasses import replace
from typing import Final

from tinyvmaf.judge.kinds.regressor import CARD, GOLDEN, FeatureRows

_OFF: Final = ("largest error against the SVR in float64, on 10,000 rows of its domain", "VMAF points")

TEACHER: Final = FeatureRows(
    "teacher",
    "a teacher's own SVR as an ONNX file: its features in, its score out",
    # Nothing was trained, so no source can be held out, and it promises nothing. That it is the teacher is for the
    # contract gate to show.
    asked=("*", "!loso.*", "!golden.the_record_is_within_the_models_own_promise"),
    asked_of_strangers=("*",),
    card=replace(CARD, measured={"float64_max_abs_error_points": _OFF, **GOLDEN}),
)
