"""Proofs of models: what is to be proven of one, how that is recorded, and whether a record still holds."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.errors import RegistryError
from tinyvmaf.files import all_or_nothing, write_atomic
from tinyvmaf.judge.kinds import kind_of
from tinyvmaf.judge.kinds.regressor import FeatureRows
from tinyvmaf.measure.proof import NoProofError
from tinyvmaf.measure.proof.claim import Claim
from tinyvmaf.model import registry
from tinyvmaf.model.engines import OnnxRuntimeCpu
from tinyvmaf.model.proof_records import ProofRecord, proof_path, read_proof
from tinyvmaf.model.sidecar import TeacherOf
from tinyvmaf.model.subject import Subject
from tinyvmaf.vmaf.teacher import Teacher

if TYPE_CHECKING:
    from tinyvmaf.measure.proof.proving import Found

DEFAULT_BOUND: Final = 2.0
_SECTION: Final = re.compile(r"## Proven\n.*?(?=^## |\Z)", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class ToProve:
    """A model as proofs take it: one graph that takes its teacher's features, in the teacher's order."""

    data: bytes
    teacher: Teacher

    @classmethod
    def of(cls, subject: Subject, teacher: Teacher) -> "ToProve":
        """Of any model.

        Raises:
            NoProofError: a kind of model that no proof exists for.
        """
        if not isinstance(kind_of(subject), FeatureRows):
            raise NoProofError(f"a model of kind {subject.kind} does not take rows of features")
        if foreign := [name for name in subject.features if name not in teacher.feature_names]:
            raise NoProofError(f"{teacher.id} does not take {', '.join(foreign)}")
        if subject.features == teacher.feature_names:
            return cls(subject.data, teacher)
        return cls(_reordered(subject.data, subject.features, teacher.feature_names), teacher)

    def scores(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """The model on ONNX Runtime: of rows `[N, F]`, `[N]` in points."""
        return OnnxRuntimeCpu(self.data).run(rows.astype(np.float32)).astype(np.float64)

    def claim(self, bound: float) -> Claim:
        """What is to be proven."""
        return Claim.of(self.data, self.teacher, bound)


def bound_of(subject: Subject) -> float:
    """What is proven of a model, else what it promises, else `DEFAULT_BOUND`: in points."""
    proven = subject.sidecar.proven_everywhere_points
    return proven or subject.promised.get("worst_difference", DEFAULT_BOUND)


def record(subject: Subject, teacher: Teacher, found: "Found") -> Path:
    """Record a proof of a registered model: in a file of its own, in its sidecar, its card and the registry.

    Returns:
        The file.

    Raises:
        RegistryError: the model is not registered, or takes its features in another order, or nothing was proven.
    """
    if found.status != "proven" or found.boxes_of is None:
        raise RegistryError(f"{subject.id} is not proven, so nothing is recorded")
    if not subject.registered or subject.features != teacher.feature_names:
        raise RegistryError(f"{subject.id} is not registered", hint="tinyvmaf register, then record its proof")
    claim = ToProve.of(subject, teacher).claim(found.bound)
    made = ProofRecord(
        schema=1,
        model=subject.id,
        sha256=claim.model,
        teacher=TeacherOf(id=teacher.id, sha256=claim.teacher),
        domain=claim.domain,
        method=claim.method,
        bound_points=found.bound,
        largest_points=found.largest,
        first_boxes=len(found.boxes_of),
        boxes=found.boxes,
        hardest=int(found.boxes_of.max()),
    )
    folder = subject.path.parent
    path, card = proof_path(subject.id, folder), subject.file.with_suffix(".md")
    claims = subject.sidecar.as_dict() | {"proven_everywhere_points": found.bound}
    with all_or_nothing((path, *registry.files_of(subject), folder / registry.REGISTRY)):
        write_atomic(path, made.text())
        registry.register(subject.id, subject.data, claims, _with_proof(card.read_text("utf-8"), made), folder)
    return path


def kept(subject: Subject, card: str, folder: Path) -> tuple[dict[str, Any], str, list[str]]:
    """What sidecar and card of a model may say when it is registered: that it is proven, if the folder's record is
    about the same file. Any other record is removed.

    Returns:
        The sidecar, the card, and what was removed: sentences.
    """
    claims, path = subject.sidecar.as_dict(), proof_path(subject.id, folder)
    claims.pop("proven_everywhere_points", None)
    try:
        found = read_proof(subject.id, folder)
    except RegistryError:
        found = None
    if found is not None and found.sha256 == subject.sha256:
        return claims | {"proven_everywhere_points": found.bound_points}, _with_proof(card, found), []
    gone = [f"{path}: removed, it is about another file: tinyvmaf prove {subject.id} --record"] if path.exists() else []
    path.unlink(missing_ok=True)
    return claims, _SECTION.sub("", card), gone


def record_faults(subject: Subject, teacher: Teacher | None) -> list[str]:
    """Where a registered model, its sidecar and the record of its proof disagree; empty if nowhere.

    Args:
        teacher: None: it cannot be had here, so what depends on it is not looked at.
    """
    promise, again = subject.sidecar.proven_everywhere_points, f"tinyvmaf prove {subject.id} --record"
    found = read_proof(subject.id, subject.path.parent)
    if found is None:
        return [] if promise is None else [f"its sidecar says proven within {promise:g}, no proof is recorded: {again}"]
    wrong = []
    if promise != found.bound_points:
        told = "nothing" if promise is None else f"{promise:g}"
        wrong.append(f"its sidecar says proven within {told}, the record says {found.bound_points:g}: {again}")
    if found.largest_points > found.bound_points:
        wrong.append(
            f"the record has a box of {found.largest_points:g}, above its bound {found.bound_points:g}: {again}"
        )
    if found.sha256 != subject.sha256 or found.teacher != subject.sidecar.teacher:
        wrong.append(f"the record is about another file, or another teacher: {again}")
    if teacher is not None and not wrong:
        claim = ToProve.of(subject, teacher).claim(found.bound_points)
        for what, have, now in (
            ("model", found.sha256, claim.model),
            ("teacher", found.teacher.sha256, claim.teacher),
            ("domain", found.domain, claim.domain),
            ("method", found.method, claim.method),
        ):
            if have != now:
                wrong.append(f"the {what} is another than when it was proven: {again}")
    return wrong


def show(name: str, row: list[float]) -> None:
    """Print what a model, by its id or file, and its teacher say of a row, in the teacher's order of features."""
    from tinyvmaf.judge.opened import opened
    from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
    from tinyvmaf.vmaf.teacher import load_built_in

    with opened(name) as subject:
        teacher = load_built_in(find_ffmpeg(None), subject.teacher_id)
        one, rows = ToProve.of(subject, teacher), np.array([row])
        print(f"{subject.id}: {one.scores(rows)[0]:.6f}, {teacher.id}: {teacher.predict(rows)[0]:.6f}")


