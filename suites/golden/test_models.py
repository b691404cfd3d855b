"""Every registered model reproduces its own record on the frozen golden rows.

Needs no video; and FFmpeg only for a teacher that Netflix did not publish.
"""

from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np
import pytest

from tinyvmaf.data.golden import load_pairs, load_rows
from tinyvmaf.data.golden.rows import GoldenRows
from tinyvmaf.errors import CouldNotRunError
from tinyvmaf.judge.bounds import Bounds, promise
from tinyvmaf.judge.outcomes import compare, hold
from tinyvmaf.judge.plugin import Evidence, Judge, NotChecked
from tinyvmaf.model import registry
from tinyvmaf.model.contract import OUTPUT
from tinyvmaf.model.engines import OnnxRuntimeCpu, all_outputs
from tinyvmaf.model.golden_records import HINT, load_record, recorded_ids
from tinyvmaf.model.subject import Subject
from tinyvmaf.vmaf.features import named
from tinyvmaf.vmaf.teacher import DEFAULT, KNOWN, load_teacher

FROZEN = list(load_rows().pairs)
TruthOf = Callable[[Subject], dict[str, np.ndarray]]


def reproduce(model: str, pair: str) -> str:
    return f"tox -e golden -- -k '{model} and {pair}'"


@pytest.fixture
def recorded(subject: Subject, not_checked: NotChecked) -> Subject:
    """The model, if it is a registered one: no other has a record."""
    if subject.file and not subject.registered:
        not_checked(f"{subject.id}: its own record on the golden pairs: only registered models have one")
    return subject


@pytest.fixture
def _frozen_for_it(recorded: Subject, pair: str, frozen: GoldenRows, not_checked: NotChecked) -> None:
    """Of a teacher of a user's own, a golden pair may lack features: its files were not there when they were frozen."""
    if frozen.pairs_with(recorded.features) and pair not in frozen.pairs_with(recorded.features):
        not_checked(f"{recorded.id}: golden pair {pair}, which lacks a feature of its teacher")


@pytest.fixture
def truth_of(frozen: GoldenRows, request: pytest.FixtureRequest) -> TruthOf:
    """The scores of a model's teacher by golden pair; none if the golden rows lack one of its features."""

    def scores(subject: Subject) -> dict[str, np.ndarray]:
        teacher = subject.teacher_id
        if teacher in KNOWN:
            return {name: pair.scores(teacher) for name, pair in frozen.pairs.items()}
        return frozen.scores_by(load_teacher(request.getfixturevalue("ffmpeg"), teacher))

    return scores


# The tests of a model follow one another.
session = lru_cache(maxsize=1)(OnnxRuntimeCpu)


def run_on(subject: Subject, frozen: GoldenRows, pair: str, output: str = OUTPUT) -> np.ndarray:
    """The model's scores, or another output, on a pair's frozen rows, with its features in its own order."""
    run = subject.output_of(output, partial(all_outputs, session(subject.data)))
    return run(frozen.pairs[pair].features(subject.features))


def record_of(model: str, pair: str, output: str = OUTPUT) -> np.ndarray:
    """What is recorded of a model on a pair."""
    record = load_record(model, output)
    if pair not in record:
        raise CouldNotRunError(f"the record of {model} has no {output}s for {pair}", hint=HINT)
    return record[pair]


def test_files_are_the_registered_ones(recorded: Subject) -> None:
    """Model file and sidecar have the registered hashes and agree with each other."""
    found = registry.faults(recorded)
    assert not found, f"{recorded.id} is not what was registered:\n  " + "\n  ".join(found)


@pytest.mark.usefixtures("_frozen_for_it")
@pytest.mark.parametrize("pair", FROZEN)
def test_golden_scores(
    model: str, pair: str, recorded: Subject, frozen: GoldenRows, bounds: Bounds, judge: Judge
) -> None:
    """Each frame's score is the recorded one at places=4."""
    found = []
    for output in recorded.outputs:
        values = run_on(recorded, frozen, pair, output)
        found.append(
            compare(
                bounds.for_subject("golden.record", recorded),
                f"{model} on {pair}" + (f", {output}" if output != OUTPUT else ""),
                [f"frame {frame}" for frame in range(len(values))],
                record_of(model, pair, output),
                values,
                reproduce=reproduce(model, pair),
            )
        )
    judge(*found)


@pytest.mark.usefixtures("_frozen_for_it")
@pytest.mark.parametrize("pair", FROZEN)
def test_frame_0_has_no_motion_and_is_scored_so(
    model: str, pair: str, recorded: Subject, frozen: GoldenRows, bounds: Bounds, judge: Judge
) -> None:
    """Motion of frame 0 is 0 by libvmaf's definition, so even identical videos score below 100 on it."""
    for name in recorded.features:
        first = frozen.pairs[pair].columns[name][0]
        assert first == 0.0 or not named(name).is_still_at_first, f"{pair}: {name} of frame 0 is {first}"
    score = run_on(recorded, frozen, pair)[0]
    judge(
        compare(
            bounds.for_subject("golden.record", recorded),
            f"{model} on frame 0 of {pair}",
            ["frame 0"],
            record_of(model, pair)[:1],
            [score],
            reproduce=reproduce(model, pair),
        )
    )


