"""What docs/mcp.md shows is what there is."""

import json
import re
import shlex
import tomllib
from typing import Any, get_args

import anyio

from tinyvmaf.app.cli import parser
from tinyvmaf.app.mcp_server import gate, limits
from tinyvmaf.app.mcp_server.roots import Roots
from tinyvmaf.app.mcp_server.server import build
from tinyvmaf.files import home

PAGE = (home() / "docs" / "mcp.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_each_configuration_starts_the_server() -> None:
    """The lines are in the form of their client, and the command line takes them."""
    tables = [json.loads(block) for block in blocks("json")] + [tomllib.loads(block) for block in blocks("toml")]
    servers: list[Any] = [server for table in tables for group in table.values() for server in group.values()]
    lines = [[server["command"], *server["args"]] for server in servers]
    for block in blocks("sh-session"):
        words = shlex.split(block)
        lines += [words[words.index("--") + 1 :] if "--" in words else words] if "mcp" in words else []
    assert len(lines) == 5
    for program, *arguments in lines:
        assert program == "tinyvmaf"
        assert parser().parse_args(arguments).root


def test_each_tool_stands_there_with_its_suites_and_limits() -> None:
    tools = anyio.run(build(Roots([])).list_tools)
    assert re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE) == [tool.name for tool in tools]
    assert all(f"`{suite}`" in PAGE for suite in get_args(gate.Suite))
    assert f"{limits.MAX_SIDE:,} pixels a side" in PAGE
    assert f"{limits.MAX_FRAMES:,} frames" in PAGE
    assert f"at most {limits.MAX_ROWS:,} frames" in PAGE
    assert (limits.CALL_SECONDS, limits.GATE_SECONDS, limits.CALLS_AT_ONCE, limits.GATES_AT_ONCE) == (600, 1800, 4, 1)
