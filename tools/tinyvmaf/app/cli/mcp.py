"""`tinyvmaf mcp`: serve the package's functions to language models."""

import argparse
import os
import signal
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from tinyvmaf import children
from tinyvmaf.app.cli import ending
from tinyvmaf.app.cli.common import Commands, add_command, add_ffmpeg_option
from tinyvmaf.errors import TinyvmafError, install
from tinyvmaf.terminal import say

if TYPE_CHECKING:
    from tinyvmaf.app.mcp_server.http import Address

_DESCRIPTION = """\
Serve the Model Context Protocol (MCP): language models can score videos, list and describe models, engines and
teachers, check a corpus and run gates. The server uses stdin and stdout, because clients start it themselves.

Only files below the folders of --root can be read; without --root, none. Over HTTP, the server answers only to its own
name and to --allow-host, and to no web page. If others can reach the address, a client must send a token: that of
--token-file, or a new one, which is printed once. HTTP is not encrypted: put a proxy with TLS in front of it."""
_LOOPBACK = "127.0.0.1"
_LARGEST_PORT = 65_535


def add_commands(commands: Commands) -> None:
    """Add `mcp`."""
    command = add_command(
        commands,
        "mcp",
        _run,
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
    command.add_argument(
        "--allow-host", action="append", default=[], metavar="NAME", help="a further name of this server; repeatable"
    )
    command.add_argument(
        "--allow-origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="a web page that may ask, such as https://tool.example; repeatable",
    )
    command.add_argument(
        "--token-file", type=Path, metavar="FILE", help="ask every client of HTTP for the token in this file"
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

    http = _http(arguments)
    signal.signal(signal.SIGINT, ending.end)  # replaces asyncio's handler, which waits for stdin, too
    try:
        serve(arguments.root, ffmpeg=arguments.ffmpeg, http=http)
    except SystemExit as ended:
        # Every call has been cancelled and has cleaned up. Only a thread that reads stdin is left, and a normal exit
        # would wait for it.
        sys.stderr.flush()
        children.end_all()
        os._exit(ended.code if isinstance(ended.code, int) else 1)
    return 0


def _http(arguments: argparse.Namespace) -> "Address | None":
    from tinyvmaf.app.mcp_server.http import Address, is_loopback, new_token, plain, read_token, require_free

    if arguments.http is None:
        if arguments.allow_host or arguments.allow_origin or arguments.token_file:
            raise TinyvmafError("--allow-host, --allow-origin and --token-file need --http [HOST:]PORT")
        return None
    host, port = arguments.http
    require_free(plain(host), port)
    token = None if arguments.token_file is None else read_token(arguments.token_file)
    if token is None and not is_loopback(host):
        token = new_token()
        say(
            f"tinyvmaf mcp: others can reach {host}. Clients must send the header, which is shown once:",
            file=sys.stderr,
        )
        say(f"Authorization: Bearer {token}", file=sys.stderr)
    hosts, origins = frozenset(arguments.allow_host), frozenset(arguments.allow_origin)
    return Address(plain(host), port, hosts, origins, token)
