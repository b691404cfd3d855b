"""May it stand in for its teacher without anybody noticing? Errors by band, order, direction, fineness, identity."""

import pytest

from tinyvmaf.judge.plugin import Judge, Note
from tinyvmaf.judge.standing_in import (
    Ask,
    bands_without_rows,
    clip_outcomes,
    direction_outcome,
    error_outcomes,
    identical_outcome,
    order_outcomes,
    resolution_outcome,
    without_order,
)
from tinyvmaf.measure.loso import LosoReport, Trial
from tinyvmaf.measure.standing_in import Probed, Scored


def test_scores_are_the_teachers_in_every_band(
    ask: Ask,
    trial: Trial,
    against_teacher: LosoReport,
    judge: Judge,
    also_not_checked: Note,
    request: pytest.FixtureRequest,
) -> None:
    """Bias, RMSE, slope, worst frame and worst clip: below 40, to 70, to 90, to 95, and above."""
    if "frame" in against_teacher.pooled:
        held = request.getfixturevalue("held")
        if bands := bands_without_rows(held):
            also_not_checked(f"{trial.id}: errors {', '.join(bands)}: no row is there")
        judge(*error_outcomes(ask, held))
    else:
        judge(*clip_outcomes(ask, trial.report))


def test_order_is_the_teachers(
    ask: Ask, trial: Trial, held: list[Scored], judge: Judge, also_not_checked: Note
) -> None:
    """Within each band; and near the top, of every two rows that the teacher puts a point or more apart."""
    score_range = trial.teacher.svr.score_range
    if parts := without_order(held, score_range):
        also_not_checked(f"{trial.id}: order {', '.join(parts)}: too few rows are there")
    judge(*order_outcomes(ask, held, score_range))


@pytest.mark.usefixtures("registered", "against_teacher")
def test_scores_move_as_the_teachers_do(ask: Ask, trial: Trial, probed: Probed, judge: Judge) -> None:
    """Along paths of the domain, on which one feature rises, or all of quality do."""
    judge(direction_outcome(ask, trial.probes, probed))


@pytest.mark.usefixtures("registered")
def test_scores_are_as_fine_as_the_teachers(ask: Ask, probed: Probed, judge: Judge) -> None:
    """Also of a model that fits opinions: it must tell apart what its teacher tells apart."""
    judge(resolution_outcome(ask, [probed.sample]))


@pytest.mark.usefixtures("registered", "against_teacher")
def test_identical_pictures_have_the_teachers_score(ask: Ask, probed: Probed, judge: Judge) -> None:
    """Nothing is lost, whatever moves."""
    judge(identical_outcome(ask, probed))
