"""`train` on a corpus without the teacher's scores, and on imported sets."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tinyvmaf.app.cli import main
from tinyvmaf.data import dataset
from tinyvmaf.data.imported import Imported, load
from tinyvmaf.data.targets import with_target
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.files import home
from tinyvmaf.vmaf.features import CANONICAL
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import load_built_in, load_named

RECIPE = """
summary = "A quick student for tests"
teacher = "TEACHER"
method = "METHOD"
architecture = "mlp_small"
seeds = [0]
"""
ADAM = '[optimiser]\nname = "adam"\nsteps = 30\nbatch = 64\nlearning_rate = 0.01\n'


def recipe(folder: Path, teacher: str, method: str = "B1", more: str = "") -> Path:
    path = folder / "quick.toml"
    path.write_text(RECIPE.replace("TEACHER", teacher).replace("METHOD", method) + more + ADAM, encoding="utf-8")
    return path


def published_set(folder: Path, *, mos: bool = False, clips: int = 8) -> Path:
    """A published table of real rows of two sources, without a score."""
    whole = dataset.read(home() / "fixtures" / "corpus" / "features.parquet").columns(*CANONICAL)
    rows = whole[:: len(whole) // (clips * 10)][: clips * 10]
    names = [f"{'ab'[n % 2]}__{n}" for n in range(clips)]
    content = {"clip": np.repeat(names, 10), "frame": np.tile(np.arange(10), clips)}
    content |= {f"integer_{name}": np.round(rows[:, i], 6) for i, name in enumerate(CANONICAL)}
    path = folder / "mine_frames.parquet"
    pq.write_table(pa.table(content), path)
    if mos:
        lines = [f"{name},{1 + rows[10 * n : 10 * n + 10, 0].mean() * 4:.3f},{n % 2}" for n, name in enumerate(names)]
        (folder / "mine_clips.csv").write_text("clip,mos,ci\n" + "\n".join(lines) + "\n")
    return path


def train(*arguments: object) -> int:
    return main(["train", *map(str, arguments)])


def test_scores_that_a_corpus_lacks_are_those_of_the_teacher(ffmpeg: FFmpeg) -> None:
    data = dataset.read(home() / "fixtures" / "corpus" / "features.parquet")
    teacher = load_named(ffmpeg, "phone")
    found = with_target(data, teacher)
    assert np.array_equal(found.columns(teacher.id)[:, 0], teacher.predict(data.columns(*teacher.feature_names)))
    assert found.provenance["teachers"][teacher.id] == teacher.sha256
    assert with_target(found, teacher) is found
    own = load_built_in(ffmpeg)
    assert with_target(data, own) is data
    some = data.table["vmaf_v0.6.1"].to_numpy().copy()
    some[5] = np.nan
    table = data.table.drop_columns(["vmaf_v0.6.1"]).append_column("vmaf_v0.6.1", pa.array(some))
    filled = with_target(dataset.Dataset(table, data.provenance), own).columns("vmaf_v0.6.1")[:, 0]
    assert filled[5] == pytest.approx(data.columns("vmaf_v0.6.1")[5, 0], abs=1e-6)
    assert np.array_equal(np.delete(filled, 5), np.delete(data.columns("vmaf_v0.6.1")[:, 0], 5))
    six = dataset.Dataset(data.table.select([*dataset.INDEX, *CANONICAL]), data.provenance)
    with pytest.raises(TinyvmafError, match=r"no cambi_.*, which teacher vmaf_v1.0.16_3d0h takes"):
        with_target(six, load_built_in(ffmpeg, "vmaf_v1.0.16_3d0h"))


def test_a_student_of_4k_and_of_the_bootstrap_is_fitted_on_the_embedded_corpus(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for teacher in ("vmaf_4k_v0.6.1", "vmaf_b_v0.6.3"):
        path = recipe(tmp_path, teacher)
        assert train("--recipe", path, "--folds", "none", "--out", tmp_path / teacher) == 0, capsys.readouterr().err
        assert json.loads((tmp_path / teacher / "quick.json").read_text())["teacher"]["id"] == teacher
    capsys.readouterr()


@pytest.mark.parametrize(
    ("teacher", "arguments", "message"),
    [
        ("vmaf_v1.0.16_3d0h", [], "which teacher vmaf_v1.0.16_3d0h takes"),
        ("vmaf_4k_v0.6.1", ["--target", "column"], "the corpus has no scores of vmaf_v0.6.1"),
    ],
)
def test_what_is_missing_is_told_before_anything_is_fitted(
    teacher: str,
    arguments: list[str],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tinyvmaf.train.folds.fold_models", lambda *_, **__: pytest.fail("something was fitted"))
    domain = "[domain]\nsamples = 1000\n"
    path = recipe(tmp_path, teacher, "B1f", domain)
    features = ["--features", published_set(tmp_path)]
    assert train("--recipe", "linear", "--recipe", path, *features, *arguments, "--out", tmp_path / "out") == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_published_set_is_trained_on_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    features = published_set(tmp_path)
    path = recipe(tmp_path, "vmaf_4k_v0.6.1")
    assert train("--recipe", path, "--features", features, "--out", tmp_path / "out", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["worst source"] in ("a", "b")
    assert (tmp_path / "out" / "folds" / "quick" / "a-seed0.onnx").is_file()


def test_opinions_in_the_file_are_fitted_on_the_scale_of_the_recipe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    features = published_set(tmp_path, mos=True)
    text = (home() / "model/recipes/mos_clip.toml").read_text(encoding="utf-8").replace("steps = 1000", "steps = 60")
    (tmp_path / "mos.toml").write_text(text)
    assert train("--recipe", tmp_path / "mos.toml", "--features", features, "--out", tmp_path / "o") == 0
    capsys.readouterr()
    card = (tmp_path / "o" / "mos.md").read_text(encoding="utf-8")
    assert "with its opinions" in card
    points = Imported(load(features).data).on_scale((0, 100))
    mos, weight = points["a__0"]
    assert mos == pytest.approx(25 * (load(features).opinions[0].mos - 1))
    assert weight == pytest.approx(1 / 25**2)  # a ci of 0 becomes the smallest one above 0, which is 1


def test_golden_rows_of_a_log_with_few_decimals_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tinyvmaf.data.golden import load_rows

    golden = load_rows().pairs["natural_10bit"].features(CANONICAL)
    features = published_set(tmp_path)
    table = pq.read_table(features)
    spoiled = {f"integer_{name}": table[f"integer_{name}"].to_numpy().copy() for name in CANONICAL}
    for i, name in enumerate(CANONICAL):
        spoiled[f"integer_{name}"] = np.round(spoiled[f"integer_{name}"], 4)
        spoiled[f"integer_{name}"][3] = round(float(golden[-1, i]), 4)
    pq.write_table(pa.table({"clip": table["clip"], "frame": table["frame"], **spoiled}), features)
    assert train("--recipe", recipe(tmp_path, "vmaf_v0.6.1"), "--features", features, "--out", tmp_path / "o") == 1
    assert "1 golden rows, in a__0" in capsys.readouterr().err
