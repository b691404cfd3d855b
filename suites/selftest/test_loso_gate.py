"""The leave-one-source-out gate, broken in every way: each must be caught, named, and told apart from one that lacked
something.

The copies have one registered student, distilled here in seconds, whatever is registered in the checkout. All gates
share one store of this session: where a break is not in the fit, nobody waits for the same fit twice.
"""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pyarrow as pa
import pytest
from onnx import numpy_helper

from tinyvmaf.data import dataset
from tinyvmaf.model import registry
from tinyvmaf.model.sidecar import read_sidecar

from .conftest import Gate, also, edit
from .loso_copies import (
    BANDS,
    CORRELATE,
    COULD_NOT_RUN,
    DOMAIN,
    FAIL,
    ID,
    MOVES,
    OFF,
    ORDER,
    PROMISES,
    SAME,
    SEEN,
    VIEWERS,
    Columns,
    failed,
    halved,
    register,
    register_anew,
    without_students,
)

pytestmark = pytest.mark.usefixtures("one_student")


def goes_wrong(copy: Path, *lines: str) -> None:
    """Lines more at the end of the gate's fixtures, for a part of the package, `code`, that goes wrong."""
    also(copy / "suites/loso/conftest.py", "from tinyvmaf.measure.loso import trial as code", *lines)


def rewrite_rows(copy: Path, change: Callable[[Columns], None]) -> None:
    """Change columns of the copy's corpus; provenance stays."""
    path = copy / "fixtures/corpus/features.parquet"
    data = dataset.read(path)
    columns = {name: data.table[name].to_numpy(zero_copy_only=False).copy() for name in data.table.column_names}
    change(columns)
    types = {field.name: field.type for field in data.table.schema}
    dataset.write(path, pa.table({n: pa.array(v, types[n]) for n, v in columns.items()}), data.provenance)


def test_the_unbroken_copy_passes(loso: Gate) -> None:
    status, text = loso()
    assert (status, "VERDICT: PASS" in text.splitlines()[-1]) == (0, True), text
    assert re.search(rf"{ID}: .* again, byte for byte", text), text
    assert re.search(rf"{ID}, frames: PLCC .*, worst source \w+ \(0\.", text), text
    assert "vmaf_v0.6.1_svr: a model of kind teacher is not asked loso" in text
    assert text.count("vmaf_v0.6.1_svr") == 1


def shuffled(columns: Columns) -> None:
    np.random.default_rng(0).shuffle(columns["vmaf_v0.6.1"])


def test_shuffled_labels_fail(copy: Path, loso: Gate) -> None:
    rewrite_rows(copy, shuffled)
    status, text = loso()
    assert status == FAIL, text
    assert {OFF, CORRELATE, PROMISES} <= failed(text)
    assert re.search(rf"{ID}, frames: mean PLCC of the sources held out: 2 of 2 values outside >= 0\.97", text), text


def test_a_fold_that_holds_nothing_out_is_not_fitted(copy: Path, loso: Gate) -> None:
    """The fit itself refuses a fold whose held-out source it is to train on."""
    goes_wrong(
        copy,
        "right = code.leave_one_source_out",
        "def leaking(sources):",
        "    return [type(f)(f.held_out, (*f.train, f.held_out)) for f in right(sources)]",
        "code.leave_one_source_out = leaking",
    )
    status, text = loso("--recipe", "on_clips", "-k", "has_seen")
    assert status == COULD_NOT_RUN, text
    assert "COULD NOT RUN: source BigBuckBunny is both held out and trained on" in text


@pytest.mark.parametrize(
    "wrong",
    [
        ["code.leave_one_source_out = lambda sources: []"],
        [
            "right = code.fold_models",
            "def swapped(*rest):",
            "    found = right(*rest)",
            "    pairs = zip(found, found[1:] + found[:1])",
            "    return [type(b)(b.held_out, b.seed, a.data) for a, b in pairs]",
            "code.fold_models = swapped",
        ],
    ],
    ids=["fitted on every source", "one fold's model under another's name"],
)
def test_a_held_out_source_that_was_trained_on_fails(wrong: list[str], copy: Path, loso: Gate) -> None:
    """Whatever anybody says of a model: the sources in its file are those of the rows that it was fitted on."""
    goes_wrong(copy, *wrong)
    status, text = loso("--recipe", "on_clips", "-k", "has_seen")
    assert status == FAIL, text
    assert failed(text) == {SEEN}
    assert "on_clips: share of a held-out source's distinct rows that its model was trained on: 9 of 9 values" in text
    assert re.search(r"  Carphone, seed 0 +1 +-0\.99 +<", text), text


