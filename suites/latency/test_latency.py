"""No model takes longer than it may: in times of what runs beside it, so that no machine and no load decides."""

import math
import statistics
from collections.abc import Mapping

import pytest

from tinyvmaf.errors import CouldNotRunError
from tinyvmaf.judge.bounds import Bound, Bounds
from tinyvmaf.judge.model_failed import model_failed
from tinyvmaf.judge.outcomes import Outcome, compare, hold
from tinyvmaf.judge.plugin import Evidence, Judge, NotChecked, Note
from tinyvmaf.measure import latency
from tinyvmaf.measure.latency import (
    BASELINE,
    FLOOR,
    MODEL,
    PASSES,
    TEACHER,
    Measured,
    ModelLane,
    Race,
    RatioBound,
    RatioVerdict,
    WholePath,
    ratio,
)
from tinyvmaf.model.subject import Subject

from .conftest import Timer

WORDS = {FLOOR: "times the Identity floor", TEACHER: "of the teacher's time", BASELINE: "times the baseline's time"}
BATCH_OF_PATH = 1  # a player or an encoder has one frame at a time


def reproduce(subject: Subject, test: str) -> str:
    return f"tox -e latency -- -k '{subject.id} and {test}'"


def test_graph_has_not_grown(
    subject: Subject, baseline: bytes | None, bounds: Bounds, judge: Judge, note: Note
) -> None:
    """Bytes, nodes and multiply-adds are counted, not timed: no noise, so no room either."""
    with model_failed(subject.id):
        now = latency.cost(subject.data)
    note(f"{subject.id}: {now.bytes:,} bytes, {now.nodes} nodes run, {now.multiply_adds:,} multiply-adds a row")
    if baseline is None:
        return  # NOT CHECKED says so
    then, grown = latency.cost(baseline), []
    for what in ("bytes", "nodes", "multiply_adds"):
        gate = bounds.for_subject("latency.growth", subject).named(
            f"growth of {what.replace('_', '-')} over the baseline"
        )
        before, after = getattr(then, what), getattr(now, what)
        counted = {f"{before:,} before, {after:,} now": float(max(0, after - before))}
        grown.append(hold(gate, subject.id, counted, reproduce=reproduce(subject, "grown")))
    judge(*grown)


def test_is_fast_enough(
    subject: Subject,
    batch: int,
    race_bounds: Mapping[RatioBound, Bound],
    timer: Timer,
    measured: Measured,
    bounds: Bounds,
    judge: Judge,
    note: Note,
    also_not_checked: Note,
    evidence: Evidence,
) -> None:
    """Interleaved with an Identity model, the teacher and the baseline; outputs are looked at while it is timed."""
    races = list[Race]()

    def start() -> Race:
        races.append(latency.race_of(subject.data, measured.against, batch))
        return races[-1]

    with model_failed(subject.id):
        first = start()
    timed = timer()
    with model_failed(subject.id):
        timed.pedantic(first.round, rounds=PASSES * first.repeats, iterations=1)
    if first.passes != PASSES:
        raise CouldNotRunError(f"{subject.id}: pytest-benchmark ran {first.passes} passes, not {PASSES}")
    with model_failed(subject.id):
        verdicts = latency.judge(start, list(race_bounds), first)
    race = races[-1]  # where the first was red, the last that had to confirm it
    # What pytest-benchmark saves is the model's time a call, one a pass, not that of a round of everything.
    timed.stats.stats.data[:] = [ns * batch / 1e9 for ns in race.times[MODEL]]
    timed.extra_info.update(
        rows_a_call=batch,
        calls_a_block=model_lane(race).calls,
        passes=race.passes,
        ns_a_row=race.median(MODEL),
        ratios={to: str(race.ratio(MODEL, to)) for to in race.times if to != MODEL},
        verdicts={one.to: judged.verdict for one, judged in verdicts.items()},
    )
    measured.batches[batch] = race
    measured.judged += verdicts.values()
    ratios = ", ".join(f"{race.ratio(MODEL, to)} {WORDS[to]}" for to in race.times if to != MODEL)
    note(f"{subject.id}, batch {batch}: {race.median(MODEL):,.0f} ns a row, {ratios}")

    evidence({"latency": {str(batch): shown(race, verdicts)}})

    again = reproduce(subject, f"fast and {batch}]")
    found = [outputs(bounds, subject, measured, model_lane(one), again) for one in races]
    for one, judged in verdicts.items():
        if judged.verdict == "unresolved":
            also_not_checked(
                f"{subject.id}, batch {batch}: {judged.found} {WORDS[one.to]} against "
                f"{race_bounds[one]}: too noisy here to tell"
            )
            continue
        # What `judge` found says the same as its verdict: within the bound or beyond it, interval and all.
        value = {f"batch {batch}, {WORDS[one.to]}": judged.found.value}
        found.append(hold(race_bounds[one], subject.id, value, reproduce=again, details=details(judged)))
        assert found[-1].failed == (judged.verdict == "regressed"), judged
    if batch == BATCH_OF_PATH:
        speed = {"frames a second, one at a time": 1e9 / race.median(MODEL)}
        gate = bounds.for_subject("latency.frames_a_second", subject)
        found.append(hold(gate, subject.id, speed, reproduce=again))
    judge(*found)


