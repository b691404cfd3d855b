"""Leave-one-source-out: a student must score sources that it has not seen as its teacher does."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from tinyvmaf.data.dataset import Dataset
from tinyvmaf.errors import CouldNotRunError
from tinyvmaf.judge.bounds import Bound, Bounds, promise
from tinyvmaf.judge.outcomes import hold
from tinyvmaf.measure.agreement import cluster_bootstrap
from tinyvmaf.measure.loso import LosoReport, leaked_rows, shown
from tinyvmaf.model.contract.words import quoted
from tinyvmaf.model.registry import Entry
from tinyvmaf.train.folds import FoldModel
from tinyvmaf.train.recipes import PROMISES
from tinyvmaf.vmaf.domain import SEARCH_SEEDS

Judge = Callable[..., None]


def reproduce(subject) -> str:
    return f"tox -e loso -- {'' if subject.entry else f'--recipe {subject.recipe.id} '}-k '{subject.id}'"


def sources(data: Dataset) -> list[str]:
    return sorted(set(data.table["source"].to_pylist()))


def test_every_source_is_held_out_once_a_seed(
    subject, report: LosoReport, models: list[FoldModel], whole: Dataset
) -> None:
    """Each source is a fold; a recipe that sees no clip has one fit, which has seen none of them, and so has a file
    without a recipe, which may have seen any."""
    found = sorted((fold.held_out, fold.seed) for fold in report.folds)
    seeds = {model.seed for model in models}
    assert found == sorted((source, seed) for source in sources(whole) for seed in seeds)
    if subject.recipe is not None:
        assert subject.recipe.sees_clips == all(model.sources for model in models)


@pytest.mark.usefixtures("recipe")
def test_no_model_has_seen_its_held_out_source(
    subject, models: list[FoldModel], whole: Dataset, bounds: Bounds, judge: Judge
) -> None:
    """Neither by name, as the files themselves say, nor by row, under another name."""
    shares = {}
    for model in models:
        for source in sources(whole) if model.held_out is None else [model.held_out]:
            share = leaked_rows(whole, subject.teacher.feature_names, source, model.sources)
            shares[f"{source}, seed {model.seed}"] = share
    judge(hold(bounds.for_("loso.leaked_rows"), subject.id, shares, reproduce=reproduce(subject)))


@pytest.mark.parametrize("metric", ["plcc", "srocc"])
@pytest.mark.parametrize("reading", ["frame", "clip"])
def test_unseen_sources_correlate(
    subject,
    report: LosoReport,
    reports: dict[str, LosoReport],
    reading: str,
    metric: str,
    bounds: Bounds,
    judge: Judge,
    note: Callable[[str], None],
    not_checked: Callable[[str], None],
) -> None:
    """The mean over the folds; the preferred bound, interval and worst source stand in the summary."""
    if reading not in report.pooled:
        not_checked(f"{subject.id}: {metric.upper()} of {reading}s: it has scores of clips only")
    if metric == "plcc":
        note(summary(shown_of(subject, report, reports), reading, bounds.for_("loso.preferred")))
    measured = {f"{who}, mean of {len(each.folds)}": each.mean(reading, metric) for who, each in reports.items()}
    judge(hold(bounds.for_(f"loso.{metric}"), f"{subject.id}, {reading}s", measured, reproduce=reproduce(subject)))


def test_no_frame_is_off_by_what_viewers_notice(
    subject,
    report: LosoReport,
    reports: dict[str, LosoReport],
    bounds: Bounds,
    judge: Judge,
    not_checked: Callable[[str], None],
    evidence,
) -> None:
    """Correlation is blind to offset and scale; this is not. Of the folds, and of the registered file itself."""
    if "frame" not in report.pooled:
        not_checked(f"{subject.id}: max error of a frame: it has scores of clips only, or is held against opinions")
    evidence(pictures(subject, shown_of(subject, report, reports)))
    errors = {
        f"{who}, {fold.held_out}, seed {fold.seed}": fold.agreements["frame"].max_error
        for who, each in reports.items()
        for fold in each.folds
    }
    judge(hold(bounds.for_("loso.frame_max_error"), subject.id, errors, reproduce=reproduce(subject)))


@pytest.mark.usefixtures("registered")
def test_nothing_in_the_domain_is_off_by_what_viewers_notice(
    subject, searched: tuple[float, list[float]], bounds: Bounds, judge: Judge, note: Callable[[str], None]
) -> None:
    """Also where no clip is: a search of the teacher's domain for the row that the file gets most wrong."""
    found, row = searched
    note(f"{subject.id}: worst difference found in the domain {found:.3g}, at {np.round(row, 4).tolist()}")
    at = ", ".join(f"{name} {value:.4g}" for name, value in zip(subject.teacher.feature_names, row, strict=True))
    judge(
        hold(
            bounds.for_("loso.domain_max_error"),
            subject.id,
            {f"worst of {len(SEARCH_SEEDS)} searches, at {at}": found},
            reproduce=reproduce(subject),
        )
    )


