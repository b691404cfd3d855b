"""One page: options, header, fixtures. The verdict is in tinyvmaf.judge.plugin."""

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

# The checkout that is tested, not a copy that may be installed: set before anything of tinyvmaf looks for it.
os.environ.setdefault("TINYVMAF_HOME", str(Path(__file__).parent))

from tinyvmaf.app.cli import main
from tinyvmaf.data import dataset
from tinyvmaf.data.corpus import Corpus, data_root, scan
from tinyvmaf.data.corpus.scan import ENV
from tinyvmaf.data.dataset import Dataset
from tinyvmaf.errors import CouldNotRunError, TinyvmafError
from tinyvmaf.files import home
from tinyvmaf.judge import subjects
from tinyvmaf.judge.bounds import Gates, load_gates
from tinyvmaf.judge.stash import MODELS
from tinyvmaf.judge.subjects import UnderTest
from tinyvmaf.model import engines
from tinyvmaf.model.registry import Entry
from tinyvmaf.model.third_party import Options
from tinyvmaf.vmaf.features import Feature
from tinyvmaf.vmaf.ffmpeg import FFmpeg, find_ffmpeg
from tinyvmaf.vmaf.teacher import DEFAULT, load_built_in

pytest_plugins = ["tinyvmaf.judge.plugin"]
_ADOPTED = pytest.StashKey[Path]()

_VARIABLES = ("TINYVMAF_HOME", "TINYVMAF_FFMPEG", "TINYVMAF_GOLDEN_ROOT", "TINYVMAF_DATA_ROOT", "VMAF_DATA_ROOT")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("tinyvmaf")
    group.addoption(
        "--ffmpeg", metavar="PATH", help="FFmpeg with the libvmaf filter (else $TINYVMAF_FFMPEG, else found)"
    )
    group.addoption("--data-root", metavar="DIR", help="corpus on disk to judge instead of the embedded one")
    group.addoption("--assume-dims", metavar="WxH[:FMT]", help="geometry of the raw files under --data-root")
    group.addoption("--record", action="store_true", help="write golden records anew; such a run always fails")
    group.addoption("--recipe", action="append", metavar="R", help="loso: recipe to judge: TOML file, name, or all")
    group.addoption("--mos", metavar="FILE", help="loso: opinions, clip,mos[,ci], for recipes that fit them")
    group.addoption(
        "--engine",
        action="append",
        metavar="NAME",
        help="backends: only this engine; again for more, and fewer than two families fail (names: header, README)",
    )
    group.addoption(
        "--require-engine",
        action="append",
        metavar="NAME",
        help="backends: could not run without it; again for more, beside all that are here",
    )
    group.addoption(
        "--model",
        action="append",
        metavar="PATH",
        help="judge this ONNX file, its sidecar beside it, instead of the registered models; again for more",
    )
    group.addoption("--feature-order", metavar="A,B,...", help="features that --model takes, if no sidecar says so")
    group.addoption("--input-mean", metavar="X,Y,...", help="subtracted from them before the graph of --model")
    group.addoption("--input-std", metavar="X,Y,...", help="what the rest is divided by")
    group.addoption("--waivers", metavar="FILE", help="known, dated exceptions (default: waivers.toml, if it is there)")
    group.addoption(
        "--baseline", metavar="PATH", help="latency: what models may not be slower than, instead of the stored ones"
    )
    group.addoption(
        "--history",
        nargs="?",
        const="",
        metavar="FILE",
        help="latency: add the run to a history (default: $TINYVMAF_HISTORY, else .benchmarks/history.jsonl)",
    )
    group.addoption("--report", metavar="DIR", default="report", help="where the report goes (default: report/)")
    group.addoption(
        "--part", metavar="FILE", help="give no verdict, and write what was found here: tinyvmaf gate joins it"
    )
    group.addoption("--fail-not-checked", action="store_true", help="fail where something could not be checked")


