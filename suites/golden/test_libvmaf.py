"""The libvmaf here reproduces Netflix's published numbers."""

from collections.abc import Callable

import numpy as np
import pytest

from tinyvmaf.data.golden import load_files, load_pairs
from tinyvmaf.data.golden.published import VALUES
from tinyvmaf.data.golden.rows import GoldenRows
from tinyvmaf.errors import CouldNotRunError
from tinyvmaf.judge.bounds import Bounds
from tinyvmaf.judge.outcomes import compare
from tinyvmaf.judge.plugin import Judge, NotChecked, Note
from tinyvmaf.vmaf.features import CANONICAL
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.libvmaf import FrameTable
from tinyvmaf.vmaf.teacher import DEFAULT, load_built_in

PAIRS = load_pairs()
Measured = Callable[[str], FrameTable]


def reproduce(pair: str) -> str:
    return f"tox -e golden -- -k '{pair}'"


def labels(table: FrameTable) -> list[str]:
    return [f"frame {frame}" for frame in range(len(table))]


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
    """Score and all six features, as means over the clip, at the places at which the publisher asserts them."""
    gate, published = bounds.for_("golden.published"), PAIRS[pair]
    if published.places > gate.value:
        raise CouldNotRunError(f"{pair} is published at {published.places} places, the gate looks at {gate.value:g}")
    expected = published.values(epoch[0])
    if expected is None:
        not_checked(f"golden pair {pair}: no value is published for motion epoch {epoch[0]!r} (libvmaf {epoch[1]})")
    table = measured(pair)
    assert len(table) == published.frames
    means = [table.column(DEFAULT).mean(), *table.features(CANONICAL).mean(axis=0)]
    assert VALUES[1:] == CANONICAL
    note(f"libvmaf {epoch[1]}, motion epoch {epoch[0]}")
    expected_means = [expected[name] for name in VALUES]
    judge(compare(gate, f"libvmaf on {pair}", VALUES, expected_means, means, reproduce=reproduce(pair)))


@pytest.mark.parametrize("pair", PAIRS)
def test_libvmaf_still_gives_the_frozen_rows(
    pair: str,
    measured: Measured,
    epoch: tuple[str, str],
    frozen: GoldenRows,
    bounds: Bounds,
    judge: Judge,
    not_checked: NotChecked,
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
    table, rows = measured(pair), frozen.pairs[pair]
    names = (*CANONICAL, DEFAULT)
    here = np.column_stack([table.features(CANONICAL), table.column(DEFAULT)])
    there = np.column_stack([rows.features, rows.scores])
    each = [f"frame {frame} {name}" for frame in range(len(there)) for name in names]
    outcome = compare(
        bounds.for_("golden.rows"), f"libvmaf {epoch[1]} on {pair}", each, there, here, reproduce=reproduce(pair)
    )
    if outcome.max_difference:
        note(f"frozen rows of {pair}: libvmaf {epoch[1]} is off by up to {outcome.max_difference:.2g}")
    judge(outcome)


@pytest.mark.parametrize("pair", PAIRS)
def test_the_svr_in_float64_is_libvmafs(
    pair: str, measured: Measured, ffmpeg: FFmpeg, bounds: Bounds, judge: Judge
) -> None:
    """Each frame's score, from features to 12 decimals, differs from libvmaf's by the rounding of its log."""
    table, teacher = measured(pair), load_built_in(ffmpeg)
    scores = teacher.predict(table.features(teacher.feature_names))
    subject = f"{DEFAULT} in float64 on {pair}"
    judge(
        compare(
            bounds.for_("golden.svr_frame"),
            subject,
            labels(table),
            table.column(DEFAULT),
            scores,
            reproduce=reproduce(pair),
        )
    )
