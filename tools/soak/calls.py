"""Many calls of one MCP server, over stdio and over HTTP: each is answered, and the server's memory does not grow.

A trial is a thousand calls. The first trials of each server load what is loaded once; from then on memory is compared.
"""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import Any, Final

from .part import Part, Result, Trial, Verdict
from .servers import Http, Server, Stdio, memory_mb, request

CALLS: Final = 1000
"""Of a trial."""
WARM: Final = 3
"""Trials of each server before its memory is compared."""
GROWTH_MB: Final = 20.0
_AT_ONCE: Final = 50
_TOOLS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    *(("list_engines", {}), ("describe_model", {"model": "none"}), ("no_such_tool", {}), ("list_engines", {"x": 1})),
    *(("vmaf_score", {"reference": "/etc/passwd", "distorted": "../x"}), ("vmaf_score", {"reference": "none.yuv"})),
)
"""Cheap ones, and what is refused in several ways."""


@contextmanager
def opened(folder: Path) -> Iterator[Trial]:
    """A server starts when a trial first needs it."""
    root = folder / "root"
    root.mkdir()
    with ExitStack() as stack:
        servers, memory = dict[str, Server](), dict[str, list[float]]()
        begun = time.monotonic()

        def trial(number: int, chance: Random) -> Result:
            name = ("stdio", "HTTP")[number % 2]
            if name not in servers:
                servers[name] = Stdio(root) if name == "stdio" else Http(root, "127.0.0.1")
                stack.callback(servers[name].close)
            found = memory.setdefault(name, [])
            for _ in range(CALLS // _AT_ONCE):
                asked = [chance.choice(_TOOLS) for _ in range(_AT_ONCE)]
                calls = [request("tools/call", {"name": tool, "arguments": arguments}) for tool, arguments in asked]
                for (tool, arguments), answer in zip(asked, servers[name].ask_all(calls), strict=True):
                    # What cannot be called is an error of the protocol, and what fails is a result that says so.
                    failed = "error" in answer or answer["result"].get("isError", False)
                    assert failed is not (tool == "list_engines" and not arguments), json.dumps(answer)[:500]
            found.append(memory_mb(servers[name]))
            grown = found[-1] - found[min(WARM, len(found)) - 1]
            verdict = Verdict.MEMORY if grown > GROWTH_MB else Verdict.SAME
            return Result(f"{CALLS} calls, {name}", verdict, f"{grown:.1f} MB more than after {WARM} trials")

        yield trial
        for name, found in memory.items():
            grown = found[-1] - found[min(WARM, len(found)) - 1]
            rate = sum(map(len, memory.values())) * CALLS / (time.monotonic() - begun)
            text = f"{name}: {len(found) * CALLS} calls, {found[-1]:.0f} MB, {grown:+.1f} MB since trial {WARM}"
            print(f"{text}, {rate:.0f} calls a second")


PART = Part("calls", "many MCP calls, and the memory of the server", opened, limit_s=600.0, watched=False)
