"""One page: options, header, fixtures. The verdict is in tinyvmaf.verdict."""

import os
from pathlib import Path

import pytest

# The checkout that is tested, not a copy that may be installed: set before anything of tinyvmaf looks for it.
os.environ.setdefault("TINYVMAF_HOME", str(Path(__file__).parent))

from tinyvmaf import dataset, engines
from tinyvmaf.cli import main
from tinyvmaf.corpus import Corpus, data_root, scan
from tinyvmaf.corpus.scan import ENV
from tinyvmaf.dataset import Dataset
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.ffmpeg import FFmpeg, find_ffmpeg
from tinyvmaf.files import home
from tinyvmaf.gates import CouldNotRunError, Gates, load_gates
from tinyvmaf.teacher import DEFAULT

pytest_plugins = ["tinyvmaf.verdict"]

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
        "--engine", action="append", metavar="NAME",
        help="backends: only this engine; again for more, and fewer than two families fail (names: header, README)",
    )  # fmt: skip
    group.addoption(
        "--require-engine", action="append", metavar="NAME",
        help="backends: could not run without it; again for more, beside all that are here",
    )  # fmt: skip
    group.addoption(
        "--model",
        action="append",
        metavar="PATH",
        help="latency: this ONNX file, its sidecar beside it, instead of the registered ones; again for more",
    )
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
    group.addoption("--report", metavar="DIR", default="report", help="where results go as JSON (default: report/)")
    group.addoption("--fail-not-checked", action="store_true", help="fail where something could not be checked")


def pytest_report_header(config: pytest.Config) -> list[str]:
    lines = [f"tinyvmaf home: {home()}"]
    lines += [f"{name}={os.environ[name]}" for name in _VARIABLES if name in os.environ]
    try:
        lines.append(str(find_ffmpeg(config.getoption("--ffmpeg"))))
    except TinyvmafError as error:
        lines.append(f"FFmpeg: {error.message}")
    if _runs(config, "suites/backends"):
        lines += [f"engine {row}" for row in engines.table()]
    return lines


def _runs(config: pytest.Config, suite: str) -> bool:
    """Whether an argument is a suite's folder, or in it, or around it."""
    folder = config.rootpath / suite
    asked = [(config.invocation_params.dir / str(argument).split("::")[0]).resolve() for argument in config.args]
    return not asked or any(folder in (path, *path.parents) or path in folder.parents for path in asked)


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
