"""What `corpus check F.parquet` finds in a set."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tinyvmaf.app.cli import main
from tinyvmaf.data.golden import load_rows
from tinyvmaf.data.golden.rows import is_golden_row
from tinyvmaf.data.imported import built_in_teacher, check_set, load
from tinyvmaf.vmaf.ffmpeg import FFmpeg

from .imported_samples import SIX, opinions, published


def codes(path: Path) -> dict[str, bool]:
    return {fault.code: fault.spoils for fault in check_set(load(path), built_in_teacher).faults}


def spoil(path: Path, **columns: np.ndarray) -> None:
    table = pq.read_table(path)
    for name, values in columns.items():
        table = table.set_column(table.column_names.index(name), name, pa.array(values))
    pq.write_table(table, path)


def test_a_good_set_has_no_fault(tmp_path: Path, ffmpeg: FFmpeg) -> None:
    found = check_set(load(published(tmp_path, ffmpeg)), built_in_teacher)
    assert (found.faults, found.spoils) == ((), False)
    assert found.sources == {"a": (2, 10), "b": (2, 10)}
    assert [(outside.teacher, outside.count) for outside in found.outside] == [("vmaf_v0.6.1", 0)]
    assert found.columns[0].name == "adm2"
    assert found.columns[0].decimals == 6


def test_a_row_outside_the_domain_is_named(tmp_path: Path, ffmpeg: FFmpeg) -> None:
    path = published(tmp_path, ffmpeg)
    values = pq.read_table(path)["integer_motion2"].to_numpy().copy()
    values[7] = 900.0
    spoil(path, integer_motion2=values)
    (outside,) = check_set(load(path), built_in_teacher).outside
    assert (outside.count, outside.feature, outside.clip, outside.frame) == (1, "motion2", "a__x264_50", 2)
    assert outside.furthest > 5


def test_gaps_missing_values_and_unknown_scores_are_notes(tmp_path: Path, ffmpeg: FFmpeg) -> None:
    path = published(tmp_path, ffmpeg, frames=8)
    table = pq.read_table(path)
    keep = np.ones(len(table), dtype=bool)
    keep[[3, 8]] = False  # inside the first clip, and frame 0 of the second
    psnr = np.full(len(table), np.inf)
    score = table["vmaf"].to_numpy() + 0.5
    table = table.set_column(8, "vmaf", pa.array(score)).append_column("psnr_y", pa.array(psnr))
    pq.write_table(table.filter(pa.array(keep)), path)
    opinions(tmp_path, [{"clip": "a__x264_10", "mos": 3, "ci": 0}, {"clip": "b__x264_10", "mos": 4, "ci": 0.1}])
    assert codes(path) == {
        "gaps": False,
        "late": False,
        "score": False,
        "missing": False,
    }
    assert any("ci of 0" in note for note in load(path).notes)


def test_a_clip_under_two_sources_and_golden_rows_make_results_wrong(tmp_path: Path, ffmpeg: FFmpeg) -> None:
    path = published(tmp_path, ffmpeg)
    table = pq.read_table(path)
    spoil(path, **{n: np.tile(table[n].to_numpy()[:10], 2) for n in table.column_names if n not in ("clip", "frame")})
    assert codes(path) == {"leak": True}
    golden = load_rows().pairs["natural_10bit"].features(SIX)[-1]
    path = published(tmp_path, ffmpeg, decimals=5)
    columns = {}
    for i, name in enumerate(SIX):
        columns[f"integer_{name}"] = pq.read_table(path)[f"integer_{name}"].to_numpy().copy()
        columns[f"integer_{name}"][0] = round(float(golden[i]), 5)
    spoil(path, **columns)
    assert codes(path)["golden"] is True


@pytest.mark.parametrize("decimals", [3, 5, 6])
def test_a_lossless_still_frame_is_not_golden_however_it_was_rounded(decimals: int) -> None:
    still = np.array([[1.0, 1.0, 1.0, 1.0, 1.0, 0.0]])
    assert not is_golden_row(still, SIX, rounded_by=0.5 * 10.0**-decimals).any()


def test_the_command_prints_what_it_found_and_its_status_tells(
    tmp_path: Path, ffmpeg: FFmpeg, capsys: pytest.CaptureFixture[str]
) -> None:
    path = published(tmp_path, ffmpeg)
    assert main(["corpus", "check", str(path)]) == 0
    out = capsys.readouterr().out
    assert "20 frames of 4 clips of 2 sources" in out
    assert "no rows are outside the domain of vmaf_v0.6.1" in out
    assert out.splitlines()[-1] == "0 faults that make results wrong, 0 notes"
    assert main(["corpus", "check", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sources"] == {"a": [2, 10], "b": [2, 10]}
    assert main(["corpus", "check", str(tmp_path)]) == 0  # the sets of a folder
    assert capsys.readouterr().out == out
    assert main(["import", str(path), "--out", str(tmp_path / "x.parquet")]) == 1
    assert "a table, not a log" in capsys.readouterr().err
    assert main(["corpus", "check", str(path), "--data-root", "x"]) == 1
    assert main(["corpus", "check", str(tmp_path / "none.parquet")]) == 1