def _with_proof(card: str, made: ProofRecord) -> str:
    section = f"""## Proven

Nowhere in the teacher's domain is this model more than {made.bound_points:g} VMAF points from its teacher, rounding
included. `tinyvmaf prove {made.model}` proves it again ([how](../docs/proof.md)).

"""
    old = _SECTION.sub("", card)
    head, origin, rest = old.partition("## Origin and licence")
    return (
        head.rstrip("\n") + "\n\n" + section + origin + rest
        if origin
        else old.rstrip("\n") + "\n\n" + section.rstrip("\n") + "\n"
    )


def _reordered(data: bytes, have: tuple[str, ...], wanted: tuple[str, ...]) -> bytes:
    """A graph that takes features `wanted`, and gives those that the model has to the model."""
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.load_model_from_string(data)
    (taken,) = model.graph.input
    inside = f"{taken.name}_in_its_order"
    for node in model.graph.node:
        node.input[:] = [inside if name == taken.name else name for name in node.input]
    places = np.array([wanted.index(name) for name in have])
    model.graph.initializer.append(numpy_helper.from_array(places, f"{inside}_places"))
    model.graph.node.insert(0, helper.make_node("Gather", [taken.name, f"{inside}_places"], [inside], axis=1))
    taken.type.tensor_type.shape.dim[1].dim_value = len(wanted)
    return bytes(model.SerializeToString())
