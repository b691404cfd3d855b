"""Processes that a server has started, found by a mark in the environment that they inherit."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

HERE = sys.platform.startswith("linux")
"""Whether this works here; it needs /proc."""
_POLL_S = 0.02


def of(mark: str) -> dict[int, str]:
    """Process id to command line of each running process with the mark; zombies do not count."""
    found = dict[int, str]()
    if not HERE:
        return found
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            if f"={mark}\0".encode() in (folder / "environ").read_bytes():
                found[int(folder.name)] = (
                    (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                )
        except OSError:  # gone, or somebody else's
            continue
    return found


def ffmpegs(mark: str) -> dict[int, str]:
    """The scoring FFmpegs among them."""
    return {pid: command for pid, command in of(mark).items() if "-filter_complex" in command}


def wait(until: Callable[[], bool], seconds: float) -> bool:
    """Poll until it is true; False if it is not within the time."""
    end = time.monotonic() + seconds
    while not (true := until()) and time.monotonic() < end:
        time.sleep(_POLL_S)
    return true
