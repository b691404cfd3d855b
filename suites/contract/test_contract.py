"""Every model keeps the model contract: by looking at its file first, then on any finite input."""

import filecmp
import math
from collections.abc import Callable, Iterator, Mapping
from itertools import combinations, product

import numpy as np
import pytest
from numpy.typing import NDArray

from tinyvmaf.data.dataset import Dataset
from tinyvmaf.errors import ModelError
from tinyvmaf.judge.bounds import Bound, Bounds
from tinyvmaf.judge.kinds import kind_of
from tinyvmaf.judge.outcomes import Assertion, Outcome, compare, hold
from tinyvmaf.judge.plugin import Evidence, Judge, Note
from tinyvmaf.judge.subjects import adoption_faults
from tinyvmaf.model import registry
from tinyvmaf.model.contract import STDDEV
from tinyvmaf.model.engines.choose import engines_of
from tinyvmaf.model.engines.onnxruntime_cpu import OnnxRuntimeCpuEngine
from tinyvmaf.model.subject import Subject
from tinyvmaf.model.third_party.wrap import original_scorer
from tinyvmaf.vmaf.domain import Domain, worst_difference
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import load_teacher

Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]
LARGEST = float(np.finfo(np.float32).max)
SUBNORMAL = float(np.finfo(np.float32).smallest_subnormal)
EXTREMES = (0.0, -0.0, *(sign * size for size in (SUBNORMAL, 1e-20, 1.0, 1e6, LARGEST) for sign in (1, -1)))
BACKDROPS = (0.0, 1.0)  # what the other features are, while one or two are extreme
BATCHES = (1, 2, 7, 64)
MADE_UP = 200  # batches
OF_THE_CORPUS = 500


def reproduce(model: str, test: str) -> str:
    return f"tox -e contract -- -k '{model} and {test}'"


def certificate(subject: Subject) -> dict[str, object]:
    """What can be proven of a file, for the report."""
    proof = subject.proof
    bits = proof.accumulator_bits if proof.exact_in_float64 else None
    return {
        "certified": proof.certified,
        "exact_in_float64": proof.exact_in_float64,
        "accumulator_bits": bits,
        "text": proof.explain(),
    }


def in_range(
    subject: Subject,
    score_range: tuple[Bound, Bound],
    scores: Mapping[str, float],
    test: str,
    alone: Mapping[str, float],
) -> list[Outcome]:
    """Outcomes on the finite scores, and one on those that are not: neither hides the other.

    Args:
        alone: the scores of those that are not finite, each row in a batch of its own.
    """
    again = reproduce(subject.id, test)
    finite = {label: score for label, score in scores.items() if math.isfinite(score)}
    found: list[Outcome] = [hold(gate, subject.id, finite, reproduce=again) for gate in score_range if finite]
    if lost := [label for label in scores if label not in finite]:
        first = f"gave {scores[lost[0]]} for {len(lost)} of {len(scores)} rows, the first: {lost[0]}"
        if spoilt := [label for label in lost if math.isfinite(alone[label])]:
            first += f"; {len(spoilt)} of them have a finite score alone: a score depends on the rest of its batch"
        found.append(
            Assertion(
                gate=f"contract.{test}",
                metric="a finite score for any finite features",
                subject=f"{subject.id} on {OnnxRuntimeCpuEngine.name}",
                count=len(scores),
                failures=len(lost),
                status="fail",
                reason="a damaged file may give any finite features; a Clip of the features in the graph mends it",
                source="suites/contract/README.md",
                details=first,
                reproduce=again,
            )
        )
    return found


def listed(found: list[str]) -> str:
    return "".join(f"\n  - {fault}" for fault in found)


@pytest.mark.usefixtures("judged_by_assertions")
def test_the_file_keeps_the_contract(subject: Subject) -> None:
    """Size, operators, opset, data, names and shapes, by looking: nothing of the model runs."""
    if isinstance(subject.fault, ModelError):
        pytest.fail(f"{subject.id} does not keep the model contract:{listed([subject.fault.message])}", pytrace=False)
    if found := kind_of(subject).file_faults(subject.file):
        pytest.fail(f"{subject.file.name} does not keep the model contract:{listed(found)}", pytrace=False)


