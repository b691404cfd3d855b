"""The sidecar and card of a candidate: measured values, corpus and command."""

import json
import math

import numpy as np
import pyarrow as pa
import pytest

from tinyvmaf.data.dataset import Dataset
from tinyvmaf.judge.kinds.regressor import REGRESSOR
from tinyvmaf.measure.loso import evaluate, measured_values
from tinyvmaf.model import registry
from tinyvmaf.model.proof_records import read_proof, with_proof
from tinyvmaf.train.export_student import student_model
from tinyvmaf.train.folds import FoldModel
from tinyvmaf.train.packaging import Origin, _card
from tinyvmaf.train.recipes import read_recipe
from tinyvmaf.train.students import Student, architecture
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import Teacher, load_built_in


@pytest.fixture(scope="module")
def teacher(ffmpeg: FFmpeg) -> Teacher:
    return load_built_in(ffmpeg)


def constant(teacher: Teacher) -> FoldModel:
    """A model that always returns 50, and was fitted without clips."""
    numbers = np.zeros((6, 1)), np.array([50.0])
    student = Student(
        architecture("linear"), teacher.feature_names, np.zeros(6), np.ones(6), numbers, (0.0, 30.0), (0.0, 100.0)
    )
    return FoldModel(None, 0, student_model(student, "m"))


def corpus(teacher: Teacher) -> Dataset:
    """Two sources of three clips, of rows of the domain."""
    rows = Domain(teacher.features).sample(60, 0)
    columns = dict(zip(teacher.feature_names, rows.T, strict=True)) | {teacher.id: teacher.predict(rows)}
    clip = [f"{source}{n}" for source in "AB" for n in range(3) for _ in range(10)]
    index = {"source": [name[0] for name in clip], "clip": clip, "frame": list(range(10)) * 6}
    return Dataset(pa.table(index | columns), {})


def test_a_constant_model_leaves_its_correlations_out(teacher: Teacher) -> None:
    """They are NaN, which strict JSON cannot hold; the errors stay."""
    model = constant(teacher)
    report = evaluate("m", [model], corpus(teacher), teacher.feature_names, teacher.id)
    assert math.isnan(report.mean("frame", "plcc"))
    measured = measured_values(model, teacher, report, per_frame=True)
    assert json.loads(json.dumps(measured, allow_nan=False)) == measured
    assert set(measured) == {
        *(f"loso_{name}_points" for name in ("frame_rmse", "frame_max_abs_error", "clip_rmse")),
        *("domain_worst_difference_points", "golden_frame_max_abs_error_points", "golden_clip_max_abs_error_points"),
    }
    assert measured["domain_worst_difference_points"] == pytest.approx(50.0, abs=0.1)


@pytest.mark.parametrize("name", ["tinyvmaf_nano", "tinyvmaf_tiny"])
def test_the_card_of_a_shipped_model_is_the_one_that_is_written_today(name: str, teacher: Teacher) -> None:
    entry, recipe = registry.find(name), read_recipe(name)
    sidecar = entry.sidecar
    training = sidecar.training
    assert training is not None
    model = FoldModel(None, training.seed, entry.file.read_bytes())
    command = f"tinyvmaf train --recipe {name} --out DIR"
    origin = Origin("the embedded ladder corpus", training.corpus_sha256, command, training.commit)
    card = _card(model, name, recipe, teacher, sidecar.measured, origin, kind=REGRESSOR, judged=True)
    card = with_proof(card, read_proof(name, entry.file.parent))
    assert card == entry.file.with_suffix(".md").read_text(encoding="utf-8")
