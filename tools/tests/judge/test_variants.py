"""The table of variants: what is measured of one that no gate takes, and the words of its last column."""

from pathlib import Path

import pytest

from tinyvmaf.judge.kinds import find
from tinyvmaf.judge.scoreboard import Line
from tinyvmaf.judge.variants import table
from tinyvmaf.train.quantise import job_of, made, write_variant
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import load_built_in

from ..train.quantise_samples import written

GOOD = {"parent_plcc_drop": 0.001, "parent_rmse": 0.5, "ulp": 0.0, "engines": 3.0}


def test_a_variant_that_the_gates_refuse_is_measured_all_the_same(ffmpeg: FFmpeg, tmp_path: Path) -> None:
    """MatMulNBits: ONNX Runtime alone has it, and each other engine is named."""
    teacher = load_built_in(ffmpeg, "vmaf_v0.6.1")
    parent = written(teacher, tmp_path)
    data = made("nbits8", job_of(parent.data, parent.features, teacher, samples=200))
    path = write_variant(parent, "nbits8", data, kind=find("regressor"), folder=tmp_path).path
    steps: list[str] = []
    line = table.measured(path, parent.path, None, steps.append)
    assert steps == list(table.STEPS)
    assert line.figures.keys() == table.FIGURES.keys(), line.notes
    assert 0 < line.figures["parent_rmse"] < 3
    assert line.notes[0].startswith("the gates refuse it: ")
    assert any(note.startswith("numpy lacks what it takes: ") for note in line.notes)
    assert table.gates(line, is_variant=True, teacher=teacher.id) == "refused"


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({}, "pass"),
        ({"parent_rmse": 1.01}, "RMSE"),
        ({"parent_plcc_drop": float("nan"), "ulp": 3.0}, "PLCC drop, ULP"),
        ({"parent_rmse": float("inf")}, "RMSE"),
        ({"engines": 1.0}, "engines"),
        ({"ulp": None}, "not measured"),
    ],
)
def test_the_last_column_names_the_gates_that_are_missed(changed: dict[str, float | None], says: str) -> None:
    figures = {key: value for key, value in (GOOD | changed).items() if value is not None}
    assert table.gates(Line("small_qdq", figures), is_variant=True, teacher="vmaf_v0.6.1") == says


def test_a_grid_is_held_against_no_parent() -> None:
    line = Line("grid", GOOD | {"parent_rmse": 9.0})
    cells = table.row(line, is_variant=False, teacher="vmaf_v0.6.1")
    assert len(cells) == len(table.HEADINGS)
    assert (cells[2], cells[-1]) == ("—", "pass")
    assert table.markdown([cells], [line]).count("\n") == 3


def test_the_grids_of_a_teacher_are_its_own() -> None:
    found = table.grids("vmaf_v0.6.1")
    assert {"tinyvmaf_nano", "tinyvmaf_exact", "tinyvmaf_tiny"} <= {one.id for one in found}
    assert all(one.teacher_id == "vmaf_v0.6.1" and one.kind == "regressor" for one in found)
