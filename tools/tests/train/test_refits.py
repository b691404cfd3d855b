"""A record of a fit spares it only if nothing that the fit depends on has changed; else the recipe is fitted."""

import ast
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tinyvmaf.code_digest import code_digest
from tinyvmaf.errors import RegistryError
from tinyvmaf.files import home, sha256
from tinyvmaf.judge.registering import unregister
from tinyvmaf.model import registry
from tinyvmaf.model.refit_records import refit_files
from tinyvmaf.model.subject import Subject
from tinyvmaf.train import folds, refits
from tinyvmaf.train.recipes import Recipe, read_recipe
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import DEFAULT, Teacher, load_built_in

NANO = "tinyvmaf_nano"
MACHINE = "0123456789ab"


@pytest.fixture(scope="module")
def teacher(ffmpeg: FFmpeg) -> Teacher:
    return load_built_in(ffmpeg, DEFAULT)


@pytest.fixture
def nano(tmp_path: Path) -> Subject:
    """A registered model in a folder of its own."""
    for suffix in ("onnx", "json", "md"):
        shutil.copy(home() / f"model/{NANO}.{suffix}", tmp_path)
    content = json.loads((home() / "model/registry.json").read_text("utf-8"))
    content["models"] = [one for one in content["models"] if one["id"] == NANO]
    (tmp_path / "registry.json").write_text(json.dumps(content), encoding="utf-8")
    return registry.find(NANO, tmp_path)


@pytest.fixture
def recipe() -> Recipe:
    return read_recipe(NANO)


def record(nano: Subject, recipe: Recipe, teacher: Teacher, fitted: bytes) -> Path:
    """Record that the recipe gave this file."""
    made = refits.record_of(nano, refits.request_of(nano, recipe, teacher), fitted, MACHINE)
    refits.write(nano, made, fitted)
    return refit_files(NANO, nano.path.parent)[0]


def edit(path: Path, **changed: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changed), encoding="utf-8")


@pytest.mark.parametrize("same", [True, False])
def test_a_record_of_this_fit_gives_its_file(same: bool, nano: Subject, recipe: Recipe, teacher: Teacher) -> None:
    """The registered one, or the one beside the record."""
    fitted = nano.data if same else nano.data + b"\0"
    path = record(nano, recipe, teacher, fitted)
    found = refits.recorded(nano, recipe, teacher)
    assert found.record is not None, found.why_not
    assert (found.record.same, found.record.machine, found.why_not) == (same, MACHINE, "")
    model = refits.model_of(nano, found.record)
    assert (model.held_out, model.seed, model.data) == (None, 0, fitted)
    assert path.with_suffix(".onnx").exists() != same


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"sha256": "0" * 64}, "had another file,"),
        ({"recipe": "a1"}, "had another recipe,"),
        ({"recipe_sha256": "0" * 64}, "had another recipe,"),
        ({"seed": 1}, "had another seed,"),
        ({"teacher": {"id": DEFAULT, "sha256": "0" * 64}}, "had another teacher,"),
        ({"code": "0" * 64}, "had another code that fits,"),
        ({"libraries": ["torch 1"]}, "had another set of libraries,"),
    ],
)
def test_a_record_of_another_fit_is_not_believed(
    changed: dict[str, Any], words: str, nano: Subject, recipe: Recipe, teacher: Teacher
) -> None:
    edit(record(nano, recipe, teacher, nano.data), **changed)
    found = refits.recorded(nano, recipe, teacher)
    assert found.record is None
    assert words in found.why_not
    assert found.why_not.endswith(f"tinyvmaf refit {NANO} --record")


def test_builds_of_one_version_of_pytorch_are_one(
    nano: Subject, recipe: Recipe, teacher: Teacher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refits, "libraries", lambda: ["torch 2.13.0+cpu"])
    record(nano, recipe, teacher, nano.data)
    for here, believed in (("torch 2.13.0", True), ("torch 2.13.0+cu130", True), ("torch 2.13.1+cpu", False)):
        monkeypatch.setattr(refits, "libraries", lambda here=here: [here])
        assert (refits.recorded(nano, recipe, teacher).record is not None) == believed


def test_every_field_is_compared(nano: Subject, recipe: Recipe, teacher: Teacher) -> None:
    """But for the machine, and the file that the recipe gave: that one has to be there."""
    path = record(nano, recipe, teacher, nano.data)
    content = json.loads(path.read_text("utf-8"))
    tested = {"sha256", "recipe", "recipe_sha256", "seed", "teacher", "code", "libraries"}
    assert set(content) == tested | {"schema", "model", "fitted_sha256", "machine"}
    for name in ("schema", "model", "fitted_sha256"):
        edit(path, **(content | {name: "0" * 64}))
        with pytest.raises(RegistryError, match=f"{NANO}") as raised:
            refits.recorded(nano, recipe, teacher)
        assert raised.value.hint == f"tinyvmaf refit {NANO} --record"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(RegistryError, match=path.name):
        refits.recorded(nano, recipe, teacher)


