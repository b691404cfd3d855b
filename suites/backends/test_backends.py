"""A score does not depend on the engine, the CPU's threads, the batch, or how hard the graph was optimised."""

import math
from contextlib import suppress
from functools import partial
from itertools import combinations, product

import numpy as np
import pytest

from tinyvmaf.errors import CouldNotRunError, ModelError
from tinyvmaf.judge.backends_run import BackendsRun, Scorer, spans_the_batch
from tinyvmaf.judge.bounds import Bound, Bounds
from tinyvmaf.judge.model_failed import model_failed
from tinyvmaf.judge.outcomes import hold
from tinyvmaf.judge.plugin import Evidence, Judge, Note
from tinyvmaf.measure import engine_agreement
from tinyvmaf.measure.engine_agreement import BATCHES, Inputs, Rows
from tinyvmaf.measure.engine_agreement.float64_reference import in_float64
from tinyvmaf.measure.engine_agreement.ulp import NOT_FINITE, UlpComparison, apart, compare
from tinyvmaf.model import engines
from tinyvmaf.model.engines import Engine, Settings
from tinyvmaf.model.engines.choose import lacks
from tinyvmaf.model.engines.trial import EngineDiedError, check_survives
from tinyvmaf.model.subject import Subject

LARGE = max(BATCHES)
OF_BATCH = {1: 120, 2: 240, 7: 840}  # rows that are handed over so few at a time; of larger batches, all
SEEDS = (0, 1)
STARTS = tuple(slice(1_000 * seed, 1_000 * (seed + 1)) for seed in SEEDS)
STEPS = 20  # of a search: 21,000 rows


def reproduce(candidate: Subject, engine: Engine) -> str:
    return f"tox -e backends -- -k '{candidate.id} and {engine.name}'"


def judged(
    candidate: Subject, engine: Engine, gate: Bound, found: dict[str, UlpComparison], judge: Judge, why: str = ""
) -> None:
    """Hold the largest distance of each run against the bound; say why, if that is known, and show the worst row."""
    if not found:
        raise CouldNotRunError(f"{candidate.id} on {engine.name}: no score of any row is finite, which contract judges")
    worst = max(found.values(), key=lambda one: one.max)
    measured = {label: float(one.max) if one.max < NOT_FINITE else math.inf for label, one in found.items()}
    subject = f"{candidate.id} on {engine.name}"
    details = "\n".join(filter(None, [why, f"the worst:\n{worst.explain()}"])) if worst.max else ""
    judge(hold(gate, subject, measured, reproduce=reproduce(candidate, engine), details=details))


def finite(found: dict[str, UlpComparison], label: str, expected: Rows, got: Rows, bound: Bound, rows: Rows) -> None:
    """Add the comparison, unless both give no finite score at all, as where one row of NaN spoils its batch."""
    if np.isfinite(expected).any() or np.isfinite(got).any():
        found[label] = compare(expected, got, bound=int(bound.value), inputs=rows)


def words(settings: Settings) -> str:
    return f"threads {settings.threads}, level {settings.optimisation}"


def test_agrees_with_the_reference(
    candidate: Subject,
    engine: Engine,
    reference: Scorer,
    rows: Rows,
    runs: BackendsRun,
    ulp_bound: Bound,
    judge: Judge,
    note: Note,
) -> None:
    """On every row, at the default setting: a certified model on a million."""
    found = compare(
        reference(rows), runs.run(runs.load(candidate, engine), rows, LARGE), bound=int(ulp_bound.value), inputs=rows
    )
    shares = ", ".join(f"{ulp}: {count:,}" for ulp, count in found.histogram.items())
    lost = len(rows) - found.count
    neither = f"; on {lost:,} rows no finite score, which contract judges" if lost else ""
    note(f"{candidate.id} on {engine.name}: at most {found.furthest} on {found.count:,} rows ({shares}){neither}")
    judged(candidate, engine, ulp_bound, {f"{words(Settings())}, {len(rows):,} rows": found}, judge)


@pytest.mark.usefixtures("judged_by_assertions")
def test_few_rows_are_of_every_kind(model: str, some_rows: Rows, inputs: Inputs) -> None:
    """What follows tries only the first of them, and a kind that is not there is not tried."""
    there, groups = set(inputs.groups.tolist()), inputs.groups
    assert there == inputs.wanted, f"{model}: only {sorted(there)}"
    for part in (*map(slice, (*OF_BATCH.values(), len(some_rows))), *STARTS):
        lacking = there - set(groups[part].tolist())
        assert not lacking, f"{model}: rows {part.start or 0} to {part.stop} hold none of {sorted(lacking)}"


