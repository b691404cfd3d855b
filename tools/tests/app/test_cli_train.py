"""`train`, `recipes`, `register` and `verify`, from a recipe to a registered model."""

import functools
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from tinyvmaf.app.cli import main
from tinyvmaf.data import dataset
from tinyvmaf.files import home
from tinyvmaf.measure.loso import measured as measuring
from tinyvmaf.measure.search import hunt
from tinyvmaf.model import contract, registry
from tinyvmaf.train.fitting.run import Fitted, fit
from tinyvmaf.train.folds import FoldModel
from tinyvmaf.train.recipes import Recipe
from tinyvmaf.train.students import Student

QUICK = """
summary = "A quick student for tests"
teacher = "vmaf_v0.6.1"
method = "B1"
architecture = "mlp_small"
seeds = [0]

[optimiser]
name = "adam"
steps = 30
batch = 64
learning_rate = 0.01
"""
DOMAIN = """
summary = "A quick student for tests, of the domain"
teacher = "vmaf_v0.6.1"
method = "B1f"
architecture = "mlp_small"
seeds = [0]

[domain]
samples = 3000

[optimiser]
name = "levenberg_marquardt"
steps = 6
batch = 800
searches = 1

[promises]
frame_rmse = 5.0
"""


@pytest.fixture(autouse=True)
def _own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYVMAF_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module", autouse=True)
def _short_search() -> Iterator[None]:
    """The figures of a card are those of a short search; that a full one finds more, the domain's tests show."""
    with pytest.MonkeyPatch.context() as patch:
        short = functools.partial(hunt, samples=2000, starts=10, rounds=5)
        patch.setattr(measuring, "hunt", short)
        yield


def quick(folder: Path) -> Path:
    path = folder / "quick.toml"
    path.write_text(QUICK, encoding="utf-8")
    return path


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return quick(tmp_path)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded corpus, three sources of it, every sixth frame."""
    whole = dataset.read(home() / "fixtures" / "corpus" / "features.parquet")
    source, frame = (np.array(whole.table[name].to_pylist()) for name in ("source", "frame"))
    keep = np.isin(source, ["Bikes", "Flower", "Grain"]) & (frame % 6 == 1)
    path = tmp_path_factory.mktemp("corpus") / "small.parquet"
    dataset.write(path, whole.table.filter(keep), whole.provenance)
    return path


def train(*arguments: object) -> int:
    return main(["train", *map(str, arguments)])


def test_a_sweep_writes_candidates_folds_and_a_table(
    recipe: Path, small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    domain = tmp_path / "domain.toml"
    domain.write_text(DOMAIN, encoding="utf-8")
    out = tmp_path / "out"
    assert train("--recipe", recipe, "--recipe", domain, "--features", small, "--seeds", 2, "--out", out) == 0
    table = capsys.readouterr().out.splitlines()[-3:]
    assert [line.split()[:3] for line in table[1:]] == [["quick", "B1", "257"], ["domain", "B1f", "257"]]
    folds = sorted(path.name for path in (out / "folds" / "quick").iterdir())
    assert folds == [f"{s}-seed{n}.onnx" for s in ("Bikes", "Flower", "Grain") for n in (0, 1)]
    for path in (out / "folds" / "quick").iterdir():
        assert path.name.split("-")[0] not in FoldModel(None, 0, path.read_bytes()).sources
        assert not contract.file_faults(path)
    assert not (out / "folds" / "domain").exists()  # one fit, which has seen no clip, serves every fold
    report = json.loads((out / "quick.loso.json").read_text(encoding="utf-8"))
    assert len(report["folds"]) == 6
    assert [entry.id for entry in registry.subjects(out)] == [
        "domain-seed0",
        "domain-seed1",
        "quick-seed0",
        "quick-seed1",
    ]
    assert all(not registry.faults(entry) for entry in registry.subjects(out))


def test_measured_values_in_sidecar_and_card_are_those_of_the_report(
    recipe: Path, small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("--recipe", recipe, "--features", small, "--out", tmp_path, "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    sidecar, card = registry.find("quick", tmp_path).sidecar, (tmp_path / "quick.md").read_text(encoding="utf-8")
    measured = sidecar.measured
    assert measured["loso_frame_rmse_points"] == pytest.approx(row["frame RMSE"], rel=1e-2)
    assert f"{measured['domain_worst_difference_points']:.10g} VMAF points" in card
    assert sidecar.training is not None
    assert sidecar.training.recipe == "quick"
    assert sidecar.training.recipe_sha256 == json.loads((tmp_path / "quick.loso.json").read_text())["recipe_sha256"]


def test_without_folds_there_are_no_loso_values(recipe: Path, small: Path, tmp_path: Path) -> None:
    assert train("--recipe", recipe, "--features", small, "--folds", "none", "--out", tmp_path) == 0
    measured = registry.find("quick", tmp_path).sidecar.measured
    assert not [name for name in measured if name.startswith("loso")]
    assert not (tmp_path / "quick.loso.json").exists()


def test_each_model_is_fitted_once_with_and_without_the_store(
    recipe: Path, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recipe that sees no clip has one fit for all folds; another has one on all clips and one per fold."""
    domain, asked = tmp_path / "domain.toml", []
    domain.write_text(DOMAIN, encoding="utf-8")

    def counted(one: Recipe, *arguments: Any, **options: Any) -> list[Fitted]:
        asked.append(one.id)
        return fit(one, *arguments, **options)

    monkeypatch.setattr("tinyvmaf.train.fitting.run.fit", counted)
    sweep = ["--recipe", recipe, "--recipe", domain, "--features", small, "--fresh", "--out", tmp_path / "out"]
    assert train(*sweep) == 0
    assert asked == ["quick", "quick", "domain"]
    report = json.loads((tmp_path / "out" / "domain.loso.json").read_text(encoding="utf-8"))
    assert [(fold["held_out"], fold["sources"]) for fold in report["folds"]] == [
        ("Bikes", []),
        ("Flower", []),
        ("Grain", []),
    ]


