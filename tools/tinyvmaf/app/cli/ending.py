"""SIGTERM and SIGHUP end a command in good order, and soon in any case."""

import _thread
import os
import signal
import sys
import time
from types import FrameType
from typing import Final, NoReturn

_PATIENCE_S: Final = 1.0
_HEEDED: Final = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


def heed() -> None:
    """From now on. A SIGHUP that is ignored, as under nohup, stays so."""
    for number in _HEEDED:
        if number == signal.SIGTERM or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, end)


def end(number: int, frame: FrameType | None) -> NoReturn:
    """Handle a signal: unwind, so that programs are ended and temporary files removed.

    Code that swallows exceptions may swallow this one, and some code takes long. So the process ends by itself after a
    second. What it started ends with it then, and the next run removes its files: `children`, `scratch`.
    """
    del frame
    for other in _HEEDED:  # a second signal must not end the cleaning up
        signal.signal(other, signal.SIG_IGN)
    # Not `threading`: this code may have interrupted it while it held a lock.
    _thread.start_new_thread(_at_last, (128 + number,))
    raise SystemExit(128 + number)


def _at_last(status: int) -> None:
    time.sleep(_PATIENCE_S)
    if "multiprocessing" in sys.modules:  # its processes look for the parent themselves, when they get to it
        for process in sys.modules["multiprocessing"].active_children():
            process.kill()
    os._exit(status)
