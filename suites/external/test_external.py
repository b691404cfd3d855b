"""Sets that others measured and nobody trained on: our teachers give their scores, and models follow their teachers."""

import functools
from collections.abc import Callable

from tinyvmaf.data.imported import Imported
from tinyvmaf.errors import TeacherError
from tinyvmaf.judge.bounds import Bounds
from tinyvmaf.judge.external_shown import bound_of, not_held, summary, summary_of_column, without_a_feature
from tinyvmaf.judge.outcomes import compare, hold
from tinyvmaf.judge.plugin import Evidence, Judge, NotChecked, Note
from tinyvmaf.judge.standing_in import Ask, bias_outcome
from tinyvmaf.measure.external import HeldSet, LacksError, SetRows, hold_column, nearest_teacher
from tinyvmaf.model.subject import Subject


def reproduce(*names: str) -> str:
    return f"tox -e external -- -k '{' and '.join(names)}'"


def test_published_scores_are_those_of_our_teachers(
    set_name: str,
    imported: Imported,
    rows_by_teacher: Callable[[str, str], SetRows],
    bounds: Bounds,
    judge: Judge,
    note: Note,
    not_checked: NotChecked,
    also_not_checked: Note,
) -> None:
    """Each published score differs from the teacher's, in float64, by what the decimals of its log allow."""
    gate, outcomes = bounds.for_("external.published"), []
    for score in imported.scores:
        where = f"{set_name}: published scores {score.published}"
        rows_of = functools.partial(rows_by_teacher, set_name)
        teacher = score.teacher or score.declared or nearest_teacher(score, imported, rows_of)
        if teacher is None:
            also_not_checked(f"{where}: no teacher that is known takes the features of this set")
            continue
        try:
            held = hold_column(score, imported, rows_of(teacher))
        except (LacksError, TeacherError) as error:
            also_not_checked(f"{where}, by {teacher}: {error.message}")
            continue
        if score.declared not in (None, teacher):
            also_not_checked(f"{where}: {score.declared} by its description, and {teacher} by its rows")
        if score.teacher is None and score.declared is None and not held.nearly:
            off = f"the nearest is {teacher}, up to {held.difference.max():.3g} points off"
            also_not_checked(f"{where}: no teacher that is known gives them; {off}")
            continue
        note(summary_of_column(held))
        if left := not_held(held):
            also_not_checked(left)
        subject = f"{score.published} of {set_name} against {teacher}"
        outcomes.append(hold(gate, subject, held.worst_of_clips(), reproduce=reproduce("published", set_name)))
    if not outcomes:
        not_checked(f"{set_name}: no column of published scores can be compared with a teacher")
    judge(*outcomes)


def test_every_frame_is_scored_as_the_teacher_does(
    set_name: str,
    subject: Subject,
    held: Callable[[], HeldSet],
    bounds: Bounds,
    judge: Judge,
    note: Note,
    evidence: Evidence,
    not_checked: NotChecked,
    also_not_checked: Note,
) -> None:
    """The worst frame, the RMSE and the correlation of all frames; no frame is left out."""
    found = held()
    note(summary(found))
    evidence({"external": {set_name: found.as_dict()}})
    if found.per_clip:
        not_checked(f"{subject.id} on {set_name}: frames: it has scores of clips only")
    if left := without_a_feature(found.of):
        also_not_checked(left)
    who, again = f"{subject.id} on {set_name}", reproduce(subject.id, set_name)
    frames = compare(
        bound_of(bounds, "frame_max_error", subject),
        who,
        found.of.labels,
        found.of.expected,
        found.got,
        reproduce=again,
    )
    rmse = hold(bound_of(bounds, "frame_rmse", subject), who, {"all frames": found.rmse}, reproduce=again)
    ask = Ask(functools.partial(bounds.for_subject, subject=subject), who, again)
    outcomes = [frames, rmse]
    if len(found.scored.got):
        outcomes.append(bias_outcome(ask, "external.bias", [found.scored]))
    if (correlation := found.plcc) is None:
        also_not_checked(f"{who}: PLCC: the teacher's scores hardly vary")
    else:
        measured = {"all frames": correlation}
        outcomes.append(hold(bound_of(bounds, "frame_plcc", subject), who, measured, reproduce=again))
    judge(*outcomes)


def test_every_clip_is_scored_as_the_teacher_does(
    set_name: str, subject: Subject, held: Callable[[], HeldSet], bounds: Bounds, judge: Judge
) -> None:
    """The mean over each clip, as libvmaf pools."""
    found = held()
    expected, got = found.clip_means
    judge(
        compare(
            bound_of(bounds, "clip_max_error", subject),
            f"{subject.id} on {set_name}, clips",
            found.of.clips,
            expected,
            got,
            reproduce=reproduce(subject.id, set_name),
        )
    )