@pytest.mark.usefixtures("judged_by_assertions")
def test_files_are_the_registered_ones(looked_at: Subject, evidence: Evidence) -> None:
    """Model file and sidecar have the registered hashes, agree with each other, and have a card."""
    evidence({"certificate": certificate(looked_at)})
    if looked_at.adopted:
        found = adoption_faults(looked_at.adopted)
    else:
        found = registry.faults(looked_at)
    if found:
        pytest.fail(f"{looked_at.id} is not what was registered:{listed(found)}", pytrace=False)


@pytest.mark.usefixtures("judged_by_assertions")
def test_the_sidecar_names_the_size_tier_of_the_file(looked_at: Subject) -> None:
    assert looked_at.sidecar.tier == looked_at.tier, f"{looked_at.file.name} has {len(looked_at.data)} bytes"


@pytest.mark.usefixtures("judged_by_assertions")
def test_the_sidecar_names_features_of_its_teacher(looked_at: Subject, ffmpeg: FFmpeg) -> None:
    """One that names another teacher's is held against scores that it was never meant to give; so is one whose
    teacher's file has changed since.
    """
    teacher = looked_at.teacher_id
    found = load_teacher(ffmpeg, teacher)
    takes, claimed = found.feature_names, looked_at.sidecar.teacher.sha256
    foreign = [name for name in looked_at.features if name not in takes]
    assert not foreign, f"{looked_at.id}: {teacher} does not take {', '.join(foreign)}, it takes {', '.join(takes)}"
    assert claimed == found.sha256, f"{looked_at.id}: {teacher} has sha256 {found.sha256}, its sidecar says {claimed}"


@pytest.mark.usefixtures("judged_by_assertions")
def test_the_sidecar_names_the_engines_of_the_file(looked_at: Subject) -> None:
    """All that compute in what the file has: one that is left out is one on which `backends` never runs it."""
    known = engines_of(looked_at.data)
    named = None if looked_at.engines is None else list(looked_at.engines)
    assert named == known, f"{looked_at.id}: engines is {named}, and its number types say {known} (null is any)"


