"""What a model gives for a picture does not depend on the engine, the CPU's threads, the batch, or the optimisation."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from tinyvmaf.errors import CouldNotRunError, ModelError
from tinyvmaf.judge.asked_engines import reference_engine
from tinyvmaf.judge.backends_run import BackendsRun
from tinyvmaf.judge.bounds import Bound, Bounds
from tinyvmaf.judge.outcomes import hold
from tinyvmaf.judge.picture_runs import PICTURE_BATCHES, agreement_bound, distances, furthest, outputs_of
from tinyvmaf.judge.plugin import Judge, Note
from tinyvmaf.measure import engine_agreement
from tinyvmaf.measure.engine_agreement import PictureInputs
from tinyvmaf.model import engines
from tinyvmaf.model.engines import Engine, Settings
from tinyvmaf.model.engines.trial import EngineDiedError, check_survives
from tinyvmaf.model.subject import Subject
from tinyvmaf.vmaf.made_pictures import Stack

ALL = 1 << 20


@pytest.fixture
def pictures(candidate: Subject, runs: BackendsRun, also_not_checked: Note) -> PictureInputs:
    """What the model is tried on."""
    found = runs.pictures(candidate)
    if found.left_out:
        also_not_checked(f"{candidate.id}: {found.left_out}")
    return found


@pytest.fixture
def expected(candidate: Subject, runs: BackendsRun) -> Callable[[Stack], NDArray[np.generic]]:
    """What the reference gives, a picture at a time."""
    session = runs.load(candidate, reference_engine(candidate))
    return lambda stack: outputs_of(session, stack, 1)


@pytest.fixture
def agreement(candidate: Subject, engine: Engine, bounds: Bounds) -> Bound:
    """How far apart the engine and the reference may be."""
    return agreement_bound(candidate, engine.name, bounds)


def reproduce(candidate: Subject, engine: str) -> str:
    return f"tox -e backends -- -k '{candidate.id} and {engine}'"


def judged(candidate: Subject, engine: Engine, gate: Bound, measured: dict[str, float], judge: Judge) -> None:
    if not measured:
        raise CouldNotRunError(f"{candidate.id} on {engine.name}: no picture was compared")
    judge(hold(gate, f"{candidate.id} on {engine.name}", measured, reproduce=reproduce(candidate, engine.name)))


@pytest.mark.usefixtures("judged_by_assertions")
def test_pictures_are_of_every_group(model: str, pictures: PictureInputs) -> None:
    """A group that is not there is not tried; each has more than one picture, and sizes differ."""
    assert set(pictures.groups) == pictures.wanted, f"{model}: only {sorted(pictures.groups)}"
    assert all(len(stack) > 1 for _, stack in pictures.stacks)
    assert len({stack.shape[2:] for _, stack in pictures.stacks}) > 2


def test_pictures_agree_with_the_reference(
    candidate: Subject,
    engine: Engine,
    expected: Callable[[Stack], NDArray[np.generic]],
    pictures: PictureInputs,
    runs: BackendsRun,
    agreement: Bound,
    judge: Judge,
    note: Note,
) -> None:
    """On every picture, at the default setting."""
    session = runs.load(candidate, engine)
    measured = dict(furthest(agreement, pictures.stacks, expected, lambda stack: outputs_of(session, stack, ALL)))
    count = sum(len(stack) for _, stack in pictures.stacks)
    most = f"{max(measured.values()):.3g} {agreement.gate.unit}"
    note(f"{candidate.id} on {engine.name}: at most {most} on {count} pictures")
    judged(candidate, engine, agreement, measured, judge)


def test_settings_and_batches_change_no_picture(
    candidate: Subject,
    engine: Engine,
    expected: Callable[[Stack], NDArray[np.generic]],
    pictures: PictureInputs,
    runs: BackendsRun,
    agreement: Bound,
    judge: Judge,
) -> None:
    """Every thread count and optimisation level that the engine has, with every batch size, against the reference."""
    measured = dict[str, float]()
    right = {label: expected(stack) for label, stack in pictures.few}
    for settings in engine_agreement.settings_of(engine):
        session = runs.load(candidate, engine, settings)
        for batch in PICTURE_BATCHES:
            for label, stack in pictures.few:
                far = distances(agreement, right[label], outputs_of(session, stack, batch))
                where = f"threads {settings.threads}, level {settings.optimisation}, batch {batch}, {label}"
                measured[f"{where}, picture {int(far.argmax())}"] = float(far.max())
    judged(candidate, engine, agreement, measured, judge)


def test_pictures_give_the_same_in_a_second_run(
    candidate: Subject, engine: Engine, pictures: PictureInputs, runs: BackendsRun, bounds: Bounds, judge: Judge
) -> None:
    """In the same session, after pictures of other sizes, and in a fresh one."""
    gate = bounds.for_subject("backends.run_to_run", candidate, engine=engine.name)
    measured = dict[str, float]()
    for threads in engine_agreement.threads_of(engine):
        settings = Settings(threads)
        session = runs.load(candidate, engine, settings)
        first = {label: outputs_of(session, stack, ALL) for label, stack in pictures.few}
        for which, again in (("same", session), ("fresh", runs.load(candidate, engine, settings, fresh=True))):
            for label, stack in pictures.few:
                far = distances(gate, first[label], outputs_of(again, stack, ALL))
                measured[f"threads {threads}, {which} session, {label}"] = float(far.max())
    judged(candidate, engine, gate, measured, judge)


def ran_on(candidate: Subject, engine: Engine, stack: Stack) -> NDArray[np.generic]:
    if not candidate.registered:
        check_survives(engine.name, candidate.data, 0)
    with engine.load(candidate.data, Settings()) as session:
        return engines.all_pictures(session, stack)


def test_two_independent_engines_ran_pictures(
    model: str,
    candidate: Subject,
    pictures: PictureInputs,
    bounds: Bounds,
    judge: Judge,
    also_not_checked: Note,
    pytestconfig: pytest.Config,
) -> None:
    """Of two families: an engine always agrees with itself, and often with its relatives."""
    only = pytestconfig.getoption("--engine")
    asked = {*(only or ()), *(pytestconfig.getoption("--require-engine") or ())}
    families = dict[str, str]()
    run = partial(ran_on, candidate, stack=pictures.few[0][1])
    for engine in engines.all_engines():
        if (only and engine.name not in asked) or not candidate.fits(engine.name):
            continue
        if not (here := engine.available()).ok:
            also_not_checked(f"engine {engine.name}: {here.reason}")
            continue
        try:
            run(engine)
        except (ModelError, EngineDiedError):
            continue  # the tests of that engine say so
        families[engine.family] = engine.name
    if not families:
        raise CouldNotRunError(f"{model}: no engine ran it")
    counted = {f"families that ran it: {', '.join(sorted(families))}": float(len(families))}
    again = f"tox -e backends -- -k 'two and {model}'"
    judge(hold(bounds.for_subject("backends.families", candidate), model, counted, reproduce=again))
