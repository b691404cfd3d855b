"""Finds the float model that a variant was made of, and holds the variant against it."""

import numpy as np

from tinyvmaf.errors import CouldNotRunError, RegistryError, TinyvmafError
from tinyvmaf.files import sha256
from tinyvmaf.judge.opened import read_whole
from tinyvmaf.measure.against_parent import AgainstParent, against_parent
from tinyvmaf.measure.loso import Trial
from tinyvmaf.model import registry
from tinyvmaf.model.engines import OnnxRuntimeCpu, all_scores
from tinyvmaf.model.subject import Subject


def parent_of(variant: Subject) -> Subject:
    """The parent that the sidecar of a variant names: the file of that id beside it, or the registered one.

    Raises:
        CouldNotRunError: neither is there, or it is another file.
    """
    of = variant.sidecar.variant_of
    assert of is not None
    beside = variant.path.with_name(f"{of.id}.onnx")
    others = []
    if beside.is_file():
        try:
            one = read_whole(str(beside))
            if sha256(one.data) == of.sha256:
                return one
            others.append(f"{beside} is another file")
        except TinyvmafError as error:
            others.append(error.message)
    try:
        one = registry.find(of.id)
        if sha256(one.data) == of.sha256:
            return one
        others.append(f"the registered {of.id} is another file")
    except (RegistryError, CouldNotRunError):
        pass
    raise CouldNotRunError(
        "; ".join([f"{variant.id} is a variant of {of.id}, sha256 {of.sha256}, which is not here", *others]),
        hint=f"put {beside.name} and its sidecar beside it, or: tinyvmaf register {beside.name}",
    )


def held_against_parent(trial: Trial) -> AgainstParent:
    """The variant of a trial against its parent, on the frames of the trial's corpus.

    Raises:
        CouldNotRunError: the parent is not here, takes other features, or gives no usable scores.
    """
    variant = trial.subject
    assert variant is not None
    parent = parent_of(variant)
    if set(parent.features) != set(variant.features) or parent.teacher_id != variant.teacher_id:
        raise CouldNotRunError(f"{variant.id} takes other features than its parent {parent.id}, or has another teacher")
    expected = trial.data.columns(trial.teacher.id)[:, 0]
    scores = {
        one.id: all_scores(OnnxRuntimeCpu(one.data), trial.data.columns(*one.features).astype(np.float32))
        for one in (parent, variant)
    }
    try:
        return against_parent(expected, scores[parent.id], scores[variant.id])
    except ValueError as error:
        raise CouldNotRunError(f"{variant.id} cannot be compared with its parent {parent.id}: {error}") from error
