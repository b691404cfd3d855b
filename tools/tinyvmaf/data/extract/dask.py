"""Measures jobs on an existing Dask cluster. Only workers that measure as this machine does give rows."""

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

from tinyvmaf.data.extract.fingerprint import Fingerprint, differences, fingerprint
from tinyvmaf.data.extract.job import Job, MeasuredClip
from tinyvmaf.data.extract.worker import WorkerAnswer, measure_if_same, own_fingerprint
from tinyvmaf.errors import ClusterError, TinyvmafError, install
from tinyvmaf.vmaf.ffmpeg.stop import check_stop

T = TypeVar("T")
_CONNECT_TIMEOUT_S = 10.0
_ANSWER_S = 30.0
_FETCH_S: Final = 3.0
_FINGERPRINT_S = 120.0
_CLOSE_S = 5.0
_LOOK_S: Final = 1.0
_POLL_S: Final = 0.02
_DEATHS: Final = 3


class Cluster:
    """A Dask cluster; several threads may use it at once."""

    def __init__(self, client: Any, address: str, ffmpeg: Path | None) -> None:
        self._client, self._address, self._ffmpeg = client, address, ffmpeg
        self._mutex = threading.Lock()
        self._own: Fingerprint | None = None
        self._proven, self._there, self._looked, self._is_lost = set[str](), set[str](), 0.0, False
        self.refused: dict[str, str] = {}
        """By address: why a worker that came later gave no rows."""
        self.slots = 2 * sum(self._workers_now().values())
        """Jobs to keep in flight."""
        if not self.slots:
            raise ClusterError(f"the Dask cluster at {address} has no worker")

    def measure(self, job: Job) -> MeasuredClip:
        """Measure a job on a worker that measures as this machine does. If the worker dies, another measures it.

        Raises:
            ClusterError: a worker of the start measures otherwise, no other is left, or the scheduler is lost.
            TinyvmafError: as `measure`, or workers died of the job.
        """
        from distributed import KilledWorker
        from distributed.comm.core import CommClosedError

        for _ in range(_DEATHS):
            workers, own = self._good_workers(job)
            future = self._client.submit(measure_if_same, job, own.digest, workers=sorted(workers), pure=False)
            try:
                answer = self._fetched(future, workers)
                if answer is None:
                    continue
            except KilledWorker as error:
                raise TinyvmafError(f"{job.clip.path}: workers ended while they measured it: {error}") from error
            except (CancelledError, CommClosedError, TimeoutError) as error:
                raise self._lost() from error
            except (AttributeError, ImportError) as error:  # another program now has the address of a worker
                self._refuse(workers, f"cannot run the job: {type(error).__name__}: {error}")
                continue
            finally:
                with suppress(Exception):  # it may be lost with its scheduler
                    future.cancel()
            if answer.fingerprint == own.digest and answer.clip is not None:
                return MeasuredClip(*answer.clip)
            self._refuse([answer.worker], "its code changed after it had proven itself")
        raise TinyvmafError(f"{job.clip.path}: {_DEATHS} times the workers ended that should measure it")

    def _fetched(self, future: Any, workers: Collection[str]) -> WorkerAnswer | None:
        """The answer to a job; None if none of its workers is left.

        Dask asks a worker that has just ended for its result for 30 s; asked again, it knows that the result is lost.
        """
        deadline = time.monotonic() + _ANSWER_S
        while self._finished(future, workers):
            try:
                answer: WorkerAnswer = future.result(timeout=_FETCH_S)
            except TimeoutError:
                if time.monotonic() > deadline:
                    raise
                self._workers_now()  # raises if it is the scheduler that does not answer
            else:
                return answer
        return None

    def _finished(self, future: Any, workers: Collection[str]) -> bool:
        """Wait for a job; False if none of its workers is left.

        A result is "lost" if its worker ends before it is fetched: Dask then computes it again.
        """
        while future.status in ("pending", "lost"):
            check_stop()
            if self._is_lost or self._client.status != "running":
                raise self._lost()
            if self._mutex.acquire(blocking=False):  # one thread looks for all
                try:
                    self._look()
                finally:
                    self._mutex.release()
            if self._proven.isdisjoint(workers) and future.status in ("pending", "lost"):
                return False
            time.sleep(_POLL_S)
        return True

    def _good_workers(self, job: Job) -> tuple[set[str], Fingerprint]:
        """The workers that have proven themselves, and what they have proven; new ones do so now."""
        with self._mutex:
            first = self._own is None
            if self._own is None:
                self._own = fingerprint(replace(job, ffmpeg=self._ffmpeg))
                if self._own.fault:
                    raise ClusterError(f"this machine cannot measure the probe clip: {self._own.fault}")
            deadline = time.monotonic() + _ANSWER_S
            while True:
                check_stop()
                there = self._look()
                self._prove(sorted(there - self._proven - self.refused.keys()), job, self._own, first)
                if self._proven:
                    return set(self._proven), self._own
                if time.monotonic() > deadline:
                    why = "".join(f"\n  {address} {text}" for address, text in self.refused.items())
                    raise ClusterError(
                        f"no worker of the Dask cluster at {self._address} is left that measures as this machine{why}",
                        hint="start workers, then type the command again: finished clips are kept",
                    )
                time.sleep(_LOOK_S / 4)

    def _look(self) -> set[str]:
        """The workers that are there now, asked for once a second."""
        if time.monotonic() > self._looked + _LOOK_S or not self._proven:
            self._there = set(self._workers_now())
            self._looked = time.monotonic()
            self._proven &= self._there
        return self._there

    def _prove(self, addresses: list[str], job: Job, own: Fingerprint, first: bool) -> None:
        found = {one: _begun(self._client.run, own_fingerprint, job, workers=[one]) for one in addresses}
        deadline = time.monotonic() + _FINGERPRINT_S
        wrong: dict[str, tuple[str, str]] = {}
        for address, answer in found.items():
            try:
                other = answer.result(max(0.1, deadline - time.monotonic()))[address]
            except (ImportError, AttributeError) as error:
                text = f"lacks this tinyvmaf: {error}"
                wrong[address] = (text, "install this tinyvmaf there, then restart the worker")
            except TimeoutError:
                wrong[address] = (f"gave no answer for {_FINGERPRINT_S:g} s", "restart the worker")
            except Exception as error:
                if address not in self._workers_now():
                    continue  # it left meanwhile
                wrong[address] = (f"cannot run tinyvmaf: {type(error).__name__}: {error}", "restart the worker")
            else:
                if unlike := differences(own, other, job.root):
                    text = "; ".join(what for what, _ in unlike)
                    wrong[address] = (f"({other.host}): {text}", "; ".join(dict.fromkeys(hint for _, hint in unlike)))
                elif other.digest == own.digest:
                    self._proven.add(address)
                else:
                    wrong[address] = ("has another fingerprint", "install this tinyvmaf there, then restart the worker")
        if wrong and first:
            lines = "".join(f"\n  {address} {what}" for address, (what, _) in wrong.items())
            hints = "; ".join(dict.fromkeys(hint for _, hint in wrong.values()))
            raise ClusterError(f"{len(wrong)} of {len(found)} Dask workers would give other rows:{lines}", hint=hints)
        self.refused |= {address: f"{what}; {hint}" for address, (what, hint) in wrong.items()}

    def _refuse(self, addresses: Collection[str], why: str) -> None:
        with self._mutex:
            self._proven -= {*addresses}
            self.refused |= dict.fromkeys(addresses, f"{why}; install this tinyvmaf there, then restart the worker")

    def _workers_now(self) -> dict[str, int]:
        if self._is_lost:
            raise self._lost()
        try:
            return dict(_begun(self._client.nthreads).result(_ANSWER_S))
        except (TimeoutError, OSError, CancelledError) as error:
            raise self._lost() from error

    def _lost(self) -> ClusterError:
        self._is_lost = True  # no other thread need wait for it
        return ClusterError(
            f"the Dask scheduler at {self._address} does not answer any more",
            hint="start it, then type the command again: finished clips are kept",
        )