def test_settings_and_batches_change_nothing(
    candidate: Subject,
    engine: Engine,
    reference: Scorer,
    some_rows: Rows,
    runs: BackendsRun,
    ulp_bound: Bound,
    judge: Judge,
    evidence: Evidence,
) -> None:
    """Every thread count and optimisation level that the engine has, with every batch size, against the reference."""
    expected = reference(some_rows)
    found = dict[str, UlpComparison]()
    furthest = dict.fromkeys(BATCHES, 0)
    for settings in engine_agreement.settings_of(engine):
        session = runs.load(candidate, engine, settings)
        for batch in BATCHES:
            few = slice(OF_BATCH.get(batch, len(some_rows)))
            got = runs.run(session, some_rows[few], batch)
            label = f"{words(settings)}, batch {batch}, {len(got):,} rows"
            finite(found, label, expected[few], got, ulp_bound, some_rows[few])
            furthest[batch] = max(furthest[batch], found[label].max if label in found else 0)
    evidence({"ulp": {engine.name: {str(n): most for n, most in furthest.items()}}, "ulp_bound": int(ulp_bound.value)})
    judged(candidate, engine, ulp_bound, found, judge)


def test_a_score_does_not_depend_on_its_batch(
    candidate: Subject, engine: Engine, some_rows: Rows, runs: BackendsRun, ulp_bound: Bound, judge: Judge
) -> None:
    """Each row alone, in batches of every size, and in another order, in one session: the engine against itself."""
    rows = some_rows[: OF_BATCH[7]]
    order = np.random.default_rng(0).permutation(len(rows))
    found = dict[str, UlpComparison]()
    for threads in engine_agreement.threads_of(engine):
        session = runs.load(candidate, engine, Settings(threads))
        together = runs.run(session, rows, LARGE)
        for batch in BATCHES[:-1]:
            few = slice(OF_BATCH.get(batch, len(rows)))
            got = runs.run(session, rows[few], batch)
            label = f"threads {threads}, batch {batch}, {len(got):,} rows"
            finite(found, label, together[few], got, ulp_bound, rows[few])
        label = f"threads {threads}, in another order, {len(rows):,} rows"
        finite(found, label, together[order], runs.run(session, rows[order], LARGE), ulp_bound, rows[order])
    judged(candidate, engine, ulp_bound, found, judge, spans_the_batch(candidate))


def test_a_second_run_gives_the_same(
    candidate: Subject, engine: Engine, some_rows: Rows, runs: BackendsRun, bounds: Bounds, judge: Judge
) -> None:
    """In the same session, and in a fresh one."""
    gate, found = bounds.for_subject("backends.run_to_run", candidate, engine=engine.name), dict[str, UlpComparison]()
    for threads in engine_agreement.threads_of(engine):
        settings = Settings(threads)
        session, rows, batch = runs.load(candidate, engine, settings), some_rows, LARGE
        first = runs.run(session, rows, batch)
        if not np.isfinite(first).any():  # one row of NaN spoils its batch
            rows, batch = some_rows[: OF_BATCH[1]], 1
            first = runs.run(session, rows, batch)
        for which, again in (("same", session), ("fresh", runs.load(candidate, engine, settings, fresh=True))):
            label = f"threads {threads}, {which} session, {len(first):,} rows"
            finite(found, label, first, runs.run(again, rows, batch), gate, rows)
    judged(candidate, engine, gate, found, judge)


def test_a_search_finds_no_row_that_differs(
    candidate: Subject,
    engine: Engine,
    reference: Scorer,
    some_rows: Rows,
    runs: BackendsRun,
    ulp_bound: Bound,
    judge: Judge,
) -> None:
    """Hill climbing on the ULP distance, and towards scores near 0, from rows of every kind.

    The worst row counts as it was found, among others, and alone: either may be what it takes to differ.
    """
    session = runs.load(candidate, engine)
    found = dict[str, UlpComparison]()
    for output, (seed, part) in product(candidate.outputs, zip(SEEDS, STARTS, strict=True)):
        ours, theirs = (
            candidate.output_of(output, scorer) for scorer in (reference, partial(engines.all_outputs, session))
        )
        with model_failed():
            end = engine_agreement.search(ours, theirs, some_rows[part], steps=STEPS, seed=seed)
        row, label = end.row[None], f"{output}, search {seed}, the worst of {end.tried:,} rows"
        pair = np.array([end.expected]), np.array([end.got])
        finite(found, f"{label}, in its batch of {end.batch:,}", *pair, ulp_bound, row)
        finite(found, f"{label}, alone", reference(row), runs.run(session, row, 1), ulp_bound, row)
    judged(candidate, engine, ulp_bound, found, judge)


