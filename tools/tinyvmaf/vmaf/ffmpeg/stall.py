"""Ends an FFmpeg that stands still: FFmpeg can wait for ever for a thread that it could not start. Linux only."""

import os
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

_EVERY_S: Final = 5.0
_LOOKS: Final = 24
"""So many looks in a row without work are a stall: two minutes, in which this process was not stopped, either."""
_BUSY: Final = 0.01
"""Share of a core; FFmpeg's main thread takes less when it only waits."""


class StallWatch:
    """Kills a process that sleeps and computes nothing."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process, self._ended = process, threading.Event()
        self.stalled = False
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Look no longer."""
        self._ended.set()

    def _watch(self) -> None:
        looks, before = 0, 0.0
        while not self._ended.wait(_EVERY_S):
            try:
                state, seconds = _state(self._process.pid)
            except (OSError, ValueError):  # it has ended, or this is not Linux
                return
            looks = looks + 1 if state == "S" and seconds - before < _BUSY * _EVERY_S else 0
            before = seconds
            if looks >= _LOOKS:
                self.stalled = True
                with suppress(OSError):
                    self._process.kill()
                return


def _state(pid: int) -> tuple[str, float]:
    """The state of a process as Linux names it, `S` for one that sleeps, and its seconds of CPU."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    return fields[0], (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
