"""Checks of a model as plain functions, for scripts, notebooks and anybody's tests. The suites ask the same, and more.

    from tinyvmaf.judge.checks import stands_in

    for outcome in stands_in("mine.onnx", feature_order="adm2,vif_scale0,vif_scale1,vif_scale2,vif_scale3,motion2"):
        print(outcome.gate, outcome.status)

Each takes the path of an ONNX file, with options that say how it is fed, or the id of a registered model, or a
`Subject`. Bounds are those of tinyvmaf, and of the project in their places.
"""

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

from tinyvmaf.data.embedded import embedded_corpus
from tinyvmaf.data.targets import with_target
from tinyvmaf.errors import CouldNotRunError
from tinyvmaf.judge import opened
from tinyvmaf.judge.asked_engines import reference_engine
from tinyvmaf.judge.bounds import load_bounds
from tinyvmaf.judge.kinds import Material, row_inputs
from tinyvmaf.judge.outcomes import Limit, hold
from tinyvmaf.judge.standing_in import (
    Ask,
    Told,
    direction_outcome,
    error_outcomes,
    frames_of,
    identical_outcome,
    order_outcomes,
    resolution_outcome,
)
from tinyvmaf.measure.engine_agreement import BATCHES, Sessions, in_batches, sole
from tinyvmaf.measure.engine_agreement.ulp import compare
from tinyvmaf.measure.loso import Trial
from tinyvmaf.model import engines
from tinyvmaf.model.subject import Subject
from tinyvmaf.model.third_party import FeedOptions
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
from tinyvmaf.vmaf.teacher import load_teacher

Model = str | Path | Subject


def contract_faults(model: Model, **feed: str | None) -> list[str]:
    """Where a model breaks the contract, or differs from what its sidecar and the registry say; empty if nowhere.

    Args:
        feed: `feature_order`, `input_mean`, `input_std` (words with commas), `normalisation`.
    """
    with _found(model, feed) as subject:
        return opened.faults(subject, card=False)


def stands_in(model: Model, *, ffmpeg: str | None = None, **feed: str | None) -> list[Limit]:
    """How far the file is from its teacher: on the frames of the embedded corpus, over the domain, and where a search
    finds it furthest off. No source is held out: the suite `loso` does that, if there is a recipe.

    Args:
        ffmpeg: its libvmaf has the teacher; None finds one.
        feed: as of `contract_faults`.

    Returns:
        An outcome for each gate; `failed` and `explain()` say the rest.

    Raises:
        TinyvmafError: the model breaks the contract, or nobody says how it is fed.
    """
    with _sound(model, feed, ffmpeg) as subject:
        teacher = load_teacher(find_ffmpeg(ffmpeg), subject.teacher_id)
        trial = Trial(subject.id, None, teacher, with_target(embedded_corpus().read(), teacher), subject)
        ask = Ask(partial(load_bounds().for_subject, subject=subject), subject.id, _again(subject))
        held, probed = [*frames_of(trial), trial.probed.sample], trial.probed
        searched = trial.searched
        row = ", ".join(f"{name} {value:.4g}" for name, value in zip(teacher.feature_names, searched.row, strict=True))
        return [
            *error_outcomes(ask, held),
            *order_outcomes(ask, held, teacher.svr.score_range),
            direction_outcome(ask, trial.probes, probed),
            resolution_outcome(ask, [probed.sample]),
            identical_outcome(ask, probed),
            ask.hold("loso.domain_max_error", [Told(f"worst of a search, at {row}", searched.difference, "")]),
        ]


def agrees_on_engines(model: Model, *, ffmpeg: str | None = None, **feed: str | None) -> list[Limit]:
    """How far the engines here are from the first of them, ULP, at their default settings.

    Args:
        ffmpeg: as of `stands_in`.
        feed: as of `contract_faults`.

    Raises:
        CouldNotRunError: one engine alone is here.
        ModelError: an engine that the model is for cannot run it.
    """
    with _sound(model, feed, ffmpeg) as subject, closing(Sessions()) as sessions:
        bounds, first = load_bounds(), reference_engine(subject)
        material = Material(embedded_corpus().read(), partial(load_teacher, find_ffmpeg(ffmpeg)))
        rows = sole(row_inputs(subject, material).every)
        expected, found = in_batches(sessions.load(subject, first), rows, max(BATCHES)), []
        for engine in engines.all_engines():
            if engine.name == first.name or not (subject.fits(engine.name) and engine.available().ok):
                continue
            bound = bounds.for_subject(f"backends.{'exact' if subject.exact else 'ulp'}", subject, engine=engine.name)
            got = in_batches(sessions.load(subject, engine), rows, max(BATCHES))
            compared = compare(expected, got, bound=int(bound.value), inputs=rows)
            measured = {f"{len(rows):,} rows": float(compared.max)}
            told = f"the worst:\n{compared.explain()}" if compared.max else ""
            who = f"{subject.id} on {engine.name}"
            found.append(hold(bound, who, measured, reproduce=_again(subject), details=told))
        if not found:
            raise CouldNotRunError(f"{subject.id}: {first.name} is the only engine here, and none to compare it with")
        return found


def assert_good(outcomes: Iterable[Limit]) -> None:
    """Hold that there are outcomes, and that all of them are within their bounds.

    Raises:
        AssertionError: one is not; the message explains each that is not.
    """
    __tracebackhide__ = True
    found = list(outcomes)
    if not found:
        raise AssertionError("no outcome: nothing was judged")
    if failed := [one for one in found if one.failed]:
        raise AssertionError("\n\n".join(one.explain() for one in failed))


def assert_stands_in(model: Model, *, ffmpeg: str | None = None, **feed: str | None) -> None:
    """As `stands_in`, and hold that each outcome is within its bound.

    Raises:
        AssertionError: one is not.
    """
    __tracebackhide__ = True
    assert_good(stands_in(model, ffmpeg=ffmpeg, **feed))


def _again(subject: Subject) -> str:
    return "tinyvmaf gate" if subject.registered else f"tinyvmaf gate --model {subject.path}"


@contextmanager
def _found(model: Model, feed: dict[str, str | None], ffmpeg: str | None = None) -> Iterator[Subject]:
    if isinstance(model, Subject):
        yield model
        return
    options = FeedOptions.of(lambda name: feed.pop(name.replace("-", "_"), None))
    if feed:
        raise TypeError(f"no such option: {', '.join(sorted(feed))}; known: {FeedOptions.listed()}")
    with opened.found(str(model), options, ffmpeg) as subject:
        yield subject


@contextmanager
def _sound(model: Model, feed: dict[str, str | None], ffmpeg: str | None) -> Iterator[Subject]:
    with _found(model, feed, ffmpeg) as subject:
        if subject.fault is not None:
            raise subject.fault
        if wrong := opened.faults(subject, card=False):
            raise CouldNotRunError(f"{subject.id} does not keep the contract: {'; '.join(wrong[:3])}")
        yield subject
