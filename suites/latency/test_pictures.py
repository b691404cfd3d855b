"""No model that takes pictures takes longer than it may: against a copy, libvmaf and its baseline."""

from collections.abc import Callable

import pytest

from tinyvmaf.errors import CouldNotRunError
from tinyvmaf.judge.bounds import Bounds
from tinyvmaf.judge.model_failed import model_failed
from tinyvmaf.judge.outcomes import Outcome, hold
from tinyvmaf.judge.picture_latency import picture_bounds, picture_lane, picture_times, races_libvmaf
from tinyvmaf.judge.plugin import Evidence, Judge, Note
from tinyvmaf.measure import latency
from tinyvmaf.measure.latency import BASELINE, FLOOR, MODEL, PICTURE_PASSES, FrameCost, MeasuredPictures, Race
from tinyvmaf.model.subject import Subject

from .conftest import Timer
from .test_latency import details, reproduce

WORDS = {FLOOR: "times an Identity", BASELINE: "times the baseline"}
MILLION = 1e6


def test_graph_for_pictures_has_not_grown(
    subject: Subject, picture_baseline: bytes | None, bounds: Bounds, judge: Judge, note: Note
) -> None:
    """Bytes, nodes and multiply-adds of a picture of 1080p are counted, not timed: no noise, so no room either."""
    with model_failed(subject.id):
        now = latency.cost(subject.data)
    each = now.multiply_adds / (latency.MEGAPIXELS * MILLION)
    note(f"{subject.id}: {now.bytes:,} bytes, {now.nodes} nodes run, {each:,.1f} multiply-adds a pixel")
    if picture_baseline is None:
        return  # NOT CHECKED says so
    then, grown = latency.cost(picture_baseline), []
    for what in ("bytes", "nodes", "multiply_adds"):
        gate = bounds.for_subject("latency.growth", subject).named(
            f"growth of {what.replace('_', '-')} over the baseline"
        )
        before, after = getattr(then, what), getattr(now, what)
        counted = {f"{before:,} before, {after:,} now": float(max(0, after - before))}
        grown.append(hold(gate, subject.id, counted, reproduce=reproduce(subject, "has_not_grown")))
    judge(*grown)


def test_pictures_are_fast_enough(
    subject: Subject,
    measured_pictures: MeasuredPictures,
    picture_baseline: bytes | None,
    frame_costs: Callable[[], FrameCost],
    timer: Timer,
    bounds: Bounds,
    judge: Judge,
    note: Note,
    also_not_checked: Note,
    evidence: Evidence,
) -> None:
    """Luma of 1080p, interleaved with an Identity and the baseline; outputs are looked at while it is timed."""
    del picture_baseline  # it tells what cannot be compared
    races, asked = list[Race](), picture_bounds(subject, measured_pictures, bounds)

    def start() -> Race:
        races.append(latency.picture_race(subject.data, measured_pictures.against))
        return races[-1]

    with model_failed(subject.id):
        first = start()
    timed = timer()
    with model_failed(subject.id):
        timed.pedantic(first.round, rounds=PICTURE_PASSES * first.repeats, iterations=1)
    if first.passes != PICTURE_PASSES:
        raise CouldNotRunError(f"{subject.id}: pytest-benchmark ran {first.passes} passes, not {PICTURE_PASSES}")
    with model_failed(subject.id):
        verdicts = latency.judge(start, list(asked), first, most=latency.MOST_PICTURE_PASSES)
    times = picture_times(races[-1])
    timed.stats.stats.data[:] = [ns * latency.MEGAPIXELS / 1e9 for ns in races[-1].times[MODEL]]
    timed.extra_info.update(ns_a_picture=times.ns_a_picture, passes=races[-1].passes)
    measured_pictures.times = times
    measured_pictures.judged += verdicts.values()

    ratios = ", ".join(f"{ratio} {WORDS[to]}" for to, ratio in times.ratios.items())
    note(f"{subject.id}, 1080p: {times.ns_a_picture / MILLION / latency.MEGAPIXELS:.2f} ms a megapixel, {ratios}")
    evidence({"latency_1080p": {"ns_a_picture": times.ns_a_picture, **{to: r.value for to, r in times.ratios.items()}}})

    again = reproduce(subject, "pictures_are_fast")
    found = [repeated(bounds, subject, race, again) for race in races]
    for one, judged in verdicts.items():
        if judged.verdict == "unresolved":
            also_not_checked(
                f"{subject.id}: {judged.found} {WORDS[one.to]} against {asked[one]}: too noisy here to tell"
            )
            continue
        value = {f"1080p, {WORDS[one.to]}": judged.found.value}
        found.append(hold(asked[one], subject.id, value, reproduce=again, details=details(judged)))
        assert found[-1].failed == (judged.verdict == "regressed"), judged
    del first
    races.clear()  # their sessions hold memory
    if races_libvmaf(subject):
        speed = {"pictures of 1080p a second": 1e9 / times.fastest_ns}
        found.append(hold(bounds.for_subject("latency.pictures_a_second", subject), subject.id, speed, reproduce=again))
        found.append(against_libvmaf(bounds, subject, frame_costs(), again, note))
    judge(*found)


def repeated(bounds: Bounds, subject: Subject, race: Race, again: str) -> Outcome:
    """What the model gave while it was timed: each time the same, and finite."""
    lane = picture_lane(race)
    gate = bounds.for_subject("latency.repeated", subject)
    label = f"of {lane.checked:,} outputs" + "".join(f"; {place}: {what}" for place, what in lane.wrong.items())
    return hold(gate, subject.id, {label: float(len(lane.wrong))}, reproduce=again)


def against_libvmaf(bounds: Bounds, subject: Subject, cost: FrameCost, again: str, note: Note) -> Outcome:
    """CPU time of a frame over libvmaf's, the median of three passes."""
    assert subject.id not in cost.failed, f"{subject.id}: {cost.failed[subject.id]}"
    each = cost.ratios(subject.id)
    told, libvmaf_ms = ", ".join(f"{ratio:.3f}" for ratio in each), 1e3 * min(cost.libvmaf_s)
    note(f"{subject.id}: a frame of 1080p takes {told} times the CPU time of libvmaf, which is {libvmaf_ms:.0f} ms")
    label = {f"median of {told}": cost.ratio(subject.id)}
    return hold(bounds.for_subject("latency.libvmaf", subject), subject.id, label, reproduce=again)


@pytest.mark.usefixtures("judged_by_assertions")
def test_this_machine_can_time_pictures(subject: Subject, measured_pictures: MeasuredPictures) -> None:
    """Where noise leaves every bound of the race unresolved, nothing was judged, and nobody may call that a pass."""
    if measured_pictures.times is None:
        raise CouldNotRunError(f"{subject.id}: it was not timed", hint="run test_pictures_are_fast_enough with it")
    if measured_pictures.judged and measured_pictures.unresolved == len(measured_pictures.judged):
        raise CouldNotRunError(
            f"{subject.id}: {measured_pictures.unresolved} of {len(measured_pictures.judged)} bounds are unresolved",
            hint="let the machine do less beside it, and run it again",
        )