def test_a_constant_student_has_null_for_its_correlations(
    recipe: Path, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Sidecar, report and table are strict JSON for every student."""

    def constant(*arguments: Any, **options: Any) -> list[Fitted]:
        fitted = fit(*arguments, **options)
        for one in fitted:
            assert isinstance(one.student, Student)
            weights, bias = one.student.parameters[-2:]
            weights[:], bias[:] = 0.0, 50.0
        return fitted

    monkeypatch.setattr("tinyvmaf.train.fitting.run.fit", constant)
    assert train("--recipe", recipe, "--features", small, "--out", tmp_path / "out", "--json") == 0

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    (row,) = json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert (row["frame PLCC"], row["clip SROCC"]) == (None, None)
    assert row["max error"] > 10.0
    for path in (tmp_path / "out").glob("*.json"):
        json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    assert "loso_frame_plcc" not in registry.find("quick", tmp_path / "out").sidecar.measured
    assert "| nan " not in (tmp_path / "out" / "quick.md").read_text(encoding="utf-8")


def test_a_card_names_its_corpus_and_command(small: Path, recipe: Path, tmp_path: Path) -> None:
    """It has only the names of files, not their folders."""
    sha256 = dataset.read(small).provenance["corpus_sha256"]
    out = tmp_path / "out"
    assert train("--recipe", recipe, "--features", small, "--seeds", 1, "--out", out) == 0
    card = (out / "quick.md").read_text(encoding="utf-8")
    assert f"On the corpus of `small.parquet` (sha256 `{sha256}`) and the teacher's domain" in card
    assert "`tinyvmaf train --recipe quick.toml --features small.parquet --seeds 1 --out DIR`" in card
    assert "embedded" not in card
    assert train("--recipe", recipe, "--features", small, "--folds", "none", "--out", out) == 0
    card = (out / "quick.md").read_text(encoding="utf-8")
    assert "\nOn the teacher's domain (docs/students.md), with ONNX Runtime on the CPU.\n" in card
    assert "--folds none --out DIR` measured this and wrote this card.\n" in card
    assert "held-out" not in card


def test_a_card_of_a_built_in_recipe_names_the_recipe_without_a_path(tmp_path: Path) -> None:
    assert train("--recipe", "linear", "--out", tmp_path) == 0
    card = (tmp_path / "linear.md").read_text(encoding="utf-8")
    assert "\nOn the embedded ladder corpus and the teacher's domain (docs/students.md), with" in card
    assert "\n`tinyvmaf train --recipe linear --out DIR` measured this and wrote this card.\n" in card


def test_the_same_recipe_gives_the_same_bytes_fitted_anew(recipe: Path, small: Path, tmp_path: Path) -> None:
    files = []
    for name in ("a", "b"):
        assert (
            train("--recipe", recipe, "--features", small, "--folds", "none", "--fresh", "--out", tmp_path / name) == 0
        )
        files.append((tmp_path / name / "quick.onnx").read_bytes())
    assert files[0] == files[1]


def test_opinions_are_fitted(small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    means = dataset.read(small).clip_means("vmaf_v0.6.1")
    opinions = tmp_path / "dmos.csv"
    lines = [f"{clip},{5.0 - 4.0 * value / 100.0:.4f},0.2" for clip, value in means.items()]
    opinions.write_text("clip,mos,ci\n" + "\n".join(lines) + "\n", encoding="utf-8")
    recipe = tmp_path / "mos.toml"
    text = (home() / "model/recipes/mos_clip.toml").read_text(encoding="utf-8")
    recipe.write_text(text.replace("scale = [0, 100]", "scale = [5, 1]").replace("steps = 1000", "steps = 200"))
    assert train("--recipe", recipe, "--features", small, "--mos", opinions, "--out", tmp_path / "o", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["clip PLCC"] > 0.9
    assert "frame PLCC" not in row  # there is no opinion of a frame
    card = (tmp_path / "o" / "mos.md").read_text(encoding="utf-8")
    assert " with the opinions of `dmos.csv` and the teacher's domain" in card
    assert " --features small.parquet --mos dmos.csv --out DIR`" in card


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--recipe", "mos_clip"], "opinions are needed"),
        (["--recipe", "nothing"], "no recipe 'nothing'"),
        (["--recipe", "linear", "--features", "none.parquet"], "none.parquet"),
        (["--recipe", "linear", "--mos", "none.csv"], "none.csv"),
    ],
)
def test_missing_inputs_are_named(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(*arguments, "--out", tmp_path / "out") == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_two_recipes_with_one_id_are_refused(recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    twin = tmp_path / "more" / "quick.toml"
    twin.parent.mkdir()
    shutil.copy(recipe, twin)
    assert train("--recipe", recipe, "--recipe", twin, "--out", tmp_path / "out") == 1
    assert "two recipes have the same id" in capsys.readouterr().err


@pytest.mark.usefixtures("sigint_is_heeded")
def test_an_interrupted_run_leaves_no_partial_file(small: Path, recipe: Path, tmp_path: Path) -> None:
    recipe.write_text(QUICK.replace("steps = 30", "steps = 3000000"), encoding="utf-8")
    code = (
        "import os, signal, sys, threading\n"
        "from tinyvmaf.app.cli import main\n"
        "from tinyvmaf.train.fitting import run\n"
        "fit = run.fit\n"
        "def interrupted(*arguments, **options):\n"
        "    threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()\n"
        "    return fit(*arguments, **options)\n"
        "run.fit = interrupted\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    command = ["train", "--recipe", str(recipe), "--features", str(small), "--out", str(tmp_path / "out")]
    done = subprocess.run(
        [sys.executable, "-c", code, *command], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 130
    assert done.stderr.strip() == "tinyvmaf: interrupted"
    assert not (tmp_path / "out").exists()
    assert not list((tmp_path / "cache").rglob("*.entry"))


@pytest.fixture(scope="module")
def trained(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TINYVMAF_CACHE", str(folder / "cache"))
        assert train("--recipe", quick(folder), "--features", small, "--folds", "none", "--out", folder / "out") == 0
    return folder / "out"


@pytest.fixture
def candidate(trained: Path, tmp_path: Path) -> Path:
    """A candidate that a test may change."""
    return shutil.copytree(trained, tmp_path / "out") / "quick.onnx"


def test_a_candidate_is_registered_beside_the_others(candidate: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(registry.model_folder(), folder)
    before = [entry.id for entry in registry.subjects(folder)]
    assert main(["register", str(candidate), "--into", str(folder)]) == 0
    assert [entry.id for entry in registry.subjects(folder)] == sorted([*before, "quick"])
    assert not registry.faults(registry.find("quick", folder))
    assert registry.find("quick", folder).file.read_bytes() == candidate.read_bytes()


def _of_another(path: Path) -> None:
    shutil.copy(registry.model_folder() / "vmaf_v0.6.1_svr.json", path.with_suffix(".json"))


def _renamed_input(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"features", b"featured"))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda p: p.write_bytes(p.read_bytes()[:-40]), "is not registered"),
        (_renamed_input, "features"),
        (_of_another, "sha256 is"),
        (lambda p: p.with_suffix(".json").unlink(), "no sidecar"),
        (lambda p: p.with_suffix(".md").unlink(), "write a card"),
        (lambda p: p.unlink(), "quick.onnx"),
    ],
)
def test_what_is_wrong_is_not_registered(
    spoil: Callable[[Path], object], message: str, candidate: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(candidate)
    assert main(["register", str(candidate), "--into", str(tmp_path / "model")]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "model").exists()


def test_recipes_that_come_along_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipes"]) == 0
    listed = capsys.readouterr().out
    for path in (home() / "model/recipes").glob("*.toml"):
        assert f"\n{path.stem} " in listed


def test_a_fitted_file_says_where_it_comes_from(candidate: Path) -> None:
    metadata = {entry.key: entry.value for entry in onnx.load(candidate).metadata_props}
    assert metadata["recipe"] == "quick"
    assert json.loads(metadata["sources"]) == ["Bikes", "Flower", "Grain"]
    assert metadata["feature_order"].split(",")[0] == "adm2"
