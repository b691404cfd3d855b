"""A quantised variant must score as the float model that it was made of."""

from tinyvmaf.judge.outcomes import hold
from tinyvmaf.judge.plugin import Judge, Note
from tinyvmaf.judge.standing_in import Ask
from tinyvmaf.measure.against_parent import AgainstParent
from tinyvmaf.model.subject import Subject


def test_a_variant_scores_as_its_parent(
    registered: Subject, against_parent: AgainstParent, ask: Ask, judge: Judge, note: Note
) -> None:
    """Its own gates are those of any model; these say what quantising took."""
    of, found = registered.sidecar.variant_of, against_parent
    assert of is not None
    note(
        f"{registered.id}: {of.method} of {of.id}: RMSE {found.rmse:.3g}, worst frame {found.worst:.3g} points from it,"
        f" PLCC lower by {found.plcc_drop:.2g}"
    )
    judge(
        hold(ask.bound("loso.parent_plcc_drop"), ask.subject, {of.id: found.plcc_drop}, reproduce=ask.reproduce),
        hold(ask.bound("loso.parent_rmse"), ask.subject, {of.id: found.rmse}, reproduce=ask.reproduce),
    )
