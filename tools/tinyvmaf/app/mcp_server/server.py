"""The tools behind the SDK's server, on stdio or HTTP."""

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
from tinyvmaf.app.mcp_server.roots import Roots
from tinyvmaf.app.mcp_server.tools import Tools
from tinyvmaf.errors import TinyvmafError

_P = ParamSpec("_P")
_T = TypeVar("_T")
_INSTRUCTIONS: Final = """\
Scores video with Netflix's VMAF (the real libvmaf) and judges tiny ONNX models that are to stand in for it. Scores are
VMAF points, 0 to 100. A score is only given for videos that can be compared; otherwise the answer says why not."""
_READS_ONLY: Final = ToolAnnotations(read_only_hint=True, destructive_hint=False, open_world_hint=False)


def serve(folders: Sequence[Path], *, ffmpeg: str | None = None, http: tuple[str, int] | None = None) -> None:
    """Serve until the client is gone.

    Args:
        folders: whose files may be read; none: no file.
        ffmpeg: as `--ffmpeg`; else found when it is first needed.
        http: host and port to listen on, without authentication; None: stdin and stdout.

    Raises:
        TinyvmafError: a root is not a folder.
    """
    server = build(Roots(folders), ffmpeg=ffmpeg)
    if http is None:
        server.run("stdio")
    else:
        server.run("streamable-http", host=http[0], port=http[1])


def build(roots: Roots, *, ffmpeg: str | None = None) -> MCPServer[Any]:
    """The server, which nobody talks to yet."""
    readable = ", ".join(map(str, roots.folders)) or "none: the server was started without --root"
    return MCPServer(
        "tinyvmaf",
        version=__version__,
        instructions=f"{_INSTRUCTIONS}\nRoots, below which files may be read: {readable}.",
        tools=[_strict(function) for function in Tools(roots, ffmpeg).all()],
        log_level="WARNING",
    )


def _strict(function: Callable[..., Awaitable[Any]]) -> Tool:
    """A tool that refuses arguments that it does not have: one that is misspelt must not be taken for none."""
    tool = Tool.from_function(
        _telling(function), description=_in_one_line(function), annotations=_READS_ONLY, structured_output=True
    )
    known = tool.fn_metadata.arg_model
    strict = create_model(known.__name__, __base__=known, __cls_kwargs__={"extra": "forbid"})
    tool.fn_metadata.arg_model = strict
    tool.parameters = strict.model_json_schema(by_alias=True)
    return tool


def _telling(function: Callable[_P, Awaitable[_T]]) -> Callable[_P, Awaitable[_T]]:
    """With our errors as the SDK's, which it shows to the caller; of any other it shows none."""

    @functools.wraps(function)
    async def told(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return await function(*args, **kwargs)
        except TinyvmafError as error:
            raise ToolError(str(error)) from error

    return told


def _in_one_line(function: Callable[..., object]) -> str:
    return " ".join((function.__doc__ or "").split())
