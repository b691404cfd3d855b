"""The libvmaf here reproduces Netflix's published numbers."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from tinyvmaf.data.golden import load_files, load_pairs
from tinyvmaf.data.golden.rows import GoldenRows
from tinyvmaf.errors import CouldNotRunError
from tinyvmaf.judge.bounds import Bounds
from tinyvmaf.judge.outcomes import compare
from tinyvmaf.judge.plugin import Judge, NotChecked, Note
from tinyvmaf.model.engines import OnnxRuntimeCpu
from tinyvmaf.model.writer import svr_model
from tinyvmaf.vmaf.teacher import Teacher

PAIRS = load_pairs()
Measured = Callable[[str], Mapping[str, np.ndarray]]


def reproduce(pair: str) -> str:
    return f"tox -e golden -- -k '{pair}'"


def features(measured: Mapping[str, np.ndarray], teacher: Teacher) -> np.ndarray:
    return np.column_stack([measured[name] for name in teacher.feature_names])


@pytest.mark.parametrize("pair", PAIRS)
def test_libvmaf_reproduces_the_published_values(
    pair: str,
    measured: Measured,
    epoch: tuple[str, str],
    bounds: Bounds,
    judge: Judge,
    not_checked: NotChecked,
    note: Note,
) -> None:
    """Scores and features, as means over the clip, at the places at which the publisher asserts them."""
    gate, published = bounds.for_("golden.published"), PAIRS[pair]
    if published.places > gate.value:
        raise CouldNotRunError(f"{pair} is published at {published.places} places, the gate looks at {gate.value:g}")
    expected = published.values(epoch[0])
    if expected is None:
        not_checked(f"golden pair {pair}: no value is published for motion epoch {epoch[0]!r} (libvmaf {epoch[1]})")
    here = measured(pair)
    assert {len(column) for column in here.values()} == {published.frames}
    names, wanted = list(expected), list(expected.values())
    means = [here[name].mean() for name in names]
    note(f"libvmaf {epoch[1]}, motion epoch {epoch[0]}")
    judge(compare(gate, f"libvmaf on {pair}", names, wanted, means, reproduce=reproduce(pair)))


@pytest.mark.parametrize("pair", PAIRS)
def test_libvmaf_still_gives_the_frozen_rows(
    pair: str,
    measured: Measured,
    epoch: tuple[str, str],
    frozen: GoldenRows,
    teachers: dict[str, Teacher],
    bounds: Bounds,
    judge: Judge,
    not_checked: NotChecked,
    also_not_checked: Note,
    note: Note,
) -> None:
    """The rows on which models are judged are those that this libvmaf extracts."""
    if pair not in frozen.pairs:
        kinds = {load_files()[name].kind for name in (PAIRS[pair].ref, PAIRS[pair].dis)}
        if kinds == {"pattern"}:  # at hand everywhere, so there is no excuse
            raise CouldNotRunError(f"{pair} has no frozen rows", hint="tinyvmaf golden freeze")
        not_checked(f"golden pair {pair}: no frozen rows, so no model is judged on it")
    if epoch[0] != frozen.provenance["motion_epoch"] and PAIRS[pair].values("any") is None:
        not_checked(f"frozen rows of {pair}: they are of another motion epoch than libvmaf {epoch[1]}")
    for lacks in sorted(set(frozen.teachers) - set(teachers)):
        also_not_checked(f"frozen rows of {lacks}: libvmaf {epoch[1]} does not carry it")
    names, here = list(measured(pair)), np.column_stack(list(measured(pair).values()))
    there = frozen.pairs[pair].features(names)
    each = [f"frame {frame} {name}" for frame in range(len(there)) for name in names]
    outcome = compare(
        bounds.for_("golden.rows"), f"libvmaf {epoch[1]} on {pair}", each, there, here, reproduce=reproduce(pair)
    )
    if outcome.max_difference:
        note(f"frozen rows of {pair}: libvmaf {epoch[1]} is off by up to {outcome.max_difference:.2g}")
    judge(outcome)


@pytest.mark.parametrize("pair", PAIRS)
def test_the_svr_in_float64_is_libvmafs(
    pair: str, measured: Measured, teachers: dict[str, Teacher], bounds: Bounds, judge: Judge
) -> None:
    """Each frame's score, from features to 12 decimals, differs from libvmaf's by the rounding of its log."""
    here, bound = measured(pair), bounds.for_("golden.svr_frame")
    for teacher in teachers.values():
        if teacher.bootstrap:  # libvmaf's filter does not run it
            continue
        expected, scores = here[teacher.id], teacher.predict(features(here, teacher))
        each = [f"frame {frame}" for frame in range(len(scores))]
        subject = f"{teacher.id} in float64 on {pair}"
        judge(compare(bound, subject, each, expected, scores, reproduce=reproduce(pair)))


@pytest.mark.parametrize("pair", PAIRS)
def test_the_svr_as_onnx_gives_libvmafs_clip_mean(
    pair: str, measured: Measured, teachers: dict[str, Teacher], bounds: Bounds, judge: Judge
) -> None:
    """Of every published teacher, registered or not: written here and run on libvmaf's features."""
    here, bound = measured(pair), bounds.for_("golden.svr_clip_mean")
    for teacher in teachers.values():
        scores = OnnxRuntimeCpu(svr_model(teacher, teacher.id)).run(features(here, teacher)).astype(np.float64)
        subject, expected = f"{teacher.id} as ONNX on {pair}", [here[teacher.id].mean()]
        judge(compare(bound, subject, ["clip mean"], expected, [scores.mean()], reproduce=reproduce(pair)))