def renamed(columns: Columns) -> None:
    """A source comes twice, the second time as it would through libvmaf's log of 6 decimals."""
    mine = columns["source"] == "Carphone"
    for name, values in columns.items():
        again = values[mine]
        if name in ("source", "clip"):
            again = np.array([text.replace("Carphone", "Copy") for text in again], dtype=object)
        elif again.dtype == np.float64:
            again = np.round(again, 6)
        columns[name] = np.concatenate([values, again])


def test_a_source_that_leaks_in_under_another_name_fails(copy: Path, loso: Gate) -> None:
    rewrite_rows(copy, renamed)
    status, text = loso("--recipe", "on_clips", "-k", "has_seen")
    assert status == FAIL, text
    assert failed(text) == {SEEN}
    assert "trained on: 2 of 10 values outside" in text
    for source in ("Carphone", "Copy"):
        assert re.search(rf"  {source}, seed 0 +1 +-0\.99 +<", text), text


def test_features_in_another_order_fail(copy: Path, loso: Gate) -> None:
    """Nothing in the registry is at odds: the graph takes six features, and has no names for them."""
    order = registry.find(ID, copy / "model").sidecar.feature_order
    register_anew(copy, feature_order=[*order[1:], order[0]])
    status, text = loso()
    assert status == FAIL, text
    assert {OFF, PROMISES} <= failed(text)


def test_a_constant_model_fails(copy: Path, loso: Gate) -> None:
    """Its recipe is as good as ever; it is the file that gives 50 whatever it is asked."""
    model = onnx.load(copy / f"model/{ID}.onnx")
    for tensor in model.graph.initializer:
        if tensor.name.startswith("raw_score"):
            values = numpy_helper.to_array(tensor)
            fill = 50.0 if tensor.name.endswith("bias") else 0.0
            tensor.CopyFrom(numpy_helper.from_array(np.full_like(values, fill), tensor.name))
    register_anew(copy, model.SerializeToString(deterministic=True))
    status, text = loso()
    assert status == FAIL, text
    assert PROMISES in failed(text)
    assert re.search(rf"{ID}: .*, held-out sources: 1 of 2 values outside .*\n.*\n +registered file .* +<", text), text


def test_a_file_that_is_not_what_its_recipe_makes_fails_whatever_it_promises(copy: Path, loso: Gate) -> None:
    """Scores of half the size have the same correlations; the folds are as good as ever."""
    halved(copy)
    status, text = loso()
    assert status == FAIL, text
    assert failed(text) == {OFF, DOMAIN, BANDS, MOVES, SAME, "test_registered_model_is_of_this_recipe"}
    assert "promises frame_rmse nothing" in text
    assert re.search(r"  registered file, \w+, seed 0 .* <", text), text
    assert not re.search(r"  folds, \w+, seed 0 .* <", text), text


def test_a_recipe_edited_after_registration_fails(copy: Path, loso: Gate) -> None:
    edit(copy / f"model/recipes/{ID}.toml", "steps = 25\nbatch = 3000\nsearches = 3", "steps = 2\nbatch = 3000")
    status, text = loso("-k", "is_of_this_recipe")
    assert status == FAIL, text
    assert failed(text) == {"test_registered_model_is_of_this_recipe"}
    assert f"{ID}: recipe {ID} has changed since; train and register anew" in text


@pytest.mark.parametrize(
    ("promise", "bound", "metric"),
    [
        ("frame_rmse", 1e-4, "RMSE of frames, held-out sources: 2 of 2 values outside <= 0.0001 VMAF points"),
        ("worst_difference", 1e-3, "largest difference from the teacher found in its domain: 1 of 1 values outside"),
    ],
)
def test_a_promise_that_is_not_kept_fails(promise: str, bound: float, metric: str, copy: Path, loso: Gate) -> None:
    register_anew(copy, promised={promise: bound})
    status, text = loso("-k", "promises")
    assert status == FAIL, text
    assert failed(text) == {PROMISES}
    assert f"{ID}: {metric}" in text
    assert f"why this bound: {ID} promises it" in text


