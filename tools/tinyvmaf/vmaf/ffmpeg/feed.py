"""Writes FFmpeg's standard input from a thread, while another reads its output."""

import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Final

from tinyvmaf.errors import TinyvmafError

_PATIENCE_S: Final = 1.0


class Feeder:
    """Feeds a running FFmpeg; ends it if there is an error."""

    def __init__(self, process: subprocess.Popen[bytes], feed: Callable[[IO[bytes]], None]) -> None:
        self._process, self._feed = process, feed
        self._error: Exception | None = None
        # A daemon: a writer that never writes again must not keep this process alive.
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        stdin = self._process.stdin
        assert stdin is not None
        try:
            self._feed(stdin)
        except BrokenPipeError:  # FFmpeg ended first, and says why
            pass
        except (TinyvmafError, OSError, ValueError) as error:
            self._error = error
            self._process.kill()
        finally:
            with suppress(OSError):
                stdin.close()

    def require_success(self) -> None:
        """Raise the error that ended the feed, once FFmpeg has ended."""
        self._thread.join(_PATIENCE_S)
        if self._error is not None:
            raise self._error
