"""`train --teacher` and `--teacher-json`: the same recipe for another teacher, one of a user's own too."""

import functools
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tinyvmaf.app.cli import main
from tinyvmaf.data import dataset
from tinyvmaf.data.targets import with_target
from tinyvmaf.errors import TeacherError, TinyvmafError
from tinyvmaf.files import file_sha256, home, sha256
from tinyvmaf.measure.loso import measured as measuring
from tinyvmaf.measure.scoring import with_their_teachers
from tinyvmaf.measure.search import hunt
from tinyvmaf.model import registry
from tinyvmaf.train.fitting.examples import FitError
from tinyvmaf.train.fitting.run import fit
from tinyvmaf.train.recipes import RecipeError, read_recipe, recipe_ids
from tinyvmaf.train.recipes.other_teacher import NANO, for_teacher, nano_for
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import KNOWN, NETFLIX, load_built_in, load_json, load_teacher, parse

RECIPE = """
summary = "A quick student for tests, of the domain"
teacher = "vmaf_v0.6.1"  # ours
method = "B1f"
architecture = "mlp_small"
seeds = [0]

[domain]
samples = 3000

[optimiser]
name = "levenberg_marquardt"
steps = 4
batch = 800

[promises]
frame_rmse = 50.0
"""
CURVE = {"enabled": True, "p0": 1.5, "p1": 0.97, "p2": 0.0001}


@pytest.fixture(autouse=True)
def _in_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty project, where the user stands; figures of cards are those of a short search."""
    monkeypatch.setenv("TINYVMAF_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tinyvmaf.toml").touch()
    (tmp_path / "quick.toml").write_text(RECIPE, encoding="utf-8")
    monkeypatch.setattr(measuring, "hunt", functools.partial(hunt, samples=500, starts=5, rounds=2))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every fortieth frame of the embedded corpus."""
    whole = dataset.read(home() / "fixtures" / "corpus" / "features.parquet")
    path = tmp_path_factory.mktemp("corpus") / "small.parquet"
    dataset.write(path, whole.table.filter(pa.array(np.arange(len(whole.table)) % 40 == 1)), whole.provenance)
    return path


def own(ffmpeg: FFmpeg, path: Path, like: str = "vmaf_v0.6.1", **changes: Any) -> Path:
    """A model of a user's own: a published one with other entries."""
    content = json.loads(load_built_in(ffmpeg, like).json)
    content["model_dict"].update(changes)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def train(*arguments: object) -> int:
    return main(["train", *map(str, arguments)])


