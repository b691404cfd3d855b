"""The teachers: VMAF's SVR models, read from the installed libvmaf and evaluated in float64.

libvmaf's executable contains its models as JSON text. The sha256 of that text must be that of the published model.
"""

from tinyvmaf.vmaf.teacher.load import DEFAULT, KNOWN, MOST_BYTES, load_built_in, load_carried, load_json
from tinyvmaf.vmaf.teacher.model import Bagging, Teacher
from tinyvmaf.vmaf.teacher.names import BOOTSTRAP, PHONE, SHORT, load_named, teacher_id
from tinyvmaf.vmaf.teacher.own import FOLDER, NETFLIX, load_teacher, own_teacher_ids, require_own_id, sha256_of
from tinyvmaf.vmaf.teacher.parse import parse
from tinyvmaf.vmaf.teacher.svr import ChromaFromLuma, ScoreTransform, Svr

__all__ = [
    "BOOTSTRAP",
    "DEFAULT",
    "FOLDER",
    "KNOWN",
    "MOST_BYTES",
    "NETFLIX",
    "PHONE",
    "SHORT",
    "Bagging",
    "ChromaFromLuma",
    "ScoreTransform",
    "Svr",
    "Teacher",
    "load_built_in",
    "load_carried",
    "load_json",
    "load_named",
    "load_teacher",
    "own_teacher_ids",
    "parse",
    "require_own_id",
    "sha256_of",
    "teacher_id",
]
