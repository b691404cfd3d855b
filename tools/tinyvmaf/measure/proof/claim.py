"""What a proof is about, in hashes: the model, the teacher, the domain, and the method."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Final

import tinyvmaf
from tinyvmaf.code_digest import code_digest
from tinyvmaf.files import sha256
from tinyvmaf.measure.proof.fixed_point import read_fixed_point
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.teacher import Teacher

_SECOND: Final = ("second_opinion", "second_teacher")
# Run a proof, keep it or check it, but say nothing about a box. A module that is not named here counts.
_NO_METHOD: Final = ("__init__", "claim", "journal", "parts", "provable", "proving", "sampling", *_SECOND)
_ELSEWHERE: Final = ("vmaf/domain/teacher_domain.py", "vmaf/teacher/svr.py")
# What counts only for a teacher with a score transform or a chroma correction, ...
_SLICES: Final = ("measure/proof/silence.py", "measure/proof/slices.py", "measure/proof/transformed.py")
# ... and only for the exported teacher: no other model's boxes are bounded with it.
_FIXED_POINT: Final = (
    *("measure/proof/fixed_point.py", "model/writer/svr_exact.py", "model/writer/svr.py"),
    *("model/writer/polynomial.py", "model/writer/silence.py", "vmaf/teacher/silence.py"),
)


@dataclass(frozen=True)
class Claim:
    """That a model is within `bound` points of its teacher, everywhere in the domain. Digests are sha256."""

    model: str
    teacher: str
    domain: str
    method: str
    bound: float
    feature_order: tuple[str, ...]
    """Of the model's columns."""

    @property
    def key(self) -> str:
        """One sha256 of all of it."""
        return sha256(json.dumps(asdict(self)).encode())

    @classmethod
    def of(cls, data: bytes, teacher: Teacher, bound: float, feature_order: Sequence[str]) -> "Claim":
        """About the bytes of an ONNX file."""
        plain = teacher.svr.transform is None and teacher.svr.chroma is None
        used = method(not plain, read_fixed_point(data, teacher) is not None)
        return cls(sha256(data), teacher.sha256, domain_digest(teacher), used, bound, tuple(feature_order))


def domain_digest(teacher: Teacher) -> str:
    """Of the names and the ranges of the teacher's features. How they depend on each other is part of the method."""
    domain = Domain(teacher.features)
    low, high = domain.bounds()
    return sha256(json.dumps([domain.names, low.tolist(), high.tolist()]).encode())


@cache
def method(slices: bool, fixed_point: bool) -> str:
    """Of the code that bounds a box. Comments, docstrings and layout do not count.

    Args:
        slices: whether the teacher has a score transform or a chroma correction.
        fixed_point: whether the model is the exported teacher.
    """
    package = Path(tinyvmaf.__file__).parent
    own = {path.relative_to(package).as_posix() for path in Path(__file__).parent.glob("*.py")}
    own -= {f"measure/proof/{name}.py" for name in _NO_METHOD} | set(_SLICES) | set(_FIXED_POINT)
    more = (_SLICES if slices else ()) + (_FIXED_POINT if fixed_point else ())
    return code_digest((*own, *_ELSEWHERE, *more), package)
