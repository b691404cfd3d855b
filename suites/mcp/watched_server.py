"""`tinyvmaf mcp` that logs what it opens and runs: python watched_server.py mcp [--root DIR]...

Each line of the log, $TINYVMAF_MCP_WATCH, is a JSON list with an event of `sys.addaudithook`: `open` and the path, or
`subprocess.Popen` and the arguments. Links in paths are followed.
"""

import json
import os
import sys
from typing import Any

_LOG = os.open(os.environ["TINYVMAF_MCP_WATCH"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def _log_event(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and isinstance(arguments[0], (str, bytes, os.PathLike)):
        entry = [event, os.path.realpath(os.fsdecode(arguments[0]))]
    elif event == "subprocess.Popen":
        entry = [event, *(_followed(os.fsdecode(word)) for word in arguments[1])]
    else:
        return
    os.write(_LOG, json.dumps(entry).encode() + b"\n")


def _followed(word: str) -> str:
    return f"file:{os.path.realpath(word[5:])}" if word.startswith("file:") else word


sys.addaudithook(_log_event)

from tinyvmaf.app.cli import main  # noqa: E402 - after the hook, so that its files are logged

if __name__ == "__main__":
    sys.exit(main())
