"""Servers in processes of their own, SDK clients connected to them, and files for them."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest

from tinyvmaf.data.golden import GoldenFileMissingError, GoldenFiles, Pair, load_pairs
from tinyvmaf.data.golden.files import natural_root
from tinyvmaf.errors import CouldNotRunError, install
from tinyvmaf.files import write_atomic
from tinyvmaf.judge.plugin import NotChecked

from . import client
from .client import Server, schema_of

SCHEMA = Path(__file__).with_name("schema.json")
Connect = Callable[..., AbstractContextManager[Server]]


@pytest.fixture(scope="session")
def _sdk() -> None:
    if find_spec("mcp") is None:
        raise CouldNotRunError("the MCP SDK is not installed", hint=install("mcp"))


@pytest.fixture(scope="session")
def connect(_sdk: None, pytestconfig: pytest.Config) -> Connect:
    """Start a server on roots and connect a client: `with connect(root, ...) as server`."""
    ffmpeg = pytestconfig.getoption("--ffmpeg")
    options = ["--ffmpeg", str(Path(ffmpeg).absolute())] if ffmpeg else []

    return partial(client.connect, options=options)


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server's root. The patterns are written into it; the natural files are in a root of their own."""
    return tmp_path_factory.mktemp("root")


@pytest.fixture(scope="session")
def server(connect: Connect, root: Path) -> Iterator[Server]:
    """The server that most tests share."""
    natural = natural_root()
    with connect(root, *([natural] if natural else [])) as started:
        yield started


@pytest.fixture(scope="session")
def golden_files(root: Path) -> GoldenFiles:
    """The golden files, each checked against its blob id before use."""
    return GoldenFiles(root, natural_root())


@pytest.fixture
def arguments(golden_files: GoldenFiles, not_checked: NotChecked) -> Callable[[str], dict[str, str]]:
    """A golden pair as arguments of a tool; NOT CHECKED if its files are missing here."""

    def of(pair_id: str) -> dict[str, str]:
        pair: Pair = load_pairs()[pair_id]
        try:
            files = {"reference": golden_files.path(pair.ref), "distorted": golden_files.path(pair.dis)}
        except GoldenFileMissingError as error:
            not_checked(f"golden pair {pair_id} over MCP: {error.message}")
        return {name: str(path) for name, path in files.items()} | {"size": pair.size, "pix_fmt": pair.pix_fmt}

    return of


@pytest.fixture(scope="session", autouse=True)
def _record(pytestconfig: pytest.Config, request: pytest.FixtureRequest) -> None:
    """With --record: write the schema anew and fail the run, so that no run approves its own record."""
    if pytestconfig.getoption("--record"):
        found = schema_of(request.getfixturevalue("server").tools())
        write_atomic(SCHEMA, json.dumps(found, indent=1) + "\n")
        pytest.exit(
            f"{SCHEMA.name} is written anew. This run fails on purpose: look at the diff, commit it, run again.",
            returncode=1,
        )
