"""What is proven of a model is proven of this file, and is proven again on boxes drawn at random."""

import secrets

import pytest

from tinyvmaf.errors import TeacherError
from tinyvmaf.judge.plugin import NotChecked, Note
from tinyvmaf.judge.proofs import record_faults
from tinyvmaf.measure.proof.sampling import prove_sample
from tinyvmaf.model.proof_records import read_proof
from tinyvmaf.model.subject import Subject
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import load_teacher

SECONDS = 1.0  # on the CPU, for the boxes of one model


@pytest.mark.usefixtures("judged_by_assertions")
def test_what_is_proven_is_proven_again(
    looked_at: Subject, ffmpeg: FFmpeg, not_checked: NotChecked, note: Note
) -> None:
    """Its sidecar, the record, model, teacher, domain and method agree; the order of the boxes is new in each run."""
    one, promise = looked_at, looked_at.sidecar.proven_everywhere_points
    again = f"tinyvmaf prove {one.id} --record"
    found = read_proof(one.id, one.path.parent)
    if not one.registered and promise is not None and found is None:
        not_checked(
            f"{one.id}: proven within {promise:g} points, says its sidecar: only registered models have a record"
        )
    try:
        teacher = None if found is None else load_teacher(ffmpeg, one.teacher_id)
    except TeacherError:
        teacher = None
    wrong = record_faults(one, teacher)
    assert not wrong, f"{one.id}: {'; '.join(wrong)}"
    if found is None:
        return
    if teacher is None:
        not_checked(f"{one.id}: its proof, on boxes drawn at random: this libvmaf does not carry {one.teacher_id}")
    seed = secrets.randbelow(2**32)
    sample = prove_sample(one.data, teacher, found.bound_points, one.features, found.hardest, seed, seconds=SECONDS)
    told = f"{one.id} is not proven within {found.bound_points:g} points"
    assert sample.of == found.first_boxes, f"{told}: the domain has {sample.of:,} boxes: {again}"
    assert not sample.fault, f"{told}: {sample.fault} (seed {seed}); {again}"
    assert sample.proven, f"{one.id}: no box is proven again (seed {seed}): {again}"
    assert sample.largest <= found.largest_points * (1.0 + 1e-9), (
        f"{one.id}: a box is within {sample.largest:.9g} points, the record says {found.largest_points:.9g} at most "
        f"(seed {seed}): {again}"
    )
    note(
        f"{one.id}: proven within {found.bound_points:g} points everywhere; "
        f"{sample.proven} of {sample.of:,} boxes proven again (seed {seed})"
    )
