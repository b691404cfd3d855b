"""`tinyvmaf mcp`: serve the package's functions to language models."""

import argparse
import ipaddress
import os
import signal
import sys
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

from tinyvmaf.app.cli.common import Commands, add_command, add_ffmpeg_option
from tinyvmaf.errors import TinyvmafError, install
from tinyvmaf.terminal import say

_DESCRIPTION = """\
Serve the Model Context Protocol (MCP): language models can score videos, list and describe models, engines and
teachers, check a corpus and run gates. The server uses stdin and stdout, because clients start it themselves.

Only files below the folders of --root can be read; without --root, none. HTTP has no authentication: everybody who can
reach the port can read scores of those files."""
_LOOPBACK = "127.0.0.1"
_LARGEST_PORT = 65_535


def add_commands(commands: Commands) -> None:
    """Add `mcp`."""
    command = add_command(
        commands,
        "mcp",
        _run,
        summary="serve the Model Context Protocol",
        description=_DESCRIPTION,
        examples="tinyvmaf mcp --root ~/videos\nclaude mcp add tinyvmaf -- tinyvmaf mcp --root ~/videos",
    )
    command.add_argument(
        "--root",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="allow reading files below this folder; repeatable",
    )
    command.add_argument(
        "--http", type=_address, metavar="[HOST:]PORT", help=f"serve HTTP instead of stdin (default HOST: {_LOOPBACK})"
    )
    add_ffmpeg_option(command)


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdigit() and int(port) <= _LARGEST_PORT):
        raise argparse.ArgumentTypeError(f"{text!r} is not [HOST:]PORT, such as 8000 or 127.0.0.1:8000")
    return host.removeprefix("[").removesuffix("]") or _LOOPBACK, int(port)


def _run(arguments: argparse.Namespace) -> int:
    if find_spec("mcp") is None:
        raise TinyvmafError("the MCP SDK is not installed", hint=install("mcp"))
    from tinyvmaf.app.mcp_server.server import serve  # imported here: slow, and optional

    if arguments.http is not None and not _is_loopback(arguments.http[0]):
        say(
            f"tinyvmaf mcp: others can reach {arguments.http[0]}, and there is no authentication",
            file=sys.stderr,
        )
    signal.signal(signal.SIGINT, _interrupted)
    try:
        serve(arguments.root, ffmpeg=arguments.ffmpeg, http=arguments.http)
    except SystemExit as ended:
        # Every call has been cancelled and has cleaned up. Only a thread that reads stdin is left, and a normal exit
        # would wait for it.
        sys.stderr.flush()
        os._exit(ended.code if isinstance(ended.code, int) else 1)
    return 0


def _interrupted(number: int, frame: FrameType | None) -> None:
    # Replaces asyncio's handler, which waits for stdin too.
    del frame
    raise SystemExit(128 + number)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