def test_the_adopted_file_is_the_original(
    subject: Subject, run: Run, data: Dataset, bounds: Bounds, judge: Judge, note: Note
) -> None:
    """What the gates judge in place of a third-party file gives its scores, on rows of the corpus."""
    if subject.adopted is None:
        same = filecmp.cmp(subject.file, subject.path, shallow=False)
        assert same, "judged as it is, so it is the file that was named"
        return
    for sentence in subject.adopted.sentences:
        note(f"{subject.id}: {sentence}")
    rows = data.columns(*subject.features)[:: max(1, len(data.table) // OF_THE_CORPUS)].astype(np.float32)
    expected, got = original_scorer(subject.adopted, subject.features)(rows), run(rows).astype(np.float64)
    both = ~np.isfinite(expected) & ~np.isfinite(got)  # `loso` fails those
    expected, got = (np.where(both, 0.0, scores) for scores in (expected, got))
    judge(
        compare(
            bounds.for_subject("contract.adopted", subject),
            subject.id,
            [f"row {i}" for i in range(len(rows))],
            expected,
            got,
            reproduce=reproduce(subject.id, "adopted"),
        )
    )


def test_a_teacher_is_that_teacher(subject: Subject, run: Run, ffmpeg: FFmpeg, bounds: Bounds, judge: Judge) -> None:
    """A registered teacher is exempt from `loso`, so it must be that teacher."""
    teacher = load_teacher(ffmpeg, subject.teacher_id)
    assert subject.features == teacher.feature_names, f"{subject.id} takes {', '.join(subject.features)}"
    found = worst_difference(run, teacher.predict, Domain(teacher.features), samples=20_000, starts=50)
    off = {"worst of a search": float(found.differences[0])}
    gate = bounds.for_subject("contract.teacher", subject)
    judge(hold(gate, subject.id, off, reproduce=reproduce(subject.id, "a_teacher")))


def test_the_batch_is_symbolic_in_truth(
    subject: Subject, run: Run, score_range: tuple[Bound, Bound], judge: Judge
) -> None:
    """Any number of rows gives as many scores, in one session that has seen other numbers before."""
    rows = np.linspace(0, 1, max(BATCHES) * len(subject.features), dtype=np.float32).reshape(max(BATCHES), -1)
    scores, alone = dict[str, float](), dict[str, float]()
    for n in (*BATCHES, *reversed(BATCHES)):
        for i, score in enumerate(run(rows[:n])):
            scores[f"row {i} of {n}"] = float(score)
            if not math.isfinite(score):
                alone[f"row {i} of {n}"] = float(run(rows[i : i + 1])[0])
    judge(*in_range(subject, score_range, scores, "the_batch_is_symbolic_in_truth", alone))


def test_any_finite_input_gives_a_finite_score_in_range(
    subject: Subject, run: Run, score_range: tuple[Bound, Bound], judge: Judge
) -> None:
    """Rows that are made up, the same in each run; judged on the most extreme scores of each batch."""
    seen, alone = dict[str, float](), dict[str, float]()
    for rows in made_up_batches(len(subject.features)):
        scores = run(rows)
        low, high = (np.where(np.isnan(scores), end, scores) for end in (np.inf, -np.inf))
        for row in {int(np.isnan(scores).argmax()), int(low.argmin()), int(high.argmax())}:
            label = ", ".join(f"{value:.9g}" for value in rows[row])
            seen[label] = float(scores[row])
            if not math.isfinite(scores[row]):
                alone[label] = float(run(rows[row : row + 1])[0])
    judge(*in_range(subject, score_range, seen, "any_finite_input_gives_a_finite_score_in_range", alone))


def made_up_batches(width: int) -> Iterator[NDArray[np.float32]]:
    """Of 1 to 64 rows: each value is an extreme one, one between 0 and 1, or any finite float32."""
    rng = np.random.default_rng(0)
    for _ in range(MADE_UP):
        shape = (int(rng.integers(1, 65)), width)
        bits = rng.integers(1 << 32, size=shape, dtype=np.uint32).view(np.float32)
        finite = np.nan_to_num(bits, nan=0.0, posinf=LARGEST, neginf=-LARGEST)
        drawn = (rng.choice(np.array(EXTREMES, np.float32), shape), rng.random(shape, np.float32), finite)
        yield np.choose(rng.integers(3, size=shape), drawn)


def test_extreme_features_give_a_finite_score_in_range(
    subject: Subject, run: Run, score_range: tuple[Bound, Bound], judge: Judge
) -> None:
    """Zeros of both signs, the smallest and the largest floats, in each feature alone and in each two at once."""
    cases = dict(extreme_rows(subject.features))
    rows = np.array(list(cases.values()), dtype=np.float32)
    measured = dict(zip(cases, run(rows).tolist(), strict=True))
    alone = {
        label: float(run(row[None])[0])
        for (label, score), row in zip(measured.items(), rows, strict=True)
        if not math.isfinite(score)
    }
    judge(*in_range(subject, score_range, measured, "extreme_features_give_a_finite_score_in_range", alone))


@pytest.mark.usefixtures("judged_by_assertions")
def test_the_stddev_is_finite_and_not_negative(subject: Subject, run_all: Run) -> None:
    """For any finite features, extreme or made up."""
    rows = np.array(list(dict(extreme_rows(subject.features)).values()), dtype=np.float32)
    for batch in (rows, *made_up_batches(len(subject.features))):
        stddev = subject.output_of(STDDEV, run_all)(batch)
        if len(wrong := np.flatnonzero(~((stddev >= 0.0) & np.isfinite(stddev)))):
            row = int(wrong[0])
            pytest.fail(
                f"{subject.id}: {STDDEV} is {stddev[row]} for {', '.join(f'{value:.9g}' for value in batch[row])}",
                pytrace=False,
            )


def extreme_rows(features: tuple[str, ...]) -> Iterator[tuple[str, list[float]]]:
    """Rows under what is extreme in them."""
    for value in EXTREMES:
        yield f"all {value:.3g}", [value] * len(features)
    for backdrop in BACKDROPS:
        for count in (1, 2):
            for chosen in combinations(range(len(features)), count):
                for values in product(EXTREMES, repeat=count):
                    row = [backdrop] * len(features)
                    for i, value in zip(chosen, values, strict=True):
                        row[i] = value
                    shown = ", ".join(f"{features[i]} {value:.3g}" for i, value in zip(chosen, values, strict=True))
                    yield f"{shown}, others {backdrop:g}", row
