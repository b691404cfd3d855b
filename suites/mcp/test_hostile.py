"""Two hundred hostile calls: no file outside the roots is opened, and the server keeps answering."""

import json
import re
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

import pytest

import tinyvmaf
from tinyvmaf.files import home
from tinyvmaf.judge.plugin import NotChecked
from tinyvmaf.project import project

from . import hostile, processes, watch

WATCHED = Path(__file__).with_name("watched_server.py")
# Files the server may read outside the roots: Python and installed packages, tinyvmaf, its models and those of the
# project, system libraries, facts about the machine.
OWN = (
    *(sys.prefix, sys.base_prefix, *sysconfig.get_paths().values(), str(Path(tinyvmaf.__file__).parent), str(home())),
    str(project().models),
    *(path for path in sys.path if path.endswith("-packages")),  # of other environments, by a file .pth
    *("/usr/lib", "/usr/share", "/lib", "/sys", "/dev/null", "/etc/ld.so.cache", "/etc/os-release"),
)
FINE = {"reference": "fine.yuv", "distorted": "fine.yuv", "size": "96x96", "pix_fmt": "yuv420p"}
_PRIVATE = re.compile(r"(tinyvmaf-[0-9a-f]{8}-|tmp)[a-z0-9_]{8}(/.*)?")


@pytest.mark.usefixtures("judged_by_assertions")
def test_hostile_calls_open_nothing_outside_and_the_server_keeps_answering(
    connect: Any, tmp_path: Path, not_checked: NotChecked
) -> None:
    """Watched three ways: inotify on decoys outside, Python's audit events, and FFmpeg's command lines."""
    if not (watch.HERE and processes.HERE):
        not_checked("hostile calls of the MCP server: open files can only be watched on Linux")
    trap, log = hostile.lay(tmp_path), tmp_path / "watched.jsonl"
    made = hostile.calls(trap)
    assert len(made) == hostile.COUNT
    with watch.watching(*trap.folders) as decoys:
        with connect(trap.root, program=(str(WATCHED),), TINYVMAF_MCP_WATCH=str(log)) as server:
            server.ask("vmaf_score", **FINE, models=["tinyvmaf_nano"])  # loads what is loaded only once
            begun = log.stat().st_size
            decoys.opened()  # forget what setting up the trap opened
            for tool, arguments in made:
                _refused(server, tool, arguments)
                assert not (touched := decoys.opened()), f"{tool} {arguments} opened {touched}"
            assert server.ask("vmaf_score", **FINE)["frames"] == 3
            assert not processes.ffmpegs(server.mark)
            assert len(processes.of(server.mark)) == 1
        (trap.outside / "secret.yuv").read_bytes()
        assert decoys.opened(), "the watch is blind"
    events = [json.loads(line) for line in log.read_bytes()[begun:].splitlines()]
    opened = {Path(event[1]) for event in events if event[0] == "open"}
    inputs = {Path(word[5:]) for event in events if event[0] != "open" for word in event if word.startswith("file:")}
    assert trap.root / "fine.yuv" in inputs, "the watch is blind"
    strangers = sorted(str(path) for path in opened | inputs if not _may_be_opened(path, trap.root))
    assert not strangers, f"opened, but neither below the root nor allowed: {strangers}"


def _refused(server: Any, tool: str, arguments: dict[str, Any]) -> None:
    """The answer is an error with a reason, not a crash."""
    from mcp.shared.exceptions import MCPError

    try:
        answer = server.call(tool, **arguments)
    except MCPError:  # refused by the protocol, with a message
        return
    text = answer.content[0].text
    assert answer.is_error, f"{tool} {arguments} was not refused: {text[:500]}"
    assert not re.fullmatch(r"Error executing tool \S+", text), f"{tool} {arguments} crashed"


def _may_be_opened(path: Path, root: Path) -> bool:
    if path.is_relative_to(root) or any(path.is_relative_to(Path(own).resolve()) for own in OWN):
        return True
    private = Path(tempfile.gettempdir()).resolve()  # the folder itself is opened to make a file without a name
    return path == private or (
        path.is_relative_to(private) and bool(_PRIVATE.fullmatch(str(path.relative_to(private))))
    )
