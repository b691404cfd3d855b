"""`tinyvmaf mcp`: the package's functions for programs that talk to a model."""

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

_DESCRIPTION = """\
Serve the Model Context Protocol: score pairs, list and describe models, engines and teachers, check a corpus, run
gates. Speaks on stdin and stdout, as clients expect that start it themselves.

Only files below the folders of --root are read, links followed; without one, none. HTTP knows no users: whoever can
reach the port can have those files scored."""
_LOOPBACK = "127.0.0.1"
_LARGEST_PORT = 65_535


def add_commands(commands: Commands) -> None:
    """Add `mcp`."""
    command = add_command(commands, "mcp", _run, summary="serve the Model Context Protocol", description=_DESCRIPTION)
    command.add_argument(
        "--root", type=Path, action="append", default=[], metavar="DIR", help="read files below it; again for more"
    )
    command.add_argument(
        "--http", type=_address, metavar="[HOST:]PORT", help=f"listen there instead of stdin (HOST: {_LOOPBACK})"
    )
    add_ffmpeg_option(command)


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdigit() and int(port) <= _LARGEST_PORT):
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host.removeprefix("[").removesuffix("]") or _LOOPBACK, int(port)


def _run(arguments: argparse.Namespace) -> int:
    if find_spec("mcp") is None:
        raise TinyvmafError("the MCP SDK is not installed", hint=install("mcp"))
    from tinyvmaf.app.mcp_server.server import serve  # slow to import, and not everybody has it

    if arguments.http is not None and not _is_loopback(arguments.http[0]):
        print(
            f"tinyvmaf mcp: {arguments.http[0]} may be reached by others, and nobody is asked who they are",
            file=sys.stderr,
        )
    signal.signal(signal.SIGINT, _interrupted)
    try:
        serve(arguments.root, ffmpeg=arguments.ffmpeg, http=arguments.http)
    except SystemExit as ended:
        # By now every call has been cancelled and has cleaned up behind itself. What is left is a thread that waits for
        # stdin, and Python would wait for that.
        sys.stderr.flush()
        os._exit(ended.code if isinstance(ended.code, int) else 1)
    return 0


def _interrupted(number: int, frame: FrameType | None) -> None:
    # In place of asyncio's handler, which waits for stdin too.
    del frame
    raise SystemExit(128 + number)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
