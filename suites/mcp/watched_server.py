"""`tinyvmaf mcp`, which writes down what it opens and runs: python watched_server.py mcp [--root DIR]...

Each line of the file $TINYVMAF_MCP_WATCH is a JSON list of what Python reports to `sys.addaudithook`: of an open the
path, links followed; of a process its arguments, those that name a file with their links followed.
"""

import json
import os
import sys
from typing import Any

_LOG = os.open(os.environ["TINYVMAF_MCP_WATCH"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and isinstance(arguments[0], (str, bytes, os.PathLike)):
        said = [event, os.path.realpath(os.fsdecode(arguments[0]))]
    elif event == "subprocess.Popen":
        said = [event, *(_followed(os.fsdecode(word)) for word in arguments[1])]
    else:
        return
    os.write(_LOG, json.dumps(said).encode() + b"\n")


def _followed(word: str) -> str:
    return f"file:{os.path.realpath(word[5:])}" if word.startswith("file:") else word


sys.addaudithook(_heard)

from tinyvmaf.app.cli import main  # noqa: E402 - what it opens is written down

if __name__ == "__main__":
    sys.exit(main())