@pytest.mark.parametrize("pair", FROZEN)
def test_svr_clip_mean_is_libvmafs(pair: str, frozen: GoldenRows, bounds: Bounds, judge: Judge) -> None:
    """The registered SVR as ONNX gives libvmaf's clip mean at places=4, whichever models are judged."""
    svr = Subject.at(registry.find(f"{DEFAULT}_svr").file)
    mean = run_on(svr, frozen, pair).astype(np.float64).mean()
    expected = frozen.pairs[pair].scores(DEFAULT).mean()
    judge(
        compare(
            bounds.for_subject("golden.svr_clip_mean", svr),
            f"{svr.id} on {pair}",
            ["clip mean"],
            [expected],
            [mean],
            reproduce=f"tox -e golden -- -k 'svr_clip and {pair}'",
        )
    )


@pytest.mark.parametrize("pair", FROZEN)
def test_golden_frames_are_scored_about_as_libvmaf_does(
    model: str,
    pair: str,
    subject: Subject,
    frozen: GoldenRows,
    truth_of: TruthOf,
    bounds: Bounds,
    judge: Judge,
    evidence: Evidence,
    not_checked: NotChecked,
) -> None:
    """A model without a record is held to the truth, if loosely; and no record can bless nonsense."""
    truth = truth_of(subject).get(pair)
    if truth is None:
        not_checked(f"{model}: the golden pairs, which lack a feature of its teacher")
    scores = run_on(subject, frozen, pair).astype(np.float64)
    off = np.abs(scores - truth)
    evidence(
        {
            "golden": {
                pair: {
                    "frames": len(truth),
                    "teacher_mean": float(truth.mean()),
                    "model_mean": float(scores.mean()),
                    "max_frame_error": float(off.max()),
                    "recorded": _as_recorded(subject, pair, scores, bounds),
                }
            }
        }
    )
    each = [f"frame {frame}" for frame in range(len(scores))]
    bound = bounds.for_subject("golden.near", subject)
    judge(compare(bound, f"{model} on {pair}", each, truth, scores, reproduce=reproduce(model, pair)))


def _as_recorded(subject: Subject, pair: str, scores: np.ndarray, bounds: Bounds) -> bool | None:
    if not subject.registered:
        return None
    record = load_record(subject.id).get(pair)
    bound = bounds.for_subject("golden.record", subject)
    return record is not None and all(bound.accepts(d) for d in np.abs(record - scores))


@pytest.mark.parametrize("pair", FROZEN)
def test_the_record_is_within_the_models_own_promise(
    model: str, pair: str, recorded: Subject, truth_of: TruthOf, judge: Judge, not_checked: NotChecked
) -> None:
    """Whatever was recorded of a model, it is no further from libvmaf's scores than the model promises."""
    promised = {
        name: recorded.promised[name] for name in ("worst_difference", "frame_max_error") if name in recorded.promised
    }
    if not promised:
        not_checked(f"{model}: its record against its promises: it promises no largest difference")
    truth = truth_of(recorded).get(pair)
    if truth is None:
        not_checked(f"{model}: its record against its promises: the golden pairs lack a feature of its teacher")
    name, value = next(iter(promised.items()))
    off = np.abs(record_of(model, pair) - truth)
    each = {f"frame {frame}": float(one) for frame, one in enumerate(off)}
    judge(hold(promise(name, value, model), f"{model} on {pair}, as recorded", each, reproduce=reproduce(model, pair)))


def test_records_and_registry_name_the_same_models() -> None:
    """A record without its model is a leftover; it must not look like something that is checked."""
    registered = {entry.id for entry in registry.subjects()}
    left_over = sorted(set(recorded_ids()) - registered)
    assert not left_over, f"records of models that are not registered: {', '.join(left_over)}"


def test_record_is_of_this_model_and_these_rows(recorded: Subject, frozen: GoldenRows) -> None:
    """The record has each frozen pair, each frame of it, and nothing else."""
    for output in recorded.outputs:
        lengths = {pair: len(values) for pair, values in load_record(recorded.id, output).items()}
        assert lengths == {pair: len(rows) for pair, rows in frozen.pairs_with(recorded.features).items()}, HINT


@pytest.mark.parametrize("pair", FROZEN)
def test_frozen_rows_are_the_published_ones(pair: str, frozen: GoldenRows, bounds: Bounds, judge: Judge) -> None:
    """The clip means of the frozen rows are Netflix's, so rows cannot be edited to suit a model."""
    lacking = set(KNOWN) - set(frozen.teachers)
    if lacking:
        raise CouldNotRunError(f"the golden rows lack {', '.join(sorted(lacking))}", hint="tinyvmaf golden freeze")
    assert {name: frozen.teachers[name].sha256 for name in KNOWN} == KNOWN
    published, rows = load_pairs()[pair], frozen.pairs[pair]
    values = published.values(frozen.provenance["motion_epoch"])
    if values is None:
        raise CouldNotRunError(f"{pair}: nothing is published for epoch {frozen.provenance['motion_epoch']}")
    means = rows.features(list(values)).mean(axis=0)
    judge(
        compare(
            bounds.for_("golden.published"),
            f"frozen rows of {pair}",
            list(values),
            list(values.values()),
            means,
            reproduce=f"tox -e golden -- -k 'frozen_rows_are and {pair}'",
        )
    )