def shown(race: Race, verdicts: Mapping[RatioBound, RatioVerdict]) -> dict[str, object]:
    """What a picture is drawn from."""
    ratios = {}
    for to in race.times:
        if to != MODEL:
            found = race.ratio(MODEL, to)
            judged = next(((one.bound, each.verdict) for one, each in verdicts.items() if one.to == to), (None, None))
            low, high = (value if math.isfinite(value) else None for value in (found.low, found.high))
            ratios[to] = {"value": found.value, "low": low, "high": high, "bound": judged[0], "verdict": judged[1]}
    return {"ns_a_row": race.median(MODEL), "ratios": ratios}


def model_lane(race: Race) -> ModelLane:
    lane = race.lanes[0]
    assert isinstance(lane, ModelLane)
    return lane


def outputs(bounds: Bounds, subject: Subject, measured: Measured, lane: ModelLane, again: str) -> Outcome:
    """What the model computed while it was timed, against the teacher."""
    most = measured.against.expected.most
    gate = bounds.for_subject("latency.output", subject).tightened(most, "promised in the sidecar")
    if lane.wrong:
        labels = [one.label for one in lane.wrong.values()]
        return compare(
            gate,
            subject.id,
            labels,
            [one.expected for one in lane.wrong.values()],
            [one.got for one in lane.wrong.values()],
            reproduce=again,
        )
    return hold(gate, subject.id, {f"worst of {lane.checked:,} outputs": lane.worst}, reproduce=again)


def details(judged: RatioVerdict) -> str:
    """The intervals, and what the first race said."""
    lines = [f"median of {judged.found.passes} passes {judged.found} (99 % interval)"]
    if judged.first is not None:
        lines.append(f"the first race, with sessions of its own: {judged.first}")
    return "\n".join(lines)


def test_whole_path_costs_what_libvmaf_costs(
    subject: Subject,
    measured: Measured,
    path_times: dict[str, WholePath],
    bounds: Bounds,
    judge: Judge,
    note: Note,
    evidence: Evidence,
) -> None:
    """libvmaf's features and score of 1080p, and the model behind it, against libvmaf alone."""
    del measured  # a model that cannot be raced has failed before
    found = path_times[subject.id]
    assert subject.id not in found.failed, f"{subject.id}: {found.failed[subject.id]}"
    whole = [a + b for a, b in zip(found.libvmaf_s, found.models_s[subject.id], strict=True)]
    times = ratio(whole, found.libvmaf_s)
    speed = found.frames / statistics.median(whole)
    note(f"{subject.id}: whole path {speed:.1f} frames/s at 1080p, {times} times libvmaf alone")
    evidence({"whole_path": times.value})
    cost = {f"{found.frames} frames of 1080p, whole path over libvmaf": times.value}
    judge(
        hold(bounds.for_subject("latency.whole_path", subject), subject.id, cost, reproduce=reproduce(subject, "whole"))
    )


def test_footprint_is_known(subject: Subject, measured: Measured, note: Note, also_not_checked: Note) -> None:
    """Memory and the time to make a session: recorded, not judged."""
    with model_failed(subject.id):
        found = latency.footprint(subject.file, len(measured.against.teacher.features))
    measured.footprint = found
    memory = "peak memory not known" if found.peak_kib is None else f"{found.peak_kib:,} KiB at most"
    note(
        f"{subject.id}: a session in {found.creation_ms:.2f} ms ({found.creation_floor:.1f} times Identity's), {memory}"
    )
    if found.peak_kib is None:
        also_not_checked(f"{subject.id}: peak memory: this system does not say")


@pytest.mark.usefixtures("judged_by_assertions")
def test_this_machine_can_tell(subject: Subject, measured: Measured, not_checked: NotChecked) -> None:
    """Where noise leaves most bounds unresolved, nothing was judged, and nobody may call that a pass."""
    if not measured.every_batch:
        not_checked(f"{subject.id}: whether this machine is quiet enough: not every batch size was timed")
    told = len(measured.judged) - measured.unresolved
    if told < 1 or told < math.ceil(len(measured.judged) / 2):
        raise CouldNotRunError(
            f"{subject.id}: {measured.unresolved} of {len(measured.judged)} bounds are unresolved",
            hint="let the machine do less beside it, and run it again",
        )
