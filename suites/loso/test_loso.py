"""Leave-one-source-out: a student must score sources that it has not seen as its teacher does."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tinyvmaf.data.dataset import Dataset
from tinyvmaf.errors import CouldNotRunError
from tinyvmaf.judge.bounds import Bound, promise
from tinyvmaf.judge.loso_shown import pictures, places, summary
from tinyvmaf.judge.outcomes import hold
from tinyvmaf.judge.plugin import Evidence, Judge, NotChecked, Note
from tinyvmaf.judge.registering import looser_promises
from tinyvmaf.measure import environment
from tinyvmaf.measure.loso import LosoReport, OpinionReport, Trial, leaked_rows
from tinyvmaf.measure.search import Searched
from tinyvmaf.model.contract.words import quoted
from tinyvmaf.model.subject import Subject
from tinyvmaf.train.recipes import PROMISES, Recipe

BoundOf = Callable[[str], Bound]


def reproduce(trial: Trial) -> str:
    return f"tox -e loso -- {'' if trial.subject else f'--recipe {trial.id} '}-k '{trial.id}'"


def sources(data: Dataset) -> list[str]:
    return sorted(set(data.table["source"].to_pylist()))


def test_every_source_is_held_out_once_a_seed(trial: Trial, report: LosoReport, whole: Dataset) -> None:
    """Each source is a fold; a recipe that sees no clip has one fit, which has seen none of them, and so has a file
    without a recipe, which may have seen any."""
    found = sorted((fold.held_out, fold.seed) for fold in report.folds)
    seeds = {model.seed for model in trial.models}
    assert found == sorted((source, seed) for source in sources(whole) for seed in seeds)
    if trial.recipe is not None:
        assert trial.recipe.sees_clips == all(model.sources for model in trial.models)


@pytest.mark.usefixtures("recipe")
def test_no_model_has_seen_its_held_out_source(trial: Trial, whole: Dataset, bound: BoundOf, judge: Judge) -> None:
    """Neither by name, as the files themselves say, nor by row, under another name."""
    shares = {}
    for model in trial.models:
        for source in sources(whole) if model.held_out is None else [model.held_out]:
            share = leaked_rows(whole, trial.teacher.feature_names, source, model.sources)
            shares[f"{source}, seed {model.seed}"] = share
    judge(hold(bound("loso.leaked_rows"), trial.id, shares, reproduce=reproduce(trial)))


@pytest.mark.parametrize("metric", ["plcc", "srocc"])
@pytest.mark.parametrize("reading", ["frame", "clip"])
def test_unseen_sources_correlate(
    trial: Trial,
    against_teacher: LosoReport,
    reading: str,
    metric: str,
    bound: BoundOf,
    judge: Judge,
    note: Note,
    not_checked: NotChecked,
) -> None:
    """The mean over the folds; the preferred bound, interval and worst source stand in the summary."""
    if reading not in against_teacher.pooled:
        not_checked(f"{trial.id}: {metric.upper()} of {reading}s: it has scores of clips only")
    if metric == "plcc":
        note(summary(trial.shown, reading, bound("loso.preferred")))
    measured = {f"{who}, mean of {len(each.folds)}": each.mean(reading, metric) for who, each in trial.reports.items()}
    judge(hold(bound(f"loso.{metric}"), f"{trial.id}, {reading}s", measured, reproduce=reproduce(trial)))


@pytest.mark.usefixtures("report")
def test_viewers_are_met_better_than_by_a_cubic_of_the_teacher(
    trial: Trial, against_viewers: dict[str, OpinionReport], bound: BoundOf, judge: Judge, note: Note
) -> None:
    """The bar is four numbers, fitted to the same opinions of the same sources. The interval resamples sources. A
    registered file, which has seen them all, is judged beside its folds: it may not be what its recipe makes."""
    note(against_viewers["folds"].summary)
    measured = {f"{who}: {each.comparison}": each.less_cubic.high for who, each in against_viewers.items()}
    judge(hold(bound("loso.opinions"), trial.id, measured, reproduce=reproduce(trial)))


def test_no_frame_is_far_off(
    trial: Trial,
    against_teacher: LosoReport,
    bound: BoundOf,
    judge: Judge,
    not_checked: NotChecked,
    evidence: Evidence,
    request: pytest.FixtureRequest,
) -> None:
    """Correlation is blind to offset and scale; this is not. Of the folds, and of the registered file itself."""
    if "frame" not in against_teacher.pooled:
        not_checked(f"{trial.id}: max error of a frame: it has scores of clips only")
    baseline = request.config.getoption("--baseline")
    evidence(pictures(trial, None if baseline is None else Path(baseline)))
    errors = {
        f"{who}, {fold.held_out}, seed {fold.seed}": fold.agreements["frame"].max_error
        for who, each in trial.reports.items()
        for fold in each.folds
    }
    details = "\n".join(f"{who}: {each.not_finite}" for who, each in trial.reports.items() if each.not_finite)
    where, again = places(trial.reports), reproduce(trial)
    judge(hold(bound("loso.frame_max_error"), trial.id, errors, reproduce=again, details=details, places=where))


@pytest.mark.usefixtures("registered")
def test_nothing_in_the_domain_is_far_off(
    trial: Trial, searched: Searched, bound: BoundOf, judge: Judge, note: Note
) -> None:
    """Also where no clip is: a search of the teacher's domain for the row that the file gets most wrong."""
    found, row = searched.difference, searched.row
    note(f"{trial.id}: worst difference found in the domain {found:.3g}, at {np.round(row, 4).tolist()}")
    note(f"{trial.id}: the search of the domain: {searched.sentence}")
    at = ", ".join(f"{name} {value:.4g}" for name, value in zip(trial.teacher.feature_names, row, strict=True))
    judge(
        hold(
            bound("loso.domain_max_error"),
            trial.id,
            {f"worst of a search, at {at}": found},
            reproduce=reproduce(trial),
        )
    )


