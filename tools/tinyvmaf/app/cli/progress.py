"""Progress bars on stderr, if that is a terminal, and nobody asked for quiet."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

_hidden = False


def hide(hidden: bool) -> None:
    """Show no bar from now on, or show them again."""
    global _hidden
    _hidden = hidden


def _visible() -> bool:
    return sys.stderr is not None and sys.stderr.isatty() and not _hidden


@contextmanager
def progress_bar(what: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on stderr, if that is a terminal; gives a function of (done, total)."""
    from rich.console import Console  # slow to import
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not _visible()) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


class PairsBar:
    """A progress bar on stderr, if that is a terminal, for pairs of which several are measured at a time."""

    def __init__(self, progress: "Progress | None", what: str, total: int) -> None:
        self._progress, self._started = progress, time.perf_counter()
        self._task = None if progress is None else progress.add_task(what, total=total, rate=0.0)

    def report(self, pairs: float, frames: int) -> None:
        """Show how many pairs are done, the running ones in part, and frames."""
        if self._progress is not None and self._task is not None:
            rate = frames / max(time.perf_counter() - self._started, 1e-9)
            self._progress.update(self._task, completed=pairs, rate=rate)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Inside this block, the bar is away, so that lines can be printed."""
        if self._progress is not None:
            self._progress.stop()
        yield
        if self._progress is not None:
            self._progress.start()


@contextmanager
def pairs_bar(what: str, total: int) -> Iterator[PairsBar]:
    """A `PairsBar` of `total` pairs."""
    if not _visible():
        yield PairsBar(None, what, total)
        return
    from rich.console import Console  # slow to import
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]:.0f} frames/s, left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as progress:
        yield PairsBar(progress, what, total)


@contextmanager
def clip_bar(what: str) -> Iterator[Callable[[int, int, int], None]]:
    """As `progress_bar`, with a frame rate; gives a function of (clips done, total clips, frames done)."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("clips, {task.fields[rate]:.0f} frames/s, left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not _visible()) as progress:
        task, started = progress.add_task(what, total=None, rate=0.0), time.perf_counter()

        def report(done: int, total: int, frames: int) -> None:
            rate = frames / max(time.perf_counter() - started, 1e-9)
            progress.update(task, completed=done, total=total, rate=rate)

        yield report


@contextmanager
def proof_bar(what: str) -> Iterator[Callable[[int, int, int], None]]:
    """As `progress_bar`, with a count; gives a function of (parts done, total parts, boxes looked at)."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("parts, {task.fields[boxes]:,} boxes, left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not _visible()) as progress:
        task = progress.add_task(what, total=None, boxes=0)
        yield lambda done, total, boxes: progress.update(task, completed=done, total=total, boxes=boxes)
