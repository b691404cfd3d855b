"""Which folder is the project, and what its table may say."""

from pathlib import Path

import pytest

from tinyvmaf import project as of
from tinyvmaf.errors import ProjectError, RegistryError, TinyvmafError
from tinyvmaf.files import home
from tinyvmaf.measure.latency_history.history import default_path
from tinyvmaf.model import registry
from tinyvmaf.model.golden_records import record_path
from tinyvmaf.train.recipes import find_recipe, recipe_ids


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current one, where no project is."""
    monkeypatch.delenv("TINYVMAF_HOME", raising=False)
    monkeypatch.delenv("TINYVMAF_HISTORY", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_checkout_is_its_own_project(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also from elsewhere, where no other is, and below it."""
    for place in (home(), home() / "docs"):
        monkeypatch.chdir(place)
        assert of.project().is_home
        assert of.project().records == home() / "fixtures" / "golden" / "records"
    monkeypatch.chdir("/")
    assert of.project().root == home()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("tinyvmaf.toml", 'models = "m"\nrecords = "r"\nbaselines = "/b"\n'),
        ("pyproject.toml", '[project]\nname = "x"\n[tool.tinyvmaf]\nmodels = "m"\nrecords = "r"\nbaselines = "/b"\n'),
    ],
)
def test_a_table_says_where_things_are(name: str, text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative to its file, from any folder below it."""
    (folder / name).write_text(text, encoding="utf-8")
    (folder / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(folder / "a" / "b")
    found = of.project()
    assert (found.root, found.own, found.is_home) == (folder, True, False)
    assert (found.models, found.records, found.baselines) == (folder / "m", folder / "r", Path("/b"))
    assert registry.model_folder() == folder / "m"
    assert record_path("mine") == folder / "r" / "mine.json"
    assert default_path() == folder / ".benchmarks" / "history.jsonl"


def test_the_template_of_init_has_the_defaults_and_every_key(folder: Path) -> None:
    text = (home() / "tools/tinyvmaf/app/cli/templates/tinyvmaf.toml").read_text(encoding="utf-8")
    (folder / "tinyvmaf.toml").write_text(text, encoding="utf-8")
    settings = of.project().settings
    assert settings == of.ProjectFile()
    assert settings.model_fields_set == set(of.ProjectFile.model_fields) - {"bounds"}
    assert "[bounds." in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('model = "m"', "unknown key model\n  hint: did you mean models?"),
        ("models = 3", "models is 3; it must be a string"),
        ('models = " "', "models is ' '"),
        ('corpora = "a"', "corpora"),
        ("bounds = 1", "bounds is 1"),
        ("models = ", "Invalid value"),
        ("a = 1\na = 2", "Cannot overwrite a value"),
    ],
)
def test_a_wrong_table_is_a_sentence_with_file_and_key(text: str, message: str, folder: Path) -> None:
    (folder / "tinyvmaf.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ProjectError) as error:
        of.project()
    assert message in str(error.value)
    assert str(error.value).startswith(f"{folder / 'tinyvmaf.toml'}: ")


def test_two_tables_of_one_project_are_refused(folder: Path) -> None:
    (folder / "tinyvmaf.toml").write_text("", encoding="utf-8")
    (folder / "pyproject.toml").write_text("[tool.tinyvmaf]\n", encoding="utf-8")
    with pytest.raises(ProjectError, match="two tables of one project"):
        of.project()


@pytest.mark.parametrize("text", ["not toml", "[tool.ruff]\n", "tool = 3\n"])
def test_a_pyproject_without_our_table_is_nobodys_business(text: str, folder: Path) -> None:
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")
    assert of.project().root == home()


def test_a_changed_table_is_read_anew(folder: Path) -> None:
    for name in ("one", "another"):
        (folder / "tinyvmaf.toml").write_text(f'models = "{name}"', encoding="utf-8")
        assert of.project().models == folder / name


def test_a_checkout_that_is_named_goes_before_a_table(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "tinyvmaf.toml").write_text("", encoding="utf-8")
    monkeypatch.setenv("TINYVMAF_HOME", str(home()))
    assert of.project().is_home


def test_from_a_wheel_without_a_project_nothing_can_be_registered(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reports and history go to the current folder; the models are those that tinyvmaf brings."""
    monkeypatch.setattr(of, "shipped_home", lambda _: True)
    found = of.project()
    assert (found.root, found.own, found.models) == (folder, False, home() / "model")
    assert found.records == home() / "fixtures" / "golden" / "records"
    with pytest.raises(ProjectError, match=r"no project in .* or above it\n  hint: tinyvmaf init"):
        of.writable()


def test_models_and_recipes_that_tinyvmaf_brings_are_known_in_a_project(folder: Path) -> None:
    """Its own go first; the gate judges its own alone."""
    (folder / "tinyvmaf.toml").write_text("", encoding="utf-8")
    assert registry.find("tinyvmaf_nano").path == home() / "model" / "tinyvmaf_nano.onnx"
    with pytest.raises(RegistryError, match=r"registry\.json"):
        registry.subjects()
    with pytest.raises(RegistryError, match="no model 'nano' is registered"):
        registry.find("nano")
    assert "nano_v1" in recipe_ids()
    own = folder / "model" / "recipes" / "nano_v1.toml"
    own.parent.mkdir(parents=True)
    own.write_bytes((home() / "model/recipes/nano_v1.toml").read_bytes())
    assert find_recipe("nano_v1") == own


def test_a_folder_that_was_removed_is_no_reason_to_fail(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = folder / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    try:
        assert of.project().is_home
    except TinyvmafError as error:  # pragma: no cover
        pytest.fail(str(error))
    finally:
        monkeypatch.chdir(folder)