def ran_on(candidate: Subject, engine: Engine, settings: Settings, rows: Rows) -> Rows:
    if not candidate.registered:
        check_survives(engine.name, candidate.data, len(candidate.features))
    with engine.load(candidate.data, settings) as session:
        return engines.all_outputs(session, rows)


def test_two_independent_engines_ran(
    model: str,
    candidate: Subject,
    some_rows: Rows,
    bounds: Bounds,
    judge: Judge,
    note: Note,
    also_not_checked: Note,
    pytestconfig: pytest.Config,
) -> None:
    """Of two families: an engine always agrees with itself, and often with its relatives."""
    only = pytestconfig.getoption("--engine")
    asked = {*(only or ()), *(pytestconfig.getoption("--require-engine") or ())}
    families, left_out, scores = {}, [], dict[tuple[str, str], Rows]()
    few, most = some_rows[: OF_BATCH[1]], int(bounds.for_subject("backends.ulp", candidate).value)
    for engine in engines.all_engines():
        if only and engine.name not in asked:
            continue  # NOT CHECKED says so
        named = candidate.fits(engine.name)
        if not named and (what := lacks(engine, candidate.data)):
            left_out.append(engine.name)
            if candidate.adopted and engine.available().ok:
                also_not_checked(f"{model} on {engine.name}: it has no {what}, which the model needs")
            continue
        here = engine.available()
        if not here.ok:
            also_not_checked(f"engine {engine.name}: {here.reason}")
            continue
        if not named:
            also_not_checked(
                f"{model} on {engine.name}: it is here and computes in {candidate.proof.arithmetic}, "
                "and the model's sidecar leaves it out"
            )
            continue
        try:
            scores[engine.name, Settings().optimisation] = ran_on(candidate, engine, Settings(), few)
        except (ModelError, EngineDiedError):
            continue  # the tests of that engine say so
        families[engine.family] = engine.name
    name = next(iter(scores), ("", ""))[0]
    if name and any(apart(one, other).max() > most for one, other in combinations(scores.values(), 2)):
        with suppress(ModelError):
            for level in engines.find(name).levels:
                scores.setdefault(
                    (name, level), ran_on(candidate, engines.find(name), Settings(optimisation=level), few)
                )
    if odd := engine_agreement.odd_one_out(scores, most):
        others = ", ".join(one for one in (f"{n} at level {level}" for n, level in scores) if one not in odd)
        who = " and ".join(odd)
        note(f"{model}: {who} differs from all others, which agree: suspect it before the model. Others: {others}")
    if left_out and not candidate.adopted:
        note(f"{model}: has {candidate.proof.arithmetic}, so by its sidecar not for {', '.join(left_out)}")
    if not families:
        raise CouldNotRunError(f"{model}: no engine ran it")
    counted = {f"families that ran it: {', '.join(sorted(families))}": float(len(families))}
    judge(
        hold(
            bounds.for_subject("backends.families", candidate),
            model,
            counted,
            reproduce=f"tox -e backends -- -k 'two and {model}'",
        )
    )


def test_distance_from_float64_is_known(
    model: str,
    candidate: Subject,
    some_rows: Rows,
    reference: Scorer,
    note: Note,
    also_not_checked: Note,
    request: pytest.FixtureRequest,
) -> None:
    """The same graph in float64: how far this float32 is from what its numbers mean. Judged only if it is exact."""
    try:
        truth = in_float64(candidate.data, some_rows).astype(np.float32)
    except ModelError as error:
        also_not_checked(f"{model}: its distance from float64: {error.message}")
        return
    found = compare(truth, reference(some_rows), bound=0)
    note(f"{model}: {found.furthest} from the same graph in float64, on {found.count:,} rows")
    if candidate.exact:
        request.getfixturevalue("judged_by_assertions")
        assert found.max == 0, f"{model} is proven exact, and is not: {found.explain()}"