@contextmanager
def dask_cluster(address: str, ffmpeg: Path | None = None) -> Iterator[Cluster]:
    """Connect to a Dask scheduler.

    Args:
        ffmpeg: this machine's, which measures the probe clip; None: find one.

    Raises:
        TinyvmafError: Dask is not installed, nothing answers at the address, or the cluster has no worker.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise TinyvmafError("Dask is not installed", hint=install("dask")) from error
    try:
        connect: Any = Client  # it has no type annotations
        client = connect(address, timeout=_CONNECT_TIMEOUT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise TinyvmafError(f"no Dask scheduler answers at {address}: {error}") from error
    with _quiet():
        try:
            yield Cluster(client, address, ffmpeg)
        finally:
            with suppress(Exception):
                _begun(client.close, _CLOSE_S).result(2 * _CLOSE_S)


@contextmanager
def _quiet() -> Iterator[None]:
    """Dask prints pages about a lost scheduler or worker; a `ClusterError` says it in a sentence."""
    loggers = [logging.getLogger(name) for name in ("distributed", "distributed.client")]
    before = [logger.handlers for logger in loggers]
    for logger in loggers:
        logger.handlers = [logging.NullHandler()]
    try:
        yield
    finally:
        for logger, handlers in zip(loggers, before, strict=True):
            logger.handlers = handlers


def _begun(call: Callable[..., T], *arguments: Any, **named: Any) -> "Future[T]":
    """The call in a thread of its own that does not keep this process alive: a scheduler that hangs never answers."""
    future = Future[T]()

    def run() -> None:
        try:
            future.set_result(call(*arguments, **named))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future
