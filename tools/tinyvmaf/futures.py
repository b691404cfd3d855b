"""Waiting for work in other threads and processes, so that Ctrl-C always gets through."""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

T = TypeVar("T", bound="Future[Any]")
_POLL_S: Final = 0.2


def finished(futures: Iterable[T]) -> Iterator[T]:
    """Each future, as soon as it is done or cancelled; what `concurrent.futures.as_completed` is for.

    The locks of `as_completed` are Python: a Ctrl-C that comes while this thread takes one leaves it locked, and the
    thread that then sets a result waits for ever. A `SimpleQueue` waits in C. It looks up now and then, because Python
    does not see a signal that comes just before it begins to wait.
    """
    waiting, done = list(futures), SimpleQueue[T]()
    for future in waiting:
        future.add_done_callback(done.put)  # type: ignore[arg-type]  # it is called with the future itself
    for _ in waiting:
        yield _taken(done)


def _taken(done: "SimpleQueue[T]") -> T:
    while True:
        try:
            return done.get(timeout=_POLL_S)
        except Empty:
            continue
