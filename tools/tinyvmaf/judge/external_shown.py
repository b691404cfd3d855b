"""How a model is held on a set that others measured: its bounds, and a line of figures."""

import numpy as np

from tinyvmaf.judge.bounds import Bound, Bounds
from tinyvmaf.judge.report.words import counted
from tinyvmaf.measure.external import HeldColumn, HeldSet
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
    return f"{held.subject} on {of.name}, {len(of.rows):,} frames of {len(of.clips)} clips: {', '.join(figures)}"


def summary_of_column(held: HeldColumn) -> str:
    """What a person wants to know of published scores, in one line."""
    name = f"{held.score.published} is {held.of.teacher.id}'s ({held.score.how})"
    return (
        f"{held.of.name}: {name}: {len(held.row):,} frames at most {held.difference.max():.2g} apart; its decimals "
        f"allow {held.allowed.max():.2g}"
    )


def not_held(held: HeldColumn) -> str:
    """What stands under NOT CHECKED of a column that was held; empty if nothing."""
    where = f"{held.of.name}: published scores {held.score.published}"
    if held.coarse:
        return f"{where}: their decimals allow up to {held.allowed.max():.2g} points, so they say little of the teacher"
    if held.left_out:
        return f"{where}: {held.left_out:,} frames have no score, or lack a feature"
    return ""