def pytest_configure(config: pytest.Config) -> None:
    """Find the models that are judged; those of others are adopted into a folder of this process."""
    config.stash[MODELS] = {one.id: one for one in _models(config)}
    verdict = config.pluginmanager.get_plugin("tinyvmaf-verdict")
    if verdict is not None:
        verdict.under_test((one.as_dict() for one in config.stash[MODELS].values()), _header(config))
    elif not hasattr(config, "workerinput"):  # of xdist, which has none
        raise pytest.UsageError("the verdict was switched off, and without it a run that checked nothing looks green")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave nothing behind."""
    if _ADOPTED in config.stash:
        shutil.rmtree(config.stash[_ADOPTED], ignore_errors=True)


def _models(config: pytest.Config) -> Sequence[UnderTest]:
    options = Options(*(config.getoption(f"--{name}") for name in ("feature-order", "input-mean", "input-std")))
    paths = [Path(path) for path in config.getoption("--model") or () if path.strip()]
    if paths and config.getoption("--recipe"):
        raise pytest.UsageError("--recipe judges recipes, and --model files: name one kind at a time")
    if len(paths) != len(config.getoption("--model") or ()):
        raise pytest.UsageError("--model without a path")
    if not paths:
        if options:
            raise pytest.UsageError("--feature-order, --input-mean and --input-std say how --model is fed: name one")
        return subjects.registered()

    def features_of(teacher: str) -> Sequence[Feature]:
        return load_built_in(find_ffmpeg(config.getoption("--ffmpeg")), teacher).features

    config.stash[_ADOPTED] = Path(tempfile.mkdtemp(prefix="tinyvmaf-adopted-"))
    return subjects.named(paths, config.stash[_ADOPTED], features_of, options)


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test of a suite that asks for a model runs once for each that is judged, which its id says first."""
    if not metafunc.definition.nodeid.startswith("suites/"):
        return
    if "model" in metafunc.fixturenames and "engine_name" not in metafunc.fixturenames:
        metafunc.parametrize("model", list(metafunc.config.stash[MODELS]), scope="session")


def pytest_report_header(config: pytest.Config) -> list[str]:
    return _header(config)


def _header(config: pytest.Config) -> list[str]:
    lines = [f"tinyvmaf home: {home()}"]
    lines += [f"{name}={os.environ[name]}" for name in _VARIABLES if name in os.environ]
    try:
        lines.append(str(find_ffmpeg(config.getoption("--ffmpeg"))))
    except TinyvmafError as error:
        lines.append(f"FFmpeg: {error.message}")
    if _runs(config, "suites/backends"):
        lines += [f"engine {row}" for row in engines.table()]
    for one in config.stash[MODELS].values():
        lines += [f"{one.id}: {sentence}" for sentence in (one.adopted.sentences if one.adopted else ())]
    return lines


def _runs(config: pytest.Config, suite: str) -> bool:
    """Whether an argument is a suite's folder, or in it, or around it."""
    folder = config.rootpath / suite
    asked = [(config.invocation_params.dir / str(argument).split("::")[0]).resolve() for argument in config.args]
    return not asked or any(folder in (path, *path.parents) or path in folder.parents for path in asked)


@pytest.fixture
def judged(model: str, pytestconfig: pytest.Config) -> UnderTest:
    """The model under test, with what is wrong with it before any gate."""
    return pytestconfig.stash[MODELS][model]


@pytest.fixture
def entry(judged: UnderTest) -> Entry:
    """The model under test as the registry has it, or would; what cannot be judged is the contract gate's to fail."""
    if judged.entry is None:
        assert judged.fault is not None
        raise CouldNotRunError(judged.fault.message, hint=judged.fault.hint)
    return judged.entry


@pytest.fixture(scope="session")
def ffmpeg(pytestconfig: pytest.Config) -> FFmpeg:
    """The FFmpeg in use."""
    return find_ffmpeg(pytestconfig.getoption("--ffmpeg"))


@pytest.fixture(scope="session")
def gates() -> Gates:
    """Every bound of gates.toml."""
    return load_gates()


@pytest.fixture(scope="session")
def on_disk(pytestconfig: pytest.Config) -> Corpus | None:
    """The corpus of --data-root or its variables; None judges the embedded one."""
    option = pytestconfig.getoption("--data-root")
    if option is None and not any(os.environ.get(name) for name in ENV):
        return None
    return scan(data_root(None if option is None else Path(option)), assume=pytestconfig.getoption("--assume-dims"))


@pytest.fixture(scope="session")
def data(on_disk: Corpus | None, pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Its features and scores: the committed ones, or extracted now (what the store has is not measured again)."""
    if on_disk is None:
        return dataset.read(home() / "fixtures" / "corpus" / "features.parquet")
    out = tmp_path_factory.mktemp("corpus") / "features.parquet"
    arguments = ["extract", "--data-root", str(on_disk.root), "--out", str(out), "--teacher", DEFAULT]
    for name in ("ffmpeg", "assume-dims"):
        value = pytestconfig.getoption(f"--{name}")
        arguments += [f"--{name}", value] if value else []
    main(arguments)  # clips that fail are missing from the file, and test_every_clip_is_there says so
    if not out.is_file():
        raise CouldNotRunError(f"{on_disk.root}: no clip gave features; tinyvmaf corpus check says why")
    return dataset.read(out)
