"""Servers in processes of their own, SDK clients connected to them, and files for them."""

import json
import os
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tinyvmaf.data.golden import GoldenFileMissingError, GoldenFiles, Pair, load_pairs
from tinyvmaf.data.golden.files import natural_root
from tinyvmaf.errors import CouldNotRunError, install
from tinyvmaf.files import write_atomic

SCHEMA = Path(__file__).with_name("schema.json")
LIMIT_S = 60.0  # for an answer
Connect = Callable[..., AbstractContextManager["Server"]]


class Server:
    """A server and its client, for synchronous tests."""

    def __init__(self, portal: Any, client: Any, mark: str) -> None:
        self._portal, self._client = portal, client
        self.mark = mark
        """A value in the environment of the server and of every process it starts, and of no other."""

    def tools(self) -> list[Any]:
        """The tools it lists."""
        return list(self._portal.call(self._client.list_tools).tools)

    def start(self, tool: str, *, progress: Any = None, **arguments: Any) -> Any:
        """Start a call; gives a future of the answer. Cancelling the future cancels the call."""

        async def call() -> Any:
            return await self._client.call_tool(tool, arguments, LIMIT_S, progress)

        return self._portal.start_task_soon(call)

    def call(self, tool: str, **arguments: Any) -> Any:
        """The answer to a call."""
        return self.start(tool, **arguments).result(LIMIT_S)

    def ask(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The result of a call; an error fails the test."""
        answer = self.call(tool, **arguments)
        assert not answer.is_error, f"{tool}: {answer.content[0].text}"
        found: dict[str, Any] = answer.structured_content
        return found


@pytest.fixture(scope="session")
def _sdk() -> None:
    if find_spec("mcp") is None:
        raise CouldNotRunError("the MCP SDK is not installed", hint=install("mcp"))


@pytest.fixture(scope="session")
def connect(_sdk: None, pytestconfig: pytest.Config) -> Connect:
    """Start a server on roots and connect a client: `with connect(root, ...) as server`."""
    from anyio.from_thread import start_blocking_portal
    from mcp import Client, StdioServerParameters

    ffmpeg = pytestconfig.getoption("--ffmpeg")
    options = ["--ffmpeg", str(Path(ffmpeg).absolute())] if ffmpeg else []

    @contextmanager
    def connected(
        *roots: Path, program: tuple[str, ...] = ("-m", "tinyvmaf"), mode: str = "auto", **variables: str
    ) -> Iterator[Server]:
        mark = uuid.uuid4().hex
        arguments = [*program, "mcp", *options, *(word for root in roots for word in ("--root", str(root)))]
        environment = os.environ | {"TINYVMAF_MCP_MARK": mark} | variables
        parameters = StdioServerParameters(command=sys.executable, args=arguments, env=environment)
        with ExitStack() as stack:
            portal = stack.enter_context(start_blocking_portal())
            client = Client(parameters, mode=mode, read_timeout_seconds=LIMIT_S)
            context = portal.wrap_async_context_manager(client)
            context.__enter__()
            # Do not pass a test's exception in: the SDK would wrap it and hide the failure.
            stack.callback(context.__exit__, None, None, None)
            yield Server(portal, client, mark)

    return connected


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
def arguments(golden_files: GoldenFiles, not_checked: Callable[[str], None]) -> Callable[[str], dict[str, str]]:
    """A golden pair as arguments of a tool; NOT CHECKED if its files are missing here."""

    def of(pair_id: str) -> dict[str, str]:
        pair: Pair = load_pairs()[pair_id]
        try:
            files = {"reference": golden_files.path(pair.ref), "distorted": golden_files.path(pair.dis)}
        except GoldenFileMissingError as error:
            not_checked(f"golden pair {pair_id} over MCP: {error.message}")
        return {name: str(path) for name, path in files.items()} | {"size": pair.size, "pix_fmt": pair.pix_fmt}

    return of


def schema_of(tools: list[Any]) -> dict[str, Any]:
    """Everything that a client sees of the tools, by name."""
    return {tool.name: tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools}


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
