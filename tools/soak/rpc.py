"""The MCP server against its clients: hostile calls, strangers, slow and half requests, at each address it can have.

After each trial the server answers a ping, no file outside its root was opened, it started no FFmpeg that still runs,
and its memory has not grown by more than the limit.
"""

import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import Any, Final

from tinyvmaf.files import home

sys.path.append(str(home()))

from suites.mcp import hostile, processes, watch

from .messages import encoded
from .part import Part, Result, Trial, Verdict
from .servers import BINDS, LIMIT_S, Http, Server, SilentError, Stdio, memory_mb, request
from .strangers import foreign, odd, status

_GROWTH_MB: Final = 150.0
"""Of one server over all trials: what it loads when it first scores, and up to 256 open sessions, are in it."""
_AT_ONCE: Final = 20
_FINE: Final = {"reference": "fine.yuv", "distorted": "fine.yuv", "size": "96x96", "pix_fmt": "yuv420p"}


@contextmanager
def opened(folder: Path) -> Iterator[Trial]:
    """The trap of `tox -e mcp`: a root full of links that lead out. A server starts when a trial first needs it."""
    trap = hostile.lay(folder)
    scratch = Path(tempfile.gettempdir())
    base = [(tool, one) for tool, one in hostile.calls(trap) if tool != "run_gate"]  # without its model it would run
    with ExitStack() as stack:
        decoys = stack.enter_context(watch.watching(*trap.folders))
        servers, at_first, held = dict[str, Server](), dict[str, float](), list[socket.socket]()

        def server_at(bind: str) -> Server:
            if bind not in servers:
                servers[bind] = Stdio(trap.root) if bind == "stdio" else Http(trap.root, bind)
                stack.callback(servers[bind].close)
                score(servers[bind])
                at_first[bind] = memory_mb(servers[bind])
                decoys.opened()
            return servers[bind]

        def trial(number: int, chance: Random) -> Result:
            bind = ("stdio", *BINDS)[number % 6]
            server = server_at(bind)
            what = (
                "hostile call"
                if isinstance(server, Stdio)
                else chance.choice(("hostile call", "stranger", "odd", "many"))
            )
            try:
                detail = _tried(what, server, chance, base, held)
                answer = server.ask(request("ping"))
                assert answer.get("result") == {}, answer
            except SilentError as error:
                server.close()
                del servers[bind]
                return Result(f"{bind}, {what}", Verdict.CRASH if "ended" in str(error) else Verdict.HANG, str(error))
            if touched := decoys.opened():
                return Result(f"{bind}, {what}", Verdict.WRONG, f"{detail} opened {touched}")
            if detail.startswith("WRONG"):
                return Result(f"{bind}, {what}", Verdict.WRONG, detail)
            if not processes.wait(lambda: not processes.ffmpegs(server.mark) and not any(scratch.iterdir()), 5.0):
                left = f"{processes.ffmpegs(server.mark)}, {list(scratch.iterdir())}"
                return Result(f"{bind}, {what}", Verdict.LEFT, f"{detail}: {left}")
            if (grown := memory_mb(server) - at_first[bind]) > _GROWTH_MB:
                at_first[bind] += grown
                return Result(f"{bind}, {what}", Verdict.MEMORY, f"{detail}: {grown:.0f} MB more than at first")
            return Result(f"{bind}, {what}", Verdict.REFUSED if what != "many" else Verdict.SAME, detail)

        yield trial


def score(server: Server) -> None:
    """A pair that is in order gets its score."""
    answer = server.ask(request("tools/call", {"name": "vmaf_score", "arguments": _FINE}))
    assert answer["result"]["structuredContent"]["frames"] == 3, answer


def _tried(
    what: str, server: Server, chance: Random, base: list[tuple[str, dict[str, Any]]], held: list[socket.socket]
) -> str:
    """What was tried, in words."""
    if what == "hostile call":
        tool, arguments = chance.choice(base)
        kind, data = encoded(
            request("tools/call", {"name": tool, "arguments": arguments}, chance.randrange(10**9)), chance
        )
        server.throw(data)
        return f"{kind}: {data[:300]!r}"
    assert isinstance(server, Http)
    if what == "stranger":
        kind, data = foreign(server, chance)
        found = status(server, data)
        return f"{'WRONG' if 200 <= found < 300 else 'refused'} with {found}: {kind}: {data[:400]!r}"
    if what == "odd":
        return odd(server, chance, held)
    failed = list[BaseException]()

    def client(tool: str) -> None:
        try:
            if tool == "score":
                score(server)
            else:
                assert server.ask(request(tool))["result"] is not None
        except BaseException as error:
            failed.append(error)

    tools = [chance.choice(("ping", "tools/list", "score")) for _ in range(_AT_ONCE)]
    clients = [threading.Thread(target=client, args=(one,)) for one in tools]
    for one in clients:
        one.start()
    for one in clients:
        one.join()
    if failed:
        raise failed[0]
    return f"{_AT_ONCE} clients at once"


PART = Part(
    "rpc",
    "hostile clients of the MCP server, on stdio and at every address",
    opened,
    limit_s=3 * LIMIT_S,
    watched=False,
)
