"""The server: the tools, served by the MCP SDK on stdio or HTTP."""

import functools
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp_types import ToolAnnotations
from pydantic import create_model

from tinyvmaf import __version__
from tinyvmaf.app.mcp_server.http import Address, serve_http
from tinyvmaf.app.mcp_server.roots import Roots
from tinyvmaf.app.mcp_server.tools import Tools
from tinyvmaf.errors import TinyvmafError

_P = ParamSpec("_P")
_T = TypeVar("_T")
_INSTRUCTIONS: Final = """\
Scores video with Netflix's VMAF (the real libvmaf) and judges tiny ONNX models that may replace it. Scores are VMAF
points, 0 to 100. Videos that cannot be compared get no score; the error says why."""
_READS_ONLY: Final = ToolAnnotations(read_only_hint=True, destructive_hint=False, open_world_hint=False)


def serve(folders: Sequence[Path], *, ffmpeg: str | None = None, http: Address | None = None) -> None:
    """Serve until the client disconnects.

    Args:
        folders: the roots; only files below them may be read.
        ffmpeg: path, as for `--ffmpeg`; None: find one when it is first needed.
        http: where to listen, and to whom; None: stdin and stdout.

    Raises:
        TinyvmafError: a root is not a folder.
    """
    server = build(Roots(folders), ffmpeg=ffmpeg)
    if http is None:
        server.run("stdio")
    else:
        serve_http(server, http)


def build(roots: Roots, *, ffmpeg: str | None = None) -> MCPServer[Any]:
    """The server, not yet listening."""
    readable = ", ".join(map(str, roots.folders)) or "none (the server was started without --root)"
    return MCPServer(
        "tinyvmaf",
        version=__version__,
        instructions=f"{_INSTRUCTIONS}\nOnly files below these roots may be read: {readable}.",
        tools=[_strict(function) for function in Tools(roots, ffmpeg).all()],
        log_level="WARNING",
    )


def _strict(function: Callable[..., Awaitable[Any]]) -> Tool:
    """A tool that refuses unknown arguments, so that a misspelt one is not silently ignored."""
    tool = Tool.from_function(
        _with_tool_errors(function), description=_in_one_line(function), annotations=_READS_ONLY, structured_output=True
    )
    known = tool.fn_metadata.arg_model
    strict = create_model(known.__name__, __base__=known, __cls_kwargs__={"extra": "forbid"})
    tool.fn_metadata.arg_model = strict
    tool.parameters = strict.model_json_schema(by_alias=True)
    return tool


def _with_tool_errors(function: Callable[_P, Awaitable[_T]]) -> Callable[_P, Awaitable[_T]]:
    """Turn our errors into the SDK's `ToolError`, the only one whose text the caller sees."""

    @functools.wraps(function)
    async def call(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return await function(*args, **kwargs)
        except TinyvmafError as error:
            raise ToolError(str(error)) from error

    return call


def _in_one_line(function: Callable[..., object]) -> str:
    return " ".join((function.__doc__ or "").split())