def test_a_straight_line_fails_though_it_correlates(loso: Gate) -> None:
    """Correlation does not see what it lacks: this is why the gate has the other bounds."""
    status, text = loso("--recipe", "linear")
    assert status == FAIL, text
    assert failed(text) == {OFF, BANDS, ORDER}
    assert re.search(r"linear: largest error of a frame: \d of 9 values outside <= 3 VMAF", text)
    assert "again: tox -e loso -- --recipe linear -k 'linear'" in text


def test_a_student_that_says_too_little_could_not_run(copy: Path, loso: Gate) -> None:
    """Three at once: each is named, and none is skipped for being what it is. One has a recipe that promises something:
    it fails."""
    training = registry.find(ID, copy / "model").sidecar.as_dict()["training"]
    register_anew(copy, promised={})
    register_anew(copy, model_id="untrained", training=None)
    register_anew(copy, model_id="orphan", training=training | {"recipe": "gone"})
    status, text = loso()
    assert status == FAIL, text
    assert "test_registered_model_is_of_this_recipe" in failed(text)
    assert f"COULD NOT RUN: {ID} promises nothing" in text
    assert "COULD NOT RUN: untrained: its sidecar names no recipe, so no source can be held out" in text
    assert "COULD NOT RUN: no recipe 'gone'" in text


def test_a_promise_that_nobody_measures_could_not_run(copy: Path, loso: Gate) -> None:
    register_anew(copy, promised={"frame_rmse": 1, "frame_rsme": 1})
    status, text = loso("-k", "promises")
    assert status == COULD_NOT_RUN, text
    assert f"COULD NOT RUN: {ID} promises 'frame_rsme', which nobody measures\n  hint: there are frame_rmse, " in text


OF_OPINIONS = """\
summary = "A student that has listened to viewers"
teacher = "vmaf_v0.6.1"
method = "B2"
architecture = "linear"
seeds = [0]

[optimiser]
name = "adam"
steps = 300
batch = 16
learning_rate = 0.05

[mos]
scale = [0, 100]
"""


def test_a_registered_student_of_opinions_is_judged_by_them(copy: Path, loso: Gate) -> None:
    """Against viewers who like what the teacher does not: a cubic of the teacher is exactly right, and a correlation
    above 0.9 does not excuse being worse. They say nothing of a frame, so a promise of one cannot be looked at."""
    means = dataset.read(copy / "fixtures/corpus/features.parquet").clip_means("vmaf_v0.6.1")
    lines = [f"{clip},{100.0 - value}" for clip, value in means.items()]
    (copy / "mos.csv").write_text("\n".join(["clip,mos", *lines]) + "\n", encoding="utf-8")
    recipe = copy / "model/recipes/contrary.toml"
    recipe.write_text(OF_OPINIONS, encoding="utf-8")
    mos = ["--mos", str(copy / "mos.csv")]
    command = [*("train", "--recipe", str(recipe), *mos), "--folds", "none", "--out", str(copy / "out")]
    subprocess.run([sys.executable, "-m", "tinyvmaf", *command], check=True, capture_output=True, timeout=120)
    sidecar = read_sidecar(copy / "out/contrary.json").as_dict()
    register(copy, (copy / "out/contrary.onnx").read_bytes(), sidecar | {"promised": {"frame_rmse": 1}}, "contrary")
    status, text = loso(*mos, "-k", "contrary and (viewers_are or correlate)")
    assert status == FAIL, text
    assert failed(text) == {VIEWERS}
    assert re.search(r"contrary, opinions of 144 clips: .* Over sources: the model PLCC 0\.9", text), text
    sentence = r"RMSE \d.*, of a cubic of vmaf_v0\.6\.1 0\.00, difference \+.* \(95 % \+.* to \+.*, 9 sources\)"
    assert re.search(f"  folds: {sentence}", text), text
    assert re.search(f"  registered file: {sentence}", text), text
    assert CORRELATE not in text  # no correlation is a bound for it
    status, text = loso(*mos, "-k", "contrary and promises")
    assert status == COULD_NOT_RUN, text
    assert "COULD NOT RUN: contrary promises frame_rmse, and nothing is known of its frames" in text


POOLED = """\
summary = "A line of the teacher, better frames first"
teacher = "vmaf_v0.6.1"
method = "B2"
architecture = "teacher_line"
seeds = [0]
per = "clip"

[optimiser]
name = "least_squares"
steps = 30

[mos]
scale = [1, 5]
pooling = "fitted"
"""


