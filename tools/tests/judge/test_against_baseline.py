"""A model beside its accepted baseline: how exact both are on the same frames."""

from pathlib import Path

import pytest

from tinyvmaf.data.embedded import embedded_corpus
from tinyvmaf.files import home
from tinyvmaf.judge.against_baseline import FIGURES, compared
from tinyvmaf.judge.report.baseline import beside
from tinyvmaf.measure.loso import Trial, trial_of
from tinyvmaf.model import registry
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
from tinyvmaf.vmaf.teacher import load_built_in


@pytest.fixture(scope="module")
def trial() -> Trial:
    subject = registry.find("tinyvmaf_nano")
    return trial_of(subject, lambda name: load_built_in(find_ffmpeg(), name), embedded_corpus().read(), None)


def test_another_file_differs_and_the_furthest_frame_is_named(trial: Trial) -> None:
    found = compared(trial, home() / "model" / "tinyvmaf_tiny.onnx")
    rmse = found["figures"]["rmse"]
    assert found["figures"].keys() == FIGURES.keys()
    assert 0 < rmse[1] < rmse[0] < 0.1
    assert not found["same"]
    assert 0 < found["apart"] < 1
    shown = beside({"baseline": found}, 3107)
    assert shown is not None
    assert f"on {found['apart_at']}." in shown.text
    assert [row[0] for row in shown.rows] == [*FIGURES.values(), "bytes"]
    assert shown.rows[0][3].startswith("+")
    assert shown.rows[-1] == ["bytes", "3,107", "9,476", "−6,369"]


def test_the_accepted_one_of_the_same_id_is_taken(trial: Trial) -> None:
    found = compared(trial)
    assert found["accepted"]
    assert found["same"] == ((home() / "model/baseline/tinyvmaf_nano.onnx").read_bytes() == trial.file.data)


def test_what_cannot_be_compared_says_why(trial: Trial, tmp_path: Path) -> None:
    (tmp_path / "no.onnx").write_bytes(b"no model")
    assert compared(trial, tmp_path / "no.onnx")["why_not"]
    assert "No such file" in compared(trial, tmp_path / "none.onnx")["why_not"]
    shown = beside({"baseline": {"why_not": "no baseline of m was accepted"}}, None)
    assert shown is not None
    assert shown.text == "Not compared: no baseline of m was accepted."
    assert beside({}, None) is None
