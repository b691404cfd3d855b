"""Ends running FFmpegs from another thread."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from tinyvmaf.errors import TinyvmafError

RUNNING: set[subprocess.Popen[bytes]] = set()
"""Every FFmpeg that this process runs now."""


class Stop:
    """Ends the FFmpegs of one caller from another thread, and those that the caller starts later."""

    def __init__(self) -> None:
        self._lock, self._stopped = threading.Lock(), False
        self._running: set[subprocess.Popen[bytes]] = set()

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped

    def stop(self) -> None:
        """End all of them; their runs then fail. Any thread may call this, any number of times."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                process.kill()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Inside this block, `stop` ends every `run` of this context. A new thread has its own context."""
        token = CURRENT_STOP.set(self)
        try:
            yield
        finally:
            CURRENT_STOP.reset(token)

    def add(self, process: subprocess.Popen[bytes]) -> None:
        """Register a started process; it is ended at once if `stop` was called before."""
        with self._lock:
            self._running.add(process)
            if self._stopped:
                process.kill()

    def discard(self, process: subprocess.Popen[bytes]) -> None:
        """Unregister an ended process."""
        with self._lock:
            self._running.discard(process)


CURRENT_STOP: ContextVar[Stop | None] = ContextVar("tinyvmaf-stop", default=None)
"""The stop of the caller in this context."""


def check_stop() -> None:
    """Long work outside FFmpeg calls this between its parts, so that its caller can stop it too.

    Raises:
        TinyvmafError: the caller's stop was called.
    """
    stop = CURRENT_STOP.get()
    if stop is not None and stop.stopped:
        raise TinyvmafError("cancelled")


def end_all() -> None:
    """End every FFmpeg that any thread of this process runs; their runs then fail."""
    for process in list(RUNNING):
        process.kill()
