"""One page: options, header, fixtures. The verdict is in tinyvmaf.judge.plugin."""

import os
from pathlib import Path

import pytest

from tinyvmaf.app.cli import main
from tinyvmaf.data import dataset
from tinyvmaf.data.corpus import Corpus, data_root, scan
from tinyvmaf.data.corpus.scan import ENV
from tinyvmaf.data.dataset import Dataset
from tinyvmaf.data.embedded import embedded_corpus
from tinyvmaf.errors import CouldNotRunError, TinyvmafError
from tinyvmaf.files import home
from tinyvmaf.judge import kinds
from tinyvmaf.judge.bounds import Bounds, load_bounds
from tinyvmaf.judge.collector import COLLECTOR
from tinyvmaf.judge.options import declare_for_pytest
from tinyvmaf.judge.selection import asked_subjects, leave_out, runs_suite, subjects_of
from tinyvmaf.model import engines
from tinyvmaf.model.subject import Subject
from tinyvmaf.project import project
from tinyvmaf.terminal import shown
from tinyvmaf.vmaf.ffmpeg import FFmpeg, find_ffmpeg
from tinyvmaf.vmaf.teacher import DEFAULT

# The checkout that is tested, not a copy that may be installed.
if "TINYVMAF_HOME" not in os.environ and not home().samefile(Path(__file__).parent):
    os.environ["TINYVMAF_HOME"] = str(Path(__file__).parent)

pytest_plugins = ["tinyvmaf.judge.plugin"]

_VARIABLES = ("TINYVMAF_HOME", "TINYVMAF_FFMPEG", "TINYVMAF_GOLDEN_ROOT", "TINYVMAF_EXTERNAL", *ENV)


def pytest_addoption(parser: pytest.Parser) -> None:
    declare_for_pytest(parser.getgroup("tinyvmaf").addoption)


def pytest_configure(config: pytest.Config) -> None:
    """Find the models that are judged, and tell the verdict of them."""
    if config.rootpath.resolve() != Path(__file__).resolve().parent:
        raise pytest.UsageError(f"the root of this run is {config.rootpath}: leave out --rootdir and -c")
    subjects = subjects_of(config).values()
    if (verdict := config.pluginmanager.get_plugin(COLLECTOR)) is not None:
        verdict.under_test(subjects, pytest_report_header(config))
    elif not hasattr(config, "workerinput"):  # of xdist, which has none
        raise pytest.UsageError("the verdict was switched off, and without it a run that checked nothing looks green")


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test of a suite that asks for a model runs once for each that is judged; its id begins with the model."""
    asks = {"model", "engine_name"}.intersection(metafunc.fixturenames)
    if metafunc.definition.nodeid.startswith("suites/") and asks == {"model"}:
        metafunc.parametrize("model", [one.id for one in asked_subjects(metafunc)], scope="session")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    leave_out(config, items)


def pytest_report_header(config: pytest.Config) -> list[str]:
    """What a report needs to say where it comes from."""
    named = (f"{name}={os.environ[name]}" for name in _VARIABLES if name in os.environ)
    lines = [f"tinyvmaf home: {home()}", *([] if project().is_home else [f"project: {project().root}"]), *named]
    try:
        lines.append(str(find_ffmpeg(config.getoption("--ffmpeg"))))
    except TinyvmafError as error:
        lines.append(f"FFmpeg: {error.message}")
    if runs_suite(config, "suites/backends"):
        lines += [f"engine {row}" for row in engines.table()]
    subjects = subjects_of(config).values()
    lines += [f"{one.id}: {text}" for one in subjects if one.adopted for text in one.adopted.sentences]
    return [*map(shown, [*lines, *filter(None, map(kinds.not_asked, subjects))])]


@pytest.fixture
def subject(model: str, pytestconfig: pytest.Config) -> Subject:
    """The model under test."""
    return subjects_of(pytestconfig)[model]


@pytest.fixture(scope="session")
def ffmpeg(pytestconfig: pytest.Config) -> FFmpeg:
    """The FFmpeg in use."""
    return find_ffmpeg(pytestconfig.getoption("--ffmpeg"))


@pytest.fixture(scope="session")
def bounds() -> Bounds:
    """Every bound of gates.toml."""
    return load_bounds()


@pytest.fixture(scope="session")
def on_disk(pytestconfig: pytest.Config) -> Corpus | None:
    """The corpus of --data-root or its variables; None judges the embedded one."""
    option, assume = (pytestconfig.getoption(f"--{name}") for name in ("data-root", "assume-dims"))
    if option is None and not any(os.environ.get(name) for name in ENV):
        return None
    return scan(data_root(None if option is None else Path(option)), assume=assume)


@pytest.fixture(scope="session")
def data(on_disk: Corpus | None, pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Its features and scores: the committed ones, or extracted now (what the store has is not measured again)."""
    if on_disk is None:
        return embedded_corpus().read()
    out = tmp_path_factory.mktemp("corpus") / "features.parquet"
    arguments = ["extract", "--data-root", str(on_disk.root), "--out", str(out), "--teacher", DEFAULT]
    given = {name: pytestconfig.getoption(f"--{name}") for name in ("ffmpeg", "assume-dims")}
    arguments += [f"--{name}={value}" for name, value in given.items() if value]
    main(arguments)  # clips that fail are missing from the file, and test_every_clip_is_there says so
    if not out.is_file():
        raise CouldNotRunError(f"{on_disk.root}: no clip gave features; tinyvmaf corpus check says why")
    return dataset.read(out)