def test_the_file_beside_a_record_must_be_the_one_that_was_fitted(
    nano: Subject, recipe: Recipe, teacher: Teacher
) -> None:
    file = record(nano, recipe, teacher, nano.data + b"\0").with_suffix(".onnx")
    file.write_bytes(nano.data)
    with pytest.raises(RegistryError, match="not the file of its record"):
        refits.recorded(nano, recipe, teacher)
    file.unlink()
    with pytest.raises(RegistryError, match="No such file"):
        refits.recorded(nano, recipe, teacher)


def test_a_fit_that_sees_clips_and_a_file_that_is_not_registered_have_no_record(
    nano: Subject, recipe: Recipe, teacher: Teacher, tmp_path: Path
) -> None:
    record(nano, recipe, teacher, nano.data)
    clips = read_recipe("mlp_small")
    assert refits.recorded(nano, clips, teacher) == refits.Recorded()
    with pytest.raises(RegistryError, match="its recipe sees clips"):
        record(nano, clips, teacher, nano.data)
    stranger = Subject.at(tmp_path / f"{NANO}.onnx")
    assert refits.recorded(stranger, recipe, teacher) == refits.Recorded()
    with pytest.raises(RegistryError, match="is not registered"):
        record(stranger, recipe, teacher, nano.data)


def test_a_record_goes_with_its_file(nano: Subject, recipe: Recipe, teacher: Teacher, tmp_path: Path) -> None:
    """It stays where the same file is registered again."""
    path = record(nano, recipe, teacher, nano.data)
    claims = nano.sidecar.as_dict()
    registry.register(NANO, nano.data, claims, "card", tmp_path)
    assert path.exists()
    gone, _ = unregister(NANO, tmp_path)
    assert path in gone
    assert not path.exists()
    one = registry.register(NANO, nano.data, claims, "card", tmp_path)
    record(one, recipe, teacher, nano.data + b"\0")
    edit(path, sha256=sha256(b"another"))
    registry.register(NANO, nano.data, claims, "card", tmp_path)
    assert not any(each.exists() for each in refit_files(NANO, tmp_path))


def test_the_code_that_fits_is_all_of_it_without_its_words(tmp_path: Path) -> None:
    for name, text in (("a.py", "x = 1\n"), ("b.py", "y = 2\n")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    before = code_digest(["a.py", "b.py"], tmp_path)
    (tmp_path / "a.py").write_text('"""Words."""\nx = 1  # why\n', encoding="utf-8")
    assert code_digest(["b.py", "a.py"], tmp_path) == before
    (tmp_path / "a.py").write_text("x = 2\n", encoding="utf-8")
    assert code_digest(["a.py", "b.py"], tmp_path) != before
    package = Path(folds.__file__).parents[1]
    assert all((package / part).exists() for part in folds._CODE)
    assert {"train/students", "train/export_student", "train/fitting", "train/recipes", "vmaf/domain"} <= set(
        folds._CODE
    )


def test_nothing_that_computes_a_fit_is_left_out() -> None:
    """What the code that fits imports and does not count reads, checks or measures: it computes no number of a fit."""
    package = Path(folds.__file__).parents[1]
    modules = {".".join(path.relative_to(package).with_suffix("").parts): path for path in package.rglob("*.py")}
    modules = {name.removesuffix(".__init__"): path for name, path in modules.items()}
    parts = [package / part for part in folds._CODE]
    assert all((package / name).is_file() for name in folds._NO_CODE)
    counted = {name for name, path in modules.items() if any(part in (path, *path.parents) for part in parts)}
    names = set[str]()
    for name in counted:
        for node in ast.walk(ast.parse(modules[name].read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tinyvmaf."):
                module = str(node.module).partition(".")[2]
                names |= {module, *(f"{module}.{one.name}" for one in node.names)} & set(modules)
    others = (
        "code_digest data.dataset data.golden data.opinions data.store errors files model.contract project validation"
    )
    assert {name for name in names - counted if not name.startswith(tuple(others.split()))} == {
        "vmaf.ffmpeg",
        "vmaf.libvmaf",
    }


@pytest.mark.parametrize("path", sorted((home() / "model/refits").glob("*.json")), ids=lambda path: path.stem)
def test_a_record_here_is_of_a_registered_model(path: Path) -> None:
    """Whether it holds, the loso gate says."""
    content = json.loads(path.read_text("utf-8"))
    one = registry.find(path.stem, home() / "model")
    training = one.training
    assert training is not None
    assert (content["model"], content["sha256"]) == (one.id, one.sha256)
    assert (content["recipe"], content["recipe_sha256"]) == (training.recipe, training.recipe_sha256)
