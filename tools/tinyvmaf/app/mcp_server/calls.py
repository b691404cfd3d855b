"""Work in a thread, with progress, a time limit, and an end when the caller cancels."""

import threading
import time
from collections.abc import Callable
from typing import Final, Protocol, TypeVar

import anyio
import anyio.lowlevel
import anyio.to_thread

from tinyvmaf.app.mcp_server.limits import LimitError
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.vmaf.ffmpeg import Stop

_REPORT_SECONDS: Final = 0.2
_END_SECONDS: Final = 5.0
_T = TypeVar("_T")


class Reporter(Protocol):
    """What tells the caller how far it is; a `Context` of the SDK."""

    async def report_progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Send a notification, if the caller asked for them."""


class Call:
    """One call, as its thread sees it."""

    def __init__(self) -> None:
        self.stop = Stop()
        self._progress: tuple[int, int] | None = None

    def report(self, done: int, total: int) -> None:
        """How far it is; ends the work of a call that nobody waits for.

        Raises:
            TinyvmafError: the call was cancelled.
        """
        self.check()
        self._progress = (done, total)

    def check(self) -> None:
        """For work that is not FFmpeg's, between its parts.

        Raises:
            TinyvmafError: the call was cancelled.
        """
        if self.stop.stopped:
            raise TinyvmafError("cancelled")

    async def watch(self, reporter: Reporter) -> None:
        """Send progress on; when this is cancelled, end the FFmpegs of the call."""
        sent = None
        try:
            while True:
                await anyio.sleep(_REPORT_SECONDS)
                if (now := self._progress) is not None and now != sent:
                    await reporter.report_progress(*now)
                    sent = now
        finally:
            self.stop.stop()


async def in_thread(
    reporter: Reporter, work: Callable[[Call], _T], *, seconds: float, limiter: anyio.CapacityLimiter
) -> _T:
    """What `work` returns, from a thread of its own.

    A thread cannot be ended from outside. What takes its time is FFmpeg, and that is killed, at which the thread ends
    by itself and takes its temporary files along; so this returns only then.

    Args:
        seconds: after which it is ended.
        limiter: how many may run at once; waiting counts.

    Raises:
        TinyvmafError: that of the work.
        LimitError: it took too long.
    """
    call, found, failed = Call(), list[_T](), list[Exception]()
    started, idle = time.monotonic(), threading.Event()
    idle.set()

    def body() -> None:
        idle.clear()
        try:
            with call.stop.watching():
                found.append(work(call))
        except Exception as error:
            failed.append(error)
        finally:
            idle.set()

    try:
        with anyio.move_on_after(seconds) as limit:
            async with anyio.create_task_group() as group:
                group.start_soon(call.watch, reporter)
                await anyio.to_thread.run_sync(body, limiter=limiter)
                group.cancel_scope.cancel()
    finally:
        # Only at the end of the program is there something to wait for: asyncio then cancels without regard to threads.
        call.stop.stop()
        idle.wait(_END_SECONDS)
    if limit.cancel_called and not found:
        raise LimitError(f"ended after {time.monotonic() - started:.0f} s: no call may take longer")
    await anyio.lowlevel.checkpoint()  # where the caller's own cancellation ends this
    if failed:
        raise failed[0]
    return found[0]