def test_the_same_recipe_is_fitted_for_another_teacher(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of its recipe only the teacher differs, and the recipe beside the model makes the same file again."""
    assert train("--recipe", "quick.toml", "--teacher", "neg", "--features", small, "--out", "out") == 0
    made = Path("out/quick_v0.6.1neg.onnx")
    assert Path("out/quick_v0.6.1neg.toml").read_text("utf-8") == RECIPE.replace(
        'teacher = "vmaf_v0.6.1"  # ours', 'teacher = "vmaf_v0.6.1neg"'
    )
    (subject,) = registry.subjects(Path("out"))
    assert subject.teacher_id == "vmaf_v0.6.1neg"
    assert subject.sidecar.teacher.sha256 == KNOWN["vmaf_v0.6.1neg"]
    assert subject.features[0] == "adm2_egl_1"
    assert "`tinyvmaf train --recipe quick_v0.6.1neg.toml " in Path("out/quick_v0.6.1neg.md").read_text("utf-8")
    assert train("--recipe", "out/quick_v0.6.1neg.toml", "--features", small, "--fresh", "--out", "again") == 0
    assert Path("again/quick_v0.6.1neg.onnx").read_bytes() == made.read_bytes()
    capsys.readouterr()


@pytest.mark.parametrize("teacher", NETFLIX)
def test_each_published_teacher_has_a_nano(teacher: str, ffmpeg: FFmpeg) -> None:
    """Its own, or one for the same features."""
    loaded = load_teacher(ffmpeg, teacher)
    recipe, data = for_teacher(nano_for(loaded, ffmpeg), loaded, Path("out"))
    assert recipe.teacher == teacher
    assert recipe.id == NANO or recipe.id.startswith(f"{NANO}_")
    assert sha256(data) == recipe.sha256
    like = load_built_in(ffmpeg, read_recipe(nano_for(loaded, ffmpeg)).teacher)
    assert [one.base for one in like.features] == [one.base for one in loaded.features]


def test_every_recipe_can_be_made_for_another_teacher(ffmpeg: FFmpeg) -> None:
    teacher = load_built_in(ffmpeg, "vmaf_4k_v0.6.1neg")
    for name in recipe_ids():
        assert for_teacher(name, teacher, Path("out"))[0].teacher == teacher.id


def test_a_recipe_whose_teacher_cannot_be_replaced_is_refused(ffmpeg: FFmpeg) -> None:
    Path("odd.toml").write_text(RECIPE.replace('teacher = "vmaf_v0.6.1"', '"teacher" = "vmaf_v0.6.1"'), "utf-8")
    with pytest.raises(RecipeError, match=r"odd\.toml: no line teacher = \.\.\. of its own"):
        for_teacher("odd.toml", load_built_in(ffmpeg, "vmaf_4k_v0.6.1"), Path("out"))


def test_a_model_of_a_users_own_goes_from_its_json_to_the_registry(
    small: Path, ffmpeg: FFmpeg, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its JSON comes along, is kept in the project, and a changed one is refused wherever it is used."""
    path = own(ffmpeg, Path("house.json"), score_transform=CURVE)
    fitted = ["--recipe", "quick.toml", "--features", small, "--teacher-json", path, "--out", "out"]
    assert train(*fitted) == 1
    assert f"type the command again with --teacher-sha256 {file_sha256(path)}\n" in capsys.readouterr().err
    assert train(*fitted, "--teacher-sha256", file_sha256(path)) == 0
    recipe = read_recipe("out/quick_house.toml")
    assert (recipe.teacher, recipe.teacher_sha256) == ("house", file_sha256(path))
    assert "`house`, which Netflix did\nnot publish" in Path("out/quick_house.md").read_text("utf-8")
    with pytest.raises(
        TeacherError, match=r"unknown teacher 'house': libvmaf has none .* no .*model/teachers/house\.json"
    ):
        load_teacher(ffmpeg, "house")
    assert main(["register", "out/quick_house.onnx"]) == 0
    assert "model/teachers/house.json: its teacher\n" in capsys.readouterr().out
    kept = Path("model/teachers/house.json")
    assert kept.read_bytes() == path.read_bytes()
    rows = dataset.read(small).columns(*load_built_in(ffmpeg, "vmaf_v0.6.1").feature_names)
    expected = load_json(path, expected_sha256=file_sha256(path)).predict(rows)
    assert np.array_equal(load_teacher(ffmpeg, "house").predict(rows), expected)
    assert not np.allclose(expected, load_built_in(ffmpeg, "vmaf_v0.6.1").predict(rows), atol=0.5)
    # By its name, now that the project has it.
    assert train("--recipe", "quick.toml", "--teacher", "house", "--features", small, "--out", "again") == 0
    assert Path("again/quick_house.onnx").read_bytes() == Path("out/quick_house.onnx").read_bytes()

    own(ffmpeg, kept, score_transform=CURVE | {"p0": 2.5})
    with pytest.raises(FitError, match="recipe quick_house has a teacher house with sha256"):
        fit(recipe, load_teacher(ffmpeg, "house"))
    assert main(["register", "out/quick_house.onnx"]) == 1
    assert "house.json is another teacher than that of out/quick_house.onnx" in capsys.readouterr().err
    assert train("--recipe", "quick.toml", "--teacher", "house", "--features", small, "--out", "changed") == 1
    assert f"quick_house is a model of house with sha256 {file_sha256(path)}, not " in capsys.readouterr().err
    with pytest.raises(TeacherError, match="the JSON of that name has ") as other:
        with_their_teachers(registry.subjects(), (), ffmpeg, hint="")
    assert "a changed one needs another name" in str(other.value.hint)
    shutil.copy(path, kept)
    assert main(["unregister", "quick_house"]) == 0
    assert "left: its teacher, " in capsys.readouterr().out
    shutil.rmtree("out/teachers")
    kept.unlink()
    assert main(["register", "out/quick_house.onnx"]) == 0
    assert f"its teacher is not here, so the gate could not run: put its JSON into {kept.absolute()}" in (
        capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("adm2", "is the name of something else"),
        ("clip", "is the name of something else"),
        ("vmaf_v0.6.1neg", "is the name of something else"),
        ("my own", "is not made of letters"),
    ],
)
def test_an_id_that_could_mean_another_is_refused(
    name: str, why: str, ffmpeg: FFmpeg, capsys: pytest.CaptureFixture[str]
) -> None:
    path = own(ffmpeg, Path(f"{name}.json"), score_transform=CURVE)
    assert train("--teacher-json", path, "--teacher-sha256", file_sha256(path), "--out", "out") == 1
    found = capsys.readouterr().err
    assert why in found
    assert "rename the JSON file" in found