@pytest.mark.usefixtures("judged_by_assertions")
def test_registered_model_is_of_this_recipe(
    subject_id: str, recipe, registered: Entry, models: list[FoldModel], note: Callable[[str], None]
) -> None:
    """The recipe is the one that the sidecar names, unchanged; whether it gives the same file again is reported."""
    training = registered.sidecar().training
    assert training is not None
    assert training.recipe_sha256 == recipe.sha256, (
        f"{registered.id}: recipe {recipe.id} has changed since; train and register anew"
    )
    if not recipe.sees_clips:
        again = models[0].data == registered.onnx.read_bytes()
        gives = "the registered file again, byte for byte" if again else "other bytes here than are registered"
        note(f"{subject_id}: its recipe sees no clip, so one fit serves every fold; it gives {gives}")


def test_promises_are_kept(
    subject_id: str,
    subject,
    recipe,
    registered: Entry,
    reports: dict[str, LosoReport],
    judge: Judge,
    request: pytest.FixtureRequest,
) -> None:
    """The bounds that a model's own sidecar names: held by the folds of its recipe and by the registered file itself.

    A file that has seen the clips is not held to what it says of them, only its folds are.
    """
    promised = registered.sidecar().promised
    if not promised:
        raise CouldNotRunError(f"{subject_id} promises nothing", hint="a recipe for shipping has a table [promises]")
    unknown = [quoted(name) for name in sorted(set(promised) - set(PROMISES))]
    if unknown:
        raise CouldNotRunError(
            f"{subject_id} promises {', '.join(unknown)}, which nobody measures",
            hint=f"there are {', '.join(PROMISES)}",
        )
    held = {who: each for who, each in reports.items() if who == "folds" or not recipe.sees_clips}
    outcomes = []
    for name, value in promised.items():
        if name == "worst_difference":
            found, _ = request.getfixturevalue("searched")
            measured = {f"worst of {len(SEARCH_SEEDS)} searches": found}
        else:
            reading, _, field = name.partition("_")
            if reading not in reports["folds"].pooled:
                raise CouldNotRunError(f"{subject_id} promises {name}, and nothing is known of its {reading}s")
            measured = {who: _measured(each, reading, field) for who, each in held.items()}
        outcomes.append(hold(promise(name, value, subject_id), subject_id, measured, reproduce=reproduce(subject)))
    judge(*outcomes)


def shown_of(subject, report: LosoReport, reports: dict[str, LosoReport]) -> LosoReport:
    """What a person is shown: the folds, and of a file that nobody registered always the file's own scores."""
    return report if subject.registered else reports.get("registered file", report)


def pictures(subject, report: LosoReport) -> dict[str, object]:
    """What the report draws of a model: every frame, and each source with its interval."""
    frames = report.frames
    assert frames is not None
    names, clips = (sorted(set(column.tolist())) for column in (frames.source, frames.clip))
    how = "each source scored by a fit that has not seen it"
    if subject.recipe is None:
        how = "the file itself on every source, which it may have seen: without a recipe nothing can be held out"
    elif not subject.registered and subject.recipe.sees_clips:
        how = "the file itself on every source, which it has seen; what its recipe does without is judged beside it"
    elif not subject.recipe.sees_clips:
        how = "its recipe sees no clip of any corpus, so that no source has been seen"
    finite = [value if math.isfinite(value) else None for value in frames.got.tolist()]
    each = {}
    for fold in report.folds:
        if fold.seed == report.folds[0].seed:
            found, part = fold.agreements["frame"], frames.of(fold.held_out)
            try:
                interval = cluster_bootstrap(part.clip.tolist(), part.expected, part.got)["rmse"]
                low, high = interval.low, interval.high
            except ValueError:  # constant scores, or too few clips
                low = high = None
            said = {name: value for name, value in found.as_dict().items() if isinstance(value, float | None)}
            each[fold.held_out] = said | {"low": low, "high": high}
    return {
        "frames": {
            "how": how,
            "teacher": subject.teacher.id,
            "sources": names,
            "clips": clips,
            "source": np.searchsorted(names, frames.source).tolist(),
            "clip": np.searchsorted(clips, frames.clip).tolist(),
            "frame": frames.frame.tolist(),
            "expected": frames.expected.tolist(),
            "got": finite,
        },
        "sources": each,
    }


def _measured(report: LosoReport, reading: str, field: str) -> float:
    if field in ("plcc", "srocc"):
        return report.mean(reading, field)
    return float(getattr(report.pooled[reading], field))


def summary(report: LosoReport, reading: str, preferred: Bound) -> str:
    """One line: what a person wants to know of a subject."""
    pooled, worst = report.pooled[reading], report.worst(reading)
    plcc, srocc = report.mean(reading, "plcc"), report.mean(reading, "srocc")
    interval = report.intervals.get(reading, {}).get("rmse")
    between = f" (95 % {interval.low:.3g} to {interval.high:.3g})" if interval else ""
    liked = "" if preferred.accepts(plcc) and preferred.accepts(srocc) else f", preferred {preferred} not met"
    return (
        f"{report.subject}, {reading}s: PLCC {shown(plcc)} +- {report.std(reading, 'plcc'):.1g}, SROCC {shown(srocc)}, "
        f"KROCC {shown(report.mean(reading, 'krocc'))}, RMSE {pooled.rmse:.4g}{between}, max {pooled.max_error:.3g}, "
        f"bias {pooled.bias:+.2g}, slope {pooled.slope:.5f}, worst source {worst.held_out} "
        f"({worst.agreements[reading].rmse:.4g}){liked}"
    )
