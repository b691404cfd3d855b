"""How a model is held on a set that others measured: its bounds, and a line of figures."""

import numpy as np

from tinyvmaf.judge.bounds import Bound, Bounds
from tinyvmaf.measure.charts.words import counted
from tinyvmaf.measure.external import HeldColumn, HeldSet, SetRows
from tinyvmaf.measure.loso import shown
from tinyvmaf.model.subject import Subject

_PROMISES = ("frame_max_error", "frame_rmse")


def bound_of(bounds: Bounds, name: str, subject: Subject) -> Bound:
    """The bound of `external.` and this name for a model; a tighter promise of its sidecar holds instead."""
    bound, promised = bounds.for_subject(f"external.{name}", subject), subject.promised
    return bound.tightened(promised[name], "promised in the sidecar") if name in _PROMISES & promised.keys() else bound


def summary(held: HeldSet) -> str:
    """What a person wants to know of a model on a set, in one line."""
    of, (expected, got) = held.of, held.clip_means
    figures = []
    if not held.per_clip:
        correlation = held.plcc
        figures = [f"worst frame {np.abs(held.error).max():.3g}", f"RMSE {held.rmse:.3g}"]
        figures += [] if correlation is None else [f"PLCC {shown(correlation)}"]
    figures.append(f"worst clip {np.abs(got - expected).max():.3g}")
    outside = int((of.distance > 0).sum())
    if outside:
        figures.append(
            f"{counted(outside, 'frame')} outside the teacher's domain, the furthest by {of.distance.max():.3g}"
        )
    how_many = f"{counted(len(of.rows), 'frame')} of {counted(len(of.clips), 'clip')}"
    return f"{held.subject} on {of.name}, {how_many}: {', '.join(figures)}"


def summary_of_column(held: HeldColumn) -> str:
    """What a person wants to know of published scores, in one line."""
    how = held.score.how if held.score.teacher else "by its description" if held.score.declared else "nearly"
    return (
        f"{held.of.name}: {held.score.published} is {held.of.teacher.id}'s ({how}): {counted(len(held.row), 'frame')} "
        f"at most {held.difference.max():.2g} apart; its decimals allow {held.allowed.max():.2g}"
    )


def without_a_feature(of: SetRows) -> str:
    """What stands under NOT CHECKED of the frames of a set; empty if all of them count."""
    return (
        f"{of.name}: {counted(of.left_out, 'frame')} without a feature that {of.teacher.id} takes"
        if of.left_out
        else ""
    )


def not_held(held: HeldColumn) -> str:
    """What stands under NOT CHECKED of a column that was held; empty if nothing."""
    where = f"{held.of.name}: published scores {held.score.published}"
    if held.coarse:
        return f"{where}: their decimals allow up to {held.allowed.max():.2g} points, so they say little of the teacher"
    if held.left_out:
        return f"{where}: {counted(held.left_out, 'frame')} without a score or a feature"
    return ""
