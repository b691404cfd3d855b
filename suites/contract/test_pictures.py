"""Models that take pictures keep their contract on any size, on any finite samples, and for any number of pictures."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tinyvmaf.judge.bounds import Bound, Bounds
from tinyvmaf.judge.model_failed import model_failed
from tinyvmaf.judge.outcomes import Outcome, hold
from tinyvmaf.judge.picture_runs import PICTURE_BATCHES, agreement_bound, distances, filters
from tinyvmaf.judge.plugin import Judge, NotChecked, Note
from tinyvmaf.measure.engine_agreement import PictureInputs, pictures_for
from tinyvmaf.measure.picture_memory import megabytes_of
from tinyvmaf.model.engines import OnnxRuntimeCpu, all_pictures
from tinyvmaf.model.engines.onnxruntime_cpu import OnnxRuntimeCpuEngine
from tinyvmaf.model.subject import Subject
from tinyvmaf.vmaf.made_pictures import Stack, smooth

Filtered = NDArray[Any]
RunPictures = Callable[[Stack], Filtered]
SIZES = ((64, 64), (64, 65), (65, 67), (72, 1000), (131, 64), (144, 176), (241, 433), (360, 640), (1080, 1920))
"""Heights and widths: the least, odd ones, wide and tall ones, and those of videos."""
EDGE = 8


def reproduce(model: str, test: str) -> str:
    return f"tox -e contract -- -k '{model} and {test}'"


@pytest.fixture
def run_pictures(looked_at: Subject) -> RunPictures:
    """What the model gives for pictures, also what is not finite; a run that fails fails the test."""
    with model_failed(looked_at.id):
        session = OnnxRuntimeCpu(looked_at.data)

    def given(stack: Stack) -> Filtered:
        __tracebackhide__ = True
        with model_failed(looked_at.id):
            return all_pictures(session, stack)

    return given


@pytest.fixture
def dtype(looked_at: Subject) -> str:
    """What it takes."""
    return looked_at.sidecar.inputs[0].dtype


@pytest.fixture
def made_pictures(dtype: str) -> PictureInputs:
    """Pictures that are made here, the same in each run."""
    return pictures_for(dtype, None)


@pytest.fixture
def picture_range(looked_at: Subject, bounds: Bounds) -> list[Bound]:
    """Where its scores lie; of a filter, how far a sample may leave black to white."""
    names = ("contract.outside",) if filters(looked_at) else ("contract.range_low", "contract.range_high")
    return [bounds.for_subject(name, looked_at) for name in names]


def outside(made: Filtered) -> NDArray[np.float64]:
    """By how much the samples of each picture leave black to white, float64 `[N]`; infinite if one is not finite."""
    if made.dtype == np.uint8:
        return np.zeros(len(made))
    each = made.reshape(len(made), -1).astype(np.float64)
    far = np.maximum(each - 1.0, -each).max(axis=1)
    return np.where(np.isfinite(far), np.maximum(far, 0.0), np.inf)


def in_range(
    subject: Subject, gates: Iterable[Bound], stacks: Iterable[tuple[str, Stack]], run: RunPictures, test: str
) -> list[Outcome]:
    """An outcome for each bound, on the worst picture of each stack."""
    found: dict[str, dict[str, float]] = {gate.gate.name: {} for gate in gates}
    for label, stack in stacks:
        made = run(stack)
        for gate in gates:
            if gate.gate.name == "contract.outside":
                values = outside(made)
            else:  # what is not finite is outside on either side
                away = -math.inf if gate.gate.direction == "at least" else math.inf
                values = np.where(np.isfinite(made), made.astype(np.float64), away)
            worst = int(values.argmin() if gate.gate.direction == "at least" else values.argmax())
            found[gate.gate.name][f"{label}, picture {worst} of {len(stack)}"] = float(values[worst])
    again = reproduce(subject.id, test)
    return [hold(gate, subject.id, found[gate.gate.name], reproduce=again) for gate in gates]


def test_pictures_of_any_size_are_taken(
    looked_at: Subject, dtype: str, run_pictures: RunPictures, picture_range: list[Bound], judge: Judge
) -> None:
    """One session takes pictures of every size, one after the other, and gives what is finite and in range."""
    stacks = [(f"smooth {width}x{height}", smooth(1, height, width, dtype)) for height, width in (*SIZES, SIZES[0])]
    judge(*in_range(looked_at, picture_range, stacks, run_pictures, "any_size"))


def test_extreme_pictures_give_what_is_in_range(
    looked_at: Subject,
    made_pictures: PictureInputs,
    run_pictures: RunPictures,
    picture_range: list[Bound],
    judge: Judge,
) -> None:
    """Black, white, grey, noise, stripes; of floats also the largest, the smallest, negative ones, and random bits."""
    assert set(made_pictures.groups) == made_pictures.wanted
    judge(*in_range(looked_at, picture_range, made_pictures.stacks, run_pictures, "extreme_pictures"))


def test_pictures_do_not_depend_on_their_batch(
    looked_at: Subject,
    made_pictures: PictureInputs,
    dtype: str,
    run_pictures: RunPictures,
    bounds: Bounds,
    judge: Judge,
) -> None:
    """Each alone, among others, in another order: one session against itself. A black picture may lie beside any."""
    gate, measured = agreement_bound(looked_at, OnnxRuntimeCpuEngine.name, bounds), dict[str, float]()
    stacks = [*made_pictures.few, *made_pictures.stacks, ("smooth 160x90", smooth(7, 90, 160, dtype))]
    for label, stack in stacks:
        together = run_pictures(stack)
        ways = {
            f"in {n}": np.concatenate([run_pictures(stack[i : i + n]) for i in range(0, len(stack), n)])
            for n in PICTURE_BATCHES
        }
        ways["in another order"] = run_pictures(np.ascontiguousarray(stack[::-1]))[::-1]
        for way, again in ways.items():
            far = distances(gate, together, again)
            measured[f"{label}, {way}, picture {int(far.argmax())}"] = float(far.max())
    judge(hold(gate, looked_at.id, measured, reproduce=reproduce(looked_at.id, "their_batch")))


def test_the_score_of_a_tiled_or_padded_picture_stays(
    looked_at: Subject, dtype: str, run_pictures: RunPictures, bounds: Bounds, judge: Judge
) -> None:
    """Mirrored to four times its size, or with some rows or columns of its edge more, a picture is as good."""
    measured = dict[str, float]()
    for height, width in ((128, 192), (181, 257)):
        stack = smooth(6, height, width, dtype)
        before = run_pictures(stack).astype(np.float64)
        for label, more in (
            ("tiled 2x2", ((0, height), (0, width))),
            (f"{EDGE} rows more", ((0, EDGE), (0, 0))),
            (f"{EDGE} columns more", ((0, 0), (EDGE, 0))),
        ):
            every = ((0, 0), (0, 0), *more)
            larger = np.pad(stack, every, "symmetric") if label == "tiled 2x2" else np.pad(stack, every, "edge")
            far = np.abs(run_pictures(larger).astype(np.float64) - before)
            worst = int(np.where(np.isfinite(far), far, np.inf).argmax())
            measured[f"{width}x{height}, {label}, picture {worst}"] = float(far[worst])
    gate = bounds.for_subject("contract.tiled", looked_at)
    judge(hold(gate, looked_at.id, measured, reproduce=reproduce(looked_at.id, "tiled")))


def test_a_large_picture_takes_little_memory(
    looked_at: Subject, bounds: Bounds, judge: Judge, note: Note, not_checked: NotChecked
) -> None:
    """In a process of its own, on one thread."""
    with model_failed(looked_at.id):
        found = megabytes_of(looked_at.data)
    if found is None:
        not_checked(f"{looked_at.id}: memory for a large picture, which this system does not tell")
    note(f"{looked_at.id}: {found:.0f} MB for a picture of 3840x2160")
    gate = bounds.for_subject("contract.memory", looked_at)
    judge(hold(gate, looked_at.id, {"one picture": found}, reproduce=reproduce(looked_at.id, "memory")))
