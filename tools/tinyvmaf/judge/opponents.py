"""What a model is raced against: rows and right answers as its kind makes them."""

from dataclasses import replace
from functools import partial
from pathlib import Path

from tinyvmaf.data.embedded import embedded_corpus
from tinyvmaf.errors import CouldNotRunError, ModelError
from tinyvmaf.files import sha256
from tinyvmaf.judge.kinds import Kind, Material, find
from tinyvmaf.measure.engine_agreement import sole
from tinyvmaf.measure.latency import (
    ANY_SCORE,
    Expected,
    Opponents,
    PictureOpponents,
    opponents,
    picture_opponents,
)
from tinyvmaf.model.subject import Subject
from tinyvmaf.model.third_party.wrap import as_it_came
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import load_teacher


def picture_opponents_of(subject: Subject, ffmpeg: FFmpeg, baseline: Path | None = None) -> PictureOpponents:
    """The opponents of a model that takes pictures.

    Args:
        ffmpeg: its libvmaf has the teacher.
        baseline: the file that it may not be slower than; None for the stored one, if there is one.

    Raises:
        as `opponents_of`.
    """
    kind = _checked(subject)
    arrays = kind.latency_inputs(subject, Material(embedded_corpus().read(), partial(load_teacher, ffmpeg)))
    return picture_opponents(subject.id, sole(arrays), baseline, given=subject.outputs[0])


def opponents_of(
    subject: Subject, ffmpeg: FFmpeg, baseline: Path | None = None, *, most: float = ANY_SCORE
) -> Opponents:
    """The opponents of a model on the embedded corpus.

    Args:
        ffmpeg: its libvmaf has the teacher.
        baseline: the file that it may not be slower than; None for the stored one, if there is one.
        most: by how much an output may be off, VMAF points.

    Raises:
        ModelError: it does not keep the contract, or is not the sidecar's.
        BaselineError: the baseline does not keep it, or takes other features.
        CouldNotRunError: the kind is not known, or nothing is true of its models.
        RegistryError, TeacherError: no sidecar, or what it claims cannot be.
    """
    kind = _checked(subject)
    material = Material(embedded_corpus().read(), partial(load_teacher, ffmpeg))
    arrays, truth = kind.latency_inputs(subject, material), kind.truth(subject, material)
    if truth is None:
        raise CouldNotRunError(f"{subject.id}: nothing is known to be right for kind {kind.name}, so it is not timed")
    expected = Expected(sole(arrays), truth(arrays), most)
    found = opponents(subject.id, material.teacher(subject.teacher_id), expected, baseline)
    came = as_it_came(subject.adopted, subject.features) if subject.adopted else None
    return replace(found, as_it_came=came)


def _checked(subject: Subject) -> Kind:
    """The kind of a model, whose file it says may be run."""
    kind = find(subject.kind)
    if wrong := kind.file_faults(subject.file):
        raise ModelError(f"{subject.file} does not keep the contract, so it is not run: {wrong[0]}")
    if subject.sidecar.sha256 != sha256(subject.data):
        raise ModelError(f"{subject.file}: its sidecar is of another file", hint="tinyvmaf verify says what differs")
    return kind