def uneven(columns: Columns) -> None:
    """Every second frame of every third clip is like the worst of the corpus: viewers hardly mind, a mean does."""
    clips = sorted(set(columns["clip"]))[::3]
    bad = np.isin(columns["clip"], clips) & (columns["frame"] % 2 == 1)
    worst = np.argmin(columns["vmaf_v0.6.1"])
    for name in ("adm2", "vif_scale0", "vif_scale1", "vif_scale2", "vif_scale3", "motion2", "vmaf_v0.6.1"):
        columns[name][bad] = columns[name][worst]


def test_an_opinion_model_has_to_beat_the_cubic_on_sources_that_it_has_not_seen(copy: Path, loso: Gate) -> None:
    """Viewers weigh the better frames more. What pools as they do passes; a cubic fitted to the same opinions, and a
    line of the plain mean, fail."""
    rewrite_rows(copy, uneven)
    table = dataset.read(copy / "fixtures/corpus/features.parquet").table
    of, scores = (table[name].to_numpy(zero_copy_only=False) for name in ("clip", "vmaf_v0.6.1"))
    lines = ["clip,mos"]
    for number, clip in enumerate(sorted(set(of))):
        frames = scores[of == clip]
        weights = np.exp(0.04 * frames)
        lines.append(f"{clip},{1 + 0.04 * (weights @ frames / weights.sum()) * 0.9 + 0.05 * (-1) ** number}")
    (copy / "mos.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    mos = ["--mos", str(copy / "mos.csv"), "-k", "viewers_are"]
    (copy / "model/recipes/pooled.toml").write_text(POOLED, encoding="utf-8")
    (copy / "model/recipes/plain.toml").write_text(POOLED.replace('"fitted"', "0"), encoding="utf-8")
    cubic = POOLED.replace('"fitted"', "0").replace("teacher_line", "teacher_cubic")
    (copy / "model/recipes/cubic.toml").write_text(cubic, encoding="utf-8")
    status, text = loso("--recipe", "pooled", *mos)
    assert status == 0, text
    assert re.search(r"pooled, opinions of 144 clips: RMSE .*, difference -.* \(95 % -.* to -.*, 9 sources\)", text), (
        text
    )
    status, text = loso("--recipe", "cubic", "--recipe", "plain", *mos)
    assert status == FAIL, text
    assert text.count(" values outside <= -0.01 VMAF points") == 2, text
    assert "why this bound: " in text


def one_source_does_not_vary(copy: Path) -> None:
    def change(columns: Columns) -> None:
        columns["vmaf_v0.6.1"][columns["source"] == "Grain"] = 80.0

    rewrite_rows(copy, change)


def no_bounds(copy: Path) -> None:
    (copy / "gates.toml").write_text("", encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (without_students, "no model here is of a kind that loso judges\n  hint: tinyvmaf models lists them"),
        (one_source_does_not_vary, f"{ID}, frame, source Grain: .*\n  hint: a source needs clips of different quality"),
        (no_bounds, r"gates\.toml: no bound for .*loso\."),
    ],
)
def test_a_gate_without_what_it_needs_could_not_run(
    spoil: Callable[[Path], None], message: str, copy: Path, loso: Gate
) -> None:
    spoil(copy)
    status, text = loso()
    assert status == COULD_NOT_RUN, text
    assert re.search(f"COULD NOT RUN: .*{message}", text), text


def test_a_recipe_that_cannot_be_judged_could_not_run(loso: Gate) -> None:
    status, text = loso("--recipe", "nosuch", "--recipe", "mos_clip")
    assert status == COULD_NOT_RUN, text
    assert "COULD NOT RUN: no recipe 'nosuch'\n  hint: a TOML file, or one of: a1, " in text
    assert "COULD NOT RUN: recipe mos_clip fits opinions\n  hint: --mos FILE: clip,mos[,ci]" in text


def test_without_torch_and_with_nothing_in_the_store_it_could_not_run(tmp_path: Path, copy: Path, loso: Gate) -> None:
    """What was not fitted cannot be judged; the message says what to install."""
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch/__init__.py").write_text("raise ImportError('blocked')\n", encoding="utf-8")
    status, text = loso(TINYVMAF_CACHE=str(copy / "cache"), PYTHONPATH=str(tmp_path))
    assert status == COULD_NOT_RUN, text
    hint = "in a checkout: pip install -c constraints.txt -e '.[fit]'"
    assert f"fitting a student needs torch, which is not installed\n  hint: {hint}" in text
