"""Proofs of models: what is to be proven of one, how that is recorded, and whether a record still holds."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from tinyvmaf.data.store import Store, default_folder
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
from tinyvmaf.model.third_party import FeedOptions
from tinyvmaf.project import project
from tinyvmaf.vmaf.teacher import Teacher

if TYPE_CHECKING:
    from tinyvmaf.measure.proof.proving import Found

DEFAULT_BOUND: Final = 2.0


def claim_of(subject: Subject, teacher: Teacher, bound: float) -> Claim:
    """What is to be proven of a model.

    Raises:
        NoProofError: it is of a kind that no proof exists for.
    """
    if not isinstance(kind_of(subject), FeatureRows):
        raise NoProofError(f"a model of kind {subject.kind} does not take rows of features")
    return Claim.of(subject.data, teacher, bound, subject.features)


def journal_of(claim: Claim) -> Path:
    """The file that keeps what is done of a proof, in the cache."""
    return Store(default_folder()).journal(claim.key)


def bound_of(subject: Subject) -> float:
    """What is proven of a model, else what it promises, else `DEFAULT_BOUND`: in points."""
    proven = subject.sidecar.proven_everywhere_points
    return proven or subject.promised.get("worst_difference", DEFAULT_BOUND)


def record(subject: Subject, teacher: Teacher, found: "Found") -> Path:
    """Record a proof of a registered model: in a file of its own, in its sidecar, its card and the registry.

    Returns:
        The file.

    Raises:
        RegistryError: the model is not registered, or nothing was proven.
    """
    if found.status != "proven" or found.boxes_of is None:
        raise RegistryError(f"{subject.id} is not proven, so nothing is recorded")
    if not subject.registered:
        raise RegistryError(f"{subject.id} is not registered", hint="tinyvmaf register, then record its proof")
    claim = claim_of(subject, teacher, found.bound)
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
    if folder == registry.brought_folder() and not project().is_home:
        raise RegistryError(f"{subject.id} comes with tinyvmaf", hint="register it in your project first")
    path, card = proof_path(subject.id, folder), subject.file.with_suffix(".md")
    with all_or_nothing((path, *registry.files_of(subject), folder / registry.REGISTRY)):
        write_atomic(path, made.text())
        registry.register(subject.id, subject.data, subject.sidecar.as_dict(), card.read_text("utf-8"), folder)
    return path


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
    if not found.hardest + found.first_boxes - 1 <= found.boxes <= found.hardest * found.first_boxes:
        wrong.append(f"{found.boxes:,} boxes in all cannot be, with {found.hardest:,} at most for a first box: {again}")
    if found.sha256 != subject.sha256 or found.teacher != subject.sidecar.teacher:
        wrong.append(f"the record is about another file, or another teacher: {again}")
    if teacher is not None and not wrong:
        claim = claim_of(subject, teacher, found.bound_points)
        for what, have, now in (
            ("model", found.sha256, claim.model),
            ("teacher", found.teacher.sha256, claim.teacher),
            ("domain", found.domain, claim.domain),
            ("method", found.method, claim.method),
        ):
            if have != now:
                wrong.append(f"the {what} is another than when it was proven: {again}")
    return wrong


def scores_of(subject: Subject, teacher: Teacher, row: Sequence[float]) -> tuple[float, float]:
    """What a model on ONNX Runtime and its teacher say of a row, in the teacher's order of features: in points."""
    columns = [teacher.feature_names.index(name) for name in subject.features]
    rows = np.array([row], dtype=np.float64)
    score = OnnxRuntimeCpu(subject.data).run(rows[:, columns].astype(np.float32))
    return float(score[0]), float(teacher.predict(rows)[0])


def show(name: str, row: Sequence[float], ffmpeg: str | None = None, **feed: str) -> None:
    """Print `scores_of` a model, by its id or file; the rest is as for `tinyvmaf prove`."""
    from tinyvmaf.judge.opened import opened  # imported here: only who types this needs them
    from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
    from tinyvmaf.vmaf.teacher import load_teacher

    with opened(name, FeedOptions(**feed), ffmpeg) as subject:
        teacher = load_teacher(find_ffmpeg(ffmpeg), subject.teacher_id)
        score, expected = scores_of(subject, teacher, row)
        print(f"{subject.id}: {score:.6f}, {teacher.id}: {expected:.6f}")
