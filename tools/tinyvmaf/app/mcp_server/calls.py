"""Calls: work in a thread, with progress, a time limit and cancellation."""

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
    """Reports progress to the caller; the SDK's `Context` is one."""

    async def report_progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Send a progress notification, if the caller asked for them."""


class Call:
    """One call, as seen by its thread."""

    def __init__(self) -> None:
        self.stop = Stop()
        self._progress: tuple[int, int] | None = None

    def report(self, done: int, total: int) -> None:
        """Store the progress.

        Raises:
            TinyvmafError: the call was cancelled.
        """
        self.check()
        self._progress = (done, total)

    def check(self) -> None:
        """Work outside FFmpeg calls this between its parts, so that it can be cancelled.

        Raises:
            TinyvmafError: the call was cancelled.
        """
        if self.stop.stopped:
            raise TinyvmafError("cancelled")

    async def watch(self, reporter: Reporter) -> None:
        """Send progress to the caller; when cancelled, end the FFmpeg processes of the call."""
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
    """Run `work` in a thread and return its result.

    A thread cannot be ended from outside, but nearly all of its time goes to FFmpeg. So FFmpeg is killed, the thread
    ends by itself and removes its temporary files, and only then does this return.

    Args:
        seconds: time limit, including the wait for the limiter.
        limiter: limits how many calls run at once.

    Raises:
        TinyvmafError: the error of `work`.
        LimitError: the time limit passed.
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
        # The thread is still running only when the program ends: asyncio then cancels without waiting for threads.
        call.stop.stop()
        idle.wait(_END_SECONDS)
    if limit.cancel_called and not found:
        raise LimitError(f"ended after {time.monotonic() - started:.0f} s, the time limit of a call")
    await anyio.lowlevel.checkpoint()  # if the caller cancelled, this raises
    if failed:
        raise failed[0]
    return found[0]
