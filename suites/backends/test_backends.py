"""A score does not depend on the engine, the CPU's threads, the batch, or how hard the graph was optimised."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from tinyvmaf import engines, parity
from tinyvmaf.engines import Engine, Settings
from tinyvmaf.errors import ModelError
from tinyvmaf.gates import CouldNotRunError, Gates, Outcome, hold
from tinyvmaf.parity import BATCHES
from tinyvmaf.ulp import Comparison, compare

Judge = Callable[[Outcome], None]
Rows = NDArray[np.float32]
LARGE = max(BATCHES)
OF_BATCH = {1: 300, 2: 600, 7: 2_100}  # rows that are handed over so few at a time; of larger batches, all
SEEDS = (0, 1)


def reproduce(candidate, engine: Engine) -> str:
    return f"tox -e backends -- -k '{candidate.id} and {engine.name}'"


def judged(candidate, engine: Engine, gate, found: dict[str, Comparison], judge: Judge) -> None:
    """Hold the largest distance of each run against the bound, and show the worst row to the bit."""
    worst = max(found.values(), key=lambda one: one.max)
    measured = {f"{label}, {one.count:,} rows": float(one.max) for label, one in found.items()}
    subject = f"{candidate.id} on {engine.name}"
    details = f"the worst:\n{worst.explain()}" if worst.max else ""
    judge(hold(gate, subject, measured, reproduce=reproduce(candidate, engine), details=details))


def said(settings: Settings) -> str:
    return f"threads {settings.threads}, level {settings.optimisation}"


def test_agrees_with_the_reference(candidate, engine, reference, rows, load, run, judge: Judge, note) -> None:
    """On every row, at the default setting: a certified model on a million."""
    found = compare(
        reference(rows), run(load(candidate, engine), rows, LARGE), bound=int(candidate.gate.value), inputs=rows
    )
    shares = ", ".join(f"{ulp}: {count:,}" for ulp, count in found.histogram.items())
    note(f"{candidate.id} on {engine.name}: at most {found.max} ULP on {found.count:,} rows ({shares})")
    judged(candidate, engine, candidate.gate, {said(Settings()): found}, judge)


def test_settings_and_batches_change_nothing(candidate, engine, reference, some_rows, load, run, judge: Judge) -> None:
    """Every thread count and optimisation level that the engine has, with every batch size, against the reference."""
    expected = reference(some_rows)
    found = {}
    for settings in parity.settings_of(engine):
        session = load(candidate, engine, settings)
        for batch in BATCHES:
            few = slice(OF_BATCH.get(batch, len(some_rows)))
            got = run(session, some_rows[few], batch)
            label = f"{said(settings)}, batch {batch}"
            found[label] = compare(expected[few], got, bound=int(candidate.gate.value), inputs=some_rows[few])
    judged(candidate, engine, candidate.gate, found, judge)


def test_a_score_does_not_depend_on_its_batch(candidate, engine, some_rows, load, run, judge: Judge) -> None:
    """Each row alone, in batches of every size, and in another order, in one session: the engine against itself."""
    rows = some_rows[: OF_BATCH[7]]
    session = load(candidate, engine)
    together = run(session, rows, LARGE)
    found = {}
    for batch in BATCHES[:-1]:
        few = slice(OF_BATCH.get(batch, len(rows)))
        found[f"batch {batch}"] = compare(
            together[few], run(session, rows[few], batch), bound=int(candidate.gate.value), inputs=rows[few]
        )
    order = np.random.default_rng(0).permutation(len(rows))
    found["in another order"] = compare(
        together[order], run(session, rows[order], LARGE), bound=int(candidate.gate.value), inputs=rows[order]
    )
    judged(candidate, engine, candidate.gate, found, judge)


def test_a_second_run_gives_the_same(candidate, engine, some_rows, load, run, gates: Gates, judge: Judge) -> None:
    """In the same session, and in a fresh one."""
    gate = gates["backends.run_to_run"]
    session = load(candidate, engine)
    first = run(session, some_rows, LARGE)
    found = {
        label: compare(first, run(each, some_rows, LARGE), bound=int(gate.value), inputs=some_rows)
        for label, each in (("same session", session), ("fresh session", load(candidate, engine)))
    }
    judged(candidate, engine, gate, found, judge)


def test_a_search_finds_no_row_that_differs(candidate, engine, reference, some_rows, load, run, judge: Judge) -> None:
    """Hill climbing on the ULP distance, and towards scores near 0, from rows of every kind."""
    session = load(candidate, engine)
    found = {}
    for seed in SEEDS:
        start = some_rows[seed :: len(SEEDS)][:1000]
        end = run.guarded(lambda: parity.search(reference, session.run, start, seed=seed))  # noqa: B023 - called at once
        row = end.row[None]
        label = f"search {seed}, {end.tried:,} rows tried, the worst of them"
        found[label] = compare(reference(row), run(session, row, 1), bound=int(candidate.gate.value), inputs=row)
    judged(candidate, engine, candidate.gate, found, judge)


def test_two_independent_engines_ran(
    model: str, candidate, some_rows, gates: Gates, judge: Judge, note, also_not_checked, pytestconfig: pytest.Config
) -> None:
    """Of two families: an engine always agrees with itself, and often with its relatives."""
    asked = pytestconfig.getoption("--engine")
    families, left_out = {}, []
    for engine in engines.all_engines():
        if asked and engine.name not in asked:
            continue
        if candidate.engines is not None and engine.name not in candidate.engines:
            left_out.append(engine.name)
            continue
        here = engine.available()
        if not here.ok:
            also_not_checked(f"engine {engine.name}: {here.reason}")
            continue
        try:
            engine.load(candidate.data, Settings()).run(some_rows[:1])
        except ModelError:
            continue  # the tests of that engine say so
        families[engine.family] = engine.name
    if left_out:
        note(f"{model}: by its sidecar not for {', '.join(left_out)}")
    if not families:
        raise CouldNotRunError(f"{model}: no engine ran it")
    counted = {f"families that ran it: {', '.join(sorted(families))}": float(len(families))}
    judge(hold(gates["backends.families"], model, counted, reproduce=f"tox -e backends -- -k 'two and {model}'"))


@pytest.mark.usefixtures("judged_by_assertions")
def test_distance_from_float64_is_known(model: str, candidate, some_rows, reference, note) -> None:
    """The same graph in float64: reported, as how far this float32 is from what its numbers mean."""
    try:
        truth = parity.in_float64(candidate.data, some_rows).astype(np.float32)
    except ModelError as error:
        raise CouldNotRunError(f"{model}: {error.message}") from error
    found = compare(truth, reference(some_rows), bound=0)
    note(f"{model}: {found.max} ULP from the same graph in float64, on {found.count:,} rows")
    if candidate.exact:
        assert found.max == 0, f"{model} is proven exact, and is not: {found.explain()}"
