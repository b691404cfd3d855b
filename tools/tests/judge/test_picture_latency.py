"""How the latency gate times models that take pictures, and that it sees what it should."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tinyvmaf.errors import ModelError
from tinyvmaf.files import home
from tinyvmaf.judge import picture_latency
from tinyvmaf.judge.bounds import load_bounds
from tinyvmaf.judge.kinds import kinds
from tinyvmaf.judge.opponents import picture_opponents_of
from tinyvmaf.measure import latency, latency_history
from tinyvmaf.measure.latency import (
    BASELINE,
    FLOOR,
    MeasuredPictures,
    PictureOpponents,
    PictureTimes,
    Ratio,
    pictures_to_time,
)
from tinyvmaf.model.sidecar import graph_facts, read_sidecar
from tinyvmaf.model.subject import Subject
from tinyvmaf.vmaf.ffmpeg import FFmpeg

from ..measure.test_latency_pictures import many_times
from ..model.picture_models import Net, exact_filter, exact_score


def put(folder: Path, name: str, kind: str, data: bytes) -> Subject:
    """A model that takes pictures, with its sidecar."""
    like = read_sidecar(home() / "model/tinyvmaf_nano.json").as_dict()
    like.pop("proven_everywhere_points", None)
    own: dict[str, object] = {
        "id": name,
        "kind": kind,
        "feature_order": [],
        "training": None,
        "measured": {},
        "promised": {},
    }
    (folder / f"{name}.onnx").write_bytes(data)
    (folder / f"{name}.json").write_text(json.dumps(like | own | graph_facts(data)), encoding="utf-8")
    return Subject.at(folder / f"{name}.onnx")


def measured(baseline: bytes | None = b"before") -> MeasuredPictures:
    return MeasuredPictures(exact_score(), PictureOpponents(pictures_to_time("float32"), baseline))


def test_a_score_is_held_against_libvmaf_and_a_filter_against_a_copy(tmp_path: Path) -> None:
    score = put(tmp_path, "score", "no_reference", exact_score())
    sharp = put(tmp_path, "sharp", "filter", exact_filter())
    bounds = load_bounds()

    def held(subject: Subject, baseline: bytes | None) -> set[str]:
        return {one.to for one in picture_latency.picture_bounds(subject, measured(baseline), bounds)}

    assert (held(score, b"before"), held(score, None)) == ({BASELINE}, set())
    assert (held(sharp, b"before"), held(sharp, None)) == ({BASELINE, FLOOR}, {FLOOR})
    assert picture_latency.races_libvmaf(score)
    assert not picture_latency.races_libvmaf(sharp)


def test_every_kind_is_held_against_something_that_is_known() -> None:
    for kind in kinds().values():
        assert kind.raced_against
        assert set(kind.raced_against) <= set(latency.REFERENCES)


def test_opponents_are_those_of_a_file_that_may_be_run(tmp_path: Path, ffmpeg: FFmpeg) -> None:
    subject = put(tmp_path, "score", "no_reference", exact_score())
    found = picture_opponents_of(subject, ffmpeg)
    assert found.baseline is None
    assert found.pictures is pictures_to_time("float32")
    (tmp_path / "score.onnx").write_bytes(exact_filter())
    with pytest.raises(ModelError, match="does not keep the contract"):
        picture_opponents_of(Subject.at(subject.file), ffmpeg)


def test_libvmaf_runs_once_for_all_models_that_are_held_against_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    score, other = (put(tmp_path, name, "no_reference", exact_score()) for name in ("score", "other"))
    sharp = put(tmp_path, "sharp", "filter", exact_filter())
    asked: list[list[str]] = []
    monkeypatch.setattr(latency, "frame_cost", lambda models, *_, **__: asked.append([*models]))

    def of(subject: Subject) -> MeasuredPictures:
        if subject is other:
            raise ModelError("does not load")
        return measured()

    anything: Any = SimpleNamespace()
    picture_latency.frame_costs([score, other, sharp], of, anything, tmp_path)
    assert asked == [["score"]]


def test_the_history_has_one_batch_of_one_picture() -> None:
    one = measured()
    assert latency_history.picture_run(one) is None
    ratios = {FLOOR: Ratio(12.0, 11.0, 13.0, 12), BASELINE: Ratio(1.0, 0.0, float("inf"), 3)}
    one.times = PictureTimes(2e7, 1.9e7, ratios, 3.0)
    run = latency_history.picture_run(one)
    assert run is not None
    assert set(run.batches) == {1}
    batch = run.batches[1]
    assert (batch.ns_a_row, batch.floor, batch.svr, batch.baseline) == (2e7, 12.0, None, 1.0)
    assert batch.intervals == {"floor": (11.0, 13.0)}


def slow_score() -> bytes:
    """Thousands of multiply-adds a pixel."""
    net = Net()
    x = "luma"
    for given, made in ((1, 16), (16, 4)):
        x = net.add("Conv", x, net.constant(np.full((made, given, 5, 5), 0.01)), pads=[2] * 4)
    mean = net.add("ReduceMean", net.add("ReduceMean", x, axes=[2, 3], keepdims=0), axes=[1], keepdims=1)
    net.add("Clip", mean, net.constant(0.0), net.constant(100.0), out="score")
    return net.model("score")


def judged(folder: Path, subject: Subject, *more: str) -> tuple[str, set[str]]:
    """What the gate of this checkout says of a model, and which bounds it names as broken."""
    command = [sys.executable, "-m", "pytest", "suites/latency", "-n", "0", "-q", "--model", str(subject.file)]
    command += ["--allow", "gates,selection", "--report", str(folder / "report"), *more]
    here = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(command, cwd=home(), env=here, capture_output=True, text=True, timeout=300, check=False)
    verdict = json.loads((folder / "report/verdict.json").read_text(encoding="utf-8"))
    return done.stdout, {gate for one in verdict["failures"] for gate in one["gates"]}


@pytest.mark.skipif("PYTEST_XDIST_WORKER" in os.environ, reason="it times: pytest -n 0 runs it")
def test_the_gate_sees_a_slow_score(tmp_path: Path) -> None:
    """It is slower than libvmaf, and than a stream is played."""
    subject = put(tmp_path, "slow", "no_reference", slow_score())
    out, failed = judged(tmp_path, subject, "-k", "fast")
    assert failed == {"latency.pictures_a_second", "latency.libvmaf"}, out


def test_the_gate_sees_a_graph_that_has_grown(tmp_path: Path) -> None:
    (tmp_path / "before.onnx").write_bytes(many_times(1))
    subject = put(tmp_path, "grown", "filter", many_times(2))
    out, failed = judged(tmp_path, subject, "-k", "has_not_grown", "--baseline", str(tmp_path / "before.onnx"))
    assert failed == {"latency.growth"}, out
    assert "2 nodes run, 50.0 multiply-adds a pixel" in out
