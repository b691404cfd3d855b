"""What a proof is about, in hashes: the model, the teacher, the domain, and the method."""

import ast
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Final

import tinyvmaf
from tinyvmaf.files import sha256
from tinyvmaf.measure.proof.fixed_point import read_fixed_point
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.teacher import Teacher

# Run a proof, keep it or check it, but say nothing about a box. A module that is not named here counts.
_NO_METHOD: Final = ("__init__", "claim", "journal", "provable", "proving", "sampling", "second_opinion")
_ELSEWHERE: Final = ("vmaf/domain/teacher_domain.py", "vmaf/teacher/svr.py")
# What counts only for the exported teacher: no other model's boxes are bounded with it.
_FIXED_POINT: Final = ("measure/proof/fixed_point.py", "model/writer/svr_exact.py", "model/writer/svr.py")


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
        used = method(read_fixed_point(data, teacher) is not None)
        return cls(sha256(data), teacher.sha256, domain_digest(teacher), used, bound, tuple(feature_order))


def domain_digest(teacher: Teacher) -> str:
    """Of the names and the ranges of the teacher's features. How they depend on each other is part of the method."""
    domain = Domain(teacher.features)
    low, high = domain.bounds()
    return sha256(json.dumps([domain.names, low.tolist(), high.tolist()]).encode())


@cache
def method(fixed_point: bool) -> str:
    """Of the code that bounds a box. Comments, docstrings and layout do not count.

    Args:
        fixed_point: whether the model is the exported teacher.
    """
    package = Path(tinyvmaf.__file__).parent
    own = {path.relative_to(package).as_posix() for path in Path(__file__).parent.glob("*.py")}
    own -= {f"measure/proof/{name}.py" for name in _NO_METHOD} | set(_FIXED_POINT)
    told = {name: _told(package / name) for name in (*own, *_ELSEWHERE, *(_FIXED_POINT if fixed_point else ()))}
    return sha256(json.dumps(told, sort_keys=True).encode())


def _told(path: Path) -> str:
    return sha256(_words(ast.parse(path.read_text(encoding="utf-8"))).encode())


def _words(node: object) -> str:
    """A syntax tree as text, the same in each version of Python: `ast.dump` is not."""
    if isinstance(node, list):
        return f"[{','.join(map(_words, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = {name: value for name, value in ast.iter_fields(node) if value not in (None, [])}
    if isinstance(node, ast.Constant):
        fields = {"value": node.value}
    if "body" in fields and isinstance(fields["body"], list):
        fields["body"] = [one for one in fields["body"] if not _is_docstring(one)]
    return f"{type(node).__name__}({','.join(f'{name}={_words(value)}' for name, value in fields.items())})"


def _is_docstring(node: ast.AST) -> bool:
    """Text that stands alone, wherever: nothing is done with it."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