def test_a_feature_that_the_corpus_lacks_is_named(ffmpeg: FFmpeg, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a model of a user's own, `extract` cannot measure it: the hint does not say so."""
    options = [{"adm_enhn_gain_limit": 1.2}, *[{}] * 5]
    path = own(ffmpeg, Path("house.json"), feature_opts_dicts=options)
    assert train("--teacher-json", path, "--teacher-sha256", file_sha256(path), "--out", "out") == 1
    found = capsys.readouterr().err
    assert "the corpus has no adm2_egl_1.2, which teacher house takes\n  hint: import logs that have it" in found


def test_scores_of_another_teacher_of_that_name_are_no_target(small: Path, ffmpeg: FFmpeg) -> None:
    data = dataset.read(small)
    other = parse(own(ffmpeg, Path("x.json"), score_transform=CURVE).read_bytes(), "vmaf_v0.6.1")
    with pytest.raises(TinyvmafError, match=r"column vmaf_v0\.6\.1 of the corpus is of sha256"):
        with_target(data, other)


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ([], 2, "say what to fit: --recipe R, --teacher NAME or --teacher-json FILE"),
        (["--recipe", "linear", "--teacher-sha256", "0" * 64], 2, "--teacher-sha256 needs --teacher-json"),
        (["--teacher", "nge"], 1, "unknown teacher 'nge'"),
        (["--teacher-json", "none.json"], 1, "none.json: No such file"),
        (["--teacher", "vmaf_float_v0.6.1"], 1, "the corpus has no float_adm2"),
    ],
)
def test_what_is_missing_is_named(
    arguments: list[str], status: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(*arguments, "--out", "out") == status
    assert message in capsys.readouterr().err
    assert not Path("out").exists()


def test_a_recipe_names_a_teacher_of_a_users_own_by_its_hash() -> None:
    line = 'teacher = "vmaf_v0.6.1"  # ours'
    for text, reason in (
        ('teacher = "house"', "teacher is 'house'; it must be one of vmaf_v0.6.1, .* or have its teacher_sha256"),
        (f'teacher = "vmaf_v0.6.1"\nteacher_sha256 = "{"0" * 64}"', "is published: remove teacher_sha256"),
        ('teacher = "../house"', "teacher is '../house'"),
    ):
        Path("wrong.toml").write_text(RECIPE.replace(line, text), encoding="utf-8")
        with pytest.raises(RecipeError, match=reason):
            read_recipe("wrong.toml")
