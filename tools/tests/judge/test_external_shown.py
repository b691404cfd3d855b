"""How a model is held on a set of others: bounds and promises, lines of figures, and the report's tables."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tinyvmaf.data.imported import load
from tinyvmaf.data.imported.load import built_in_teacher
from tinyvmaf.data.store import Store
from tinyvmaf.judge.bounds import load_bounds
from tinyvmaf.judge.external_shown import bound_of, not_held, summary, summary_of_column, without_a_feature
from tinyvmaf.judge.report.external import external_sets
from tinyvmaf.measure.external import HeldColumn, HeldSet, hold_column, hold_model, rows_of
from tinyvmaf.model import registry
from tinyvmaf.model.subject import Subject
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import DEFAULT

from ..data.imported_samples import published


@pytest.fixture
def held(tmp_path: Path, ffmpeg: FFmpeg) -> HeldSet:
    found = load(published(tmp_path, ffmpeg))
    return hold_model(registry.find("tinyvmaf_nano"), rows_of(found, built_in_teacher(DEFAULT), Store(tmp_path)))


@pytest.fixture
def column(tmp_path: Path, ffmpeg: FFmpeg) -> HeldColumn:
    found = load(published(tmp_path, ffmpeg))
    return hold_column(found.scores[0], found, rows_of(found, built_in_teacher("vmaf_4k_v0.6.1"), Store(tmp_path)))


@pytest.mark.parametrize(
    ("model", "frame", "rmse"),
    [
        ("tinyvmaf_nano", 0.3, 0.05),
        ("tinyvmaf_exact", 0.1, 0.02),
        ("tinyvmaf_tiny", 0.05, 0.01),
        ("vmaf_v0.6.1_svr", 1e-3, 1e-3),
    ],
)
def test_our_models_keep_at_least_what_was_asked_of_them(model: str, frame: float, rmse: float) -> None:
    bounds, subject = load_bounds(), registry.find(model)
    assert bound_of(bounds, "frame_max_error", subject).value <= frame
    assert bound_of(bounds, "frame_rmse", subject).value <= rmse
    assert bound_of(bounds, "clip_max_error", subject).value <= frame


def test_a_stranger_is_held_to_what_loso_asks_and_to_its_promise(tmp_path: Path) -> None:
    bounds, nano = load_bounds(), registry.find("tinyvmaf_nano")
    sidecar = nano.sidecar.model_copy(update={"promised": {}})
    path = tmp_path / "mine.onnx"
    path.write_bytes(nano.data)

    def mine(**promised: float) -> Subject:
        more = {"id": "mine", "promised": promised}
        path.with_suffix(".json").write_text(sidecar.model_copy(update=more).text(), encoding="utf-8")
        return Subject.at(path)

    assert bound_of(bounds, "frame_max_error", mine()).value == bounds.for_("loso.frame_max_error").value
    assert bound_of(bounds, "frame_plcc", mine()).value == bounds.for_("loso.plcc").value
    promised = bound_of(bounds, "frame_max_error", mine(frame_max_error=0.5))
    assert (promised.value, promised.table) == (0.5, "promised in the sidecar")
    assert bound_of(bounds, "frame_max_error", mine(frame_max_error=50.0)).value == 3.0
    assert bound_of(bounds, "frame_plcc", mine(frame_plcc=0.999999)).value == 0.97  # of other clips it says nothing


def test_a_line_has_the_figures_and_what_is_outside(held: HeldSet) -> None:
    text = summary(held)
    assert text.startswith("tinyvmaf_nano on set, 20 frames of 4 clips: worst frame 0.0")
    assert "RMSE" in text
    assert "worst clip" in text
    assert "outside" not in text
    rows = held.of.rows.copy()
    rows[0, 5] = 90.0
    assert "1 frame outside the teacher's domain, the furthest by" in summary(
        replace(held, of=replace(held.of, rows=rows))
    )
    of_clips = replace(held, got=held.of.clip_means(held.got), per_clip=True)
    assert "frame 0" not in summary(of_clips)
    assert "worst clip" in summary(of_clips)


def test_a_column_says_what_its_decimals_allow_and_what_was_not_held(column: HeldColumn) -> None:
    assert "set: vmaf is vmaf_4k_v0.6.1's (detected): 20 frames at most" in summary_of_column(column)
    assert not_held(column) == ""
    assert without_a_feature(column.of) == ""
    assert "set: 7 frames without a feature" in without_a_feature(replace(column.of, left_out=7))
    assert "3 frames without a score" in not_held(replace(column, left_out=3))
    assert "they say little" in not_held(replace(column, allowed=column.allowed * 1e4))


def test_the_page_shows_every_set_and_its_worst_clips(held: HeldSet) -> None:
    found = held.as_dict()
    clips = [[f"clip {i}", 5, 50.0, 50.1, 0.1, 0.2, 3, 0] for i in range(60)]
    (one, two) = external_sets({"set": found, "many": {"clips": clips, "frames": 300}})
    assert len(one.row) == len(one.head)
    assert all(len(row) == len(one.clip_head) for row in (*one.clips, *two.clips))
    assert (len(one.clips), one.left, len(two.clips), two.left) == (4, 0, 50, 10)
    assert one.clips[0][0] == held.clips[0].clip
    assert np.isclose(float(one.row[3]), found["max_error"], atol=1e-3)
    assert two.row[2] == "–"
    assert external_sets({}) == []