@pytest.mark.usefixtures("judged_by_assertions")
def test_registered_model_is_of_this_recipe(
    trial: Trial, recipe: Recipe, registered: Subject, note: Note, also_not_checked: Note
) -> None:
    """The recipe is the one that the sidecar names, unchanged; the sidecar promises what it does, and it gives the same
    file again, at least on the machine that made it.
    """
    training = registered.training
    assert training is not None
    assert training.recipe_sha256 == recipe.sha256, (
        f"{registered.id}: recipe {recipe.id} has changed since; train and register anew"
    )
    looser = looser_promises(registered.promised, recipe)
    assert not looser, f"{registered.id}: its sidecar {'; '.join(looser)}"
    if trial.recorded.why_not:
        note(trial.recorded.why_not)
    record = trial.recorded.record
    made, here = f"{trial.id}: its recipe sees no clip, so one fit serves every fold; it ", environment.machine().id
    at, told = (here, "gives") if record is None else (record.machine, f"gave, as {trial.id}'s record of it says,")
    who = f"{registered.id}: whether its recipe gives the registered file again"
    if recipe.sees_clips:
        also_not_checked(f"{who}: it sees clips, and is fitted with a source held out only")
    elif trial.models[0].data == registered.data:
        note(f"{made}{told} the registered file again, byte for byte")
    else:
        assert training.machine != at, (
            f"{registered.id}: its recipe {told} other bytes than are registered, on the machine that made it ({at}): "
            "train and register anew"
        )
        where, maker = "here" if record is None else f"on {at}", training.machine or "an unknown machine"
        also_not_checked(f"{who}: it {told} other bytes {where}; it was made on {maker}")


def test_promises_are_kept(
    subject_id: str,
    trial: Trial,
    recipe: Recipe,
    registered: Subject,
    judge: Judge,
    request: pytest.FixtureRequest,
) -> None:
    """The bounds that a model's own sidecar names: held by the folds of its recipe and by the registered file itself.

    A file that has seen the clips is not held to what it says of them, only its folds are.
    """
    promised = registered.promised
    if not promised:
        raise CouldNotRunError(f"{subject_id} promises nothing", hint="a recipe for shipping has a table [promises]")
    unknown = [quoted(name) for name in sorted(set(promised) - set(PROMISES))]
    if unknown:
        raise CouldNotRunError(
            f"{subject_id} promises {', '.join(unknown)}, which nobody measures",
            hint=f"there are {', '.join(PROMISES)}",
        )
    held = {who: each for who, each in trial.reports.items() if who == "folds" or not recipe.sees_clips}
    outcomes = []
    for name, value in promised.items():
        if name == "worst_difference":
            measured = {"worst of a search": request.getfixturevalue("searched").difference}
        elif name in ("stddev_rmse", "interval_rmse"):
            measured = {who: float(getattr(trial.intervals[who], name)) for who in held}
        else:
            reading, _, field = name.partition("_")
            if reading not in trial.reports["folds"].pooled:
                raise CouldNotRunError(f"{subject_id} promises {name}, and nothing is known of its {reading}s")
            measured = {who: _measured(each, reading, field) for who, each in held.items()}
        outcomes.append(hold(promise(name, value, subject_id), subject_id, measured, reproduce=reproduce(trial)))
    judge(*outcomes)


def _measured(report: LosoReport, reading: str, field: str) -> float:
    if field in ("plcc", "srocc"):
        return report.mean(reading, field)
    return float(getattr(report.pooled[reading], field))
