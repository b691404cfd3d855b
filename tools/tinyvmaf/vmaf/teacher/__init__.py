"""The teachers: VMAF's SVR models, read out of the libvmaf in use and evaluated in float64.

libvmaf carries its models as JSON text inside the executable. Each is known here by the sha256 of that text, so a
teacher is the published one or it is refused.
"""

from tinyvmaf.vmaf.teacher.load import DEFAULT, KNOWN, load_built_in, load_json
from tinyvmaf.vmaf.teacher.model import Bagging, Teacher
from tinyvmaf.vmaf.teacher.parse import parse
from tinyvmaf.vmaf.teacher.svr import ChromaFromLuma, ScoreTransform, Svr

__all__ = [
    "DEFAULT",
    "KNOWN",
    "Bagging",
    "ChromaFromLuma",
    "ScoreTransform",
    "Svr",
    "Teacher",
    "load_built_in",
    "load_json",
    "parse",
]
