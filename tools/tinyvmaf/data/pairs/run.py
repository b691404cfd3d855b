"""Measures pairs, and gives each as soon as it is measured."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final

from tinyvmaf.data.pairs.plan import AskedPair, PairBatch, plan
from tinyvmaf.data.pairs.stored import from_arrow, identity, key_fields, settled, to_arrow
from tinyvmaf.data.store import Store, key_of
from tinyvmaf.errors import MachineError, MediaError, TinyvmafError
from tinyvmaf.futures import finished
from tinyvmaf.vmaf.ffmpeg import FFmpeg, Stop
from tinyvmaf.vmaf.libvmaf import FrameTable, LibvmafRequest, score_opened
from tinyvmaf.vmaf.media import OpenedPair, Video, open_pair

_LARGE: Final = 3840 * 2160  # pixels a frame
Progress = Callable[[float, int], None]
"""Called with the pairs that are done, the running ones in part, and with the frames that are done."""


@dataclass(frozen=True)
class MeasuredPair:
    """A pair after its measurement."""

    number: int
    """Its place among the pairs that were asked for."""
    table: FrameTable | None
    error: Exception | None = None
    """Why there is no table."""
    stored: bool = False
    """Whether the table came from the store."""


class PairRun:
    """Measures pairs with libvmaf.

    Ctrl-C ends what runs, and keeps in the store what is finished: the next run continues there.
    """

    def __init__(
        self,
        request: LibvmafRequest,
        ffmpeg: FFmpeg,
        *,
        store: Store | None,
        jobs: int | None = None,
        threads: int | None = None,
        timeout: float | None = None,
        on_progress: Progress | None = None,
    ) -> None:
        """
        Args:
            store: None: everything is measured, and nothing kept.
            jobs, threads: as in `plan`.
            timeout: seconds for a pair.
        """
        self._request, self._ffmpeg, self._store = request, ffmpeg, store
        self._jobs, self._threads, self._timeout = jobs, threads, timeout
        self._on_progress = on_progress
        self._mutex, self._stop = threading.Lock(), Stop()
        self._done: dict[int, tuple[float, int]] = {}  # by pair: the share that is done, and frames

    def measure(self, pairs: Sequence[AskedPair]) -> Iterator[MeasuredPair]:
        """Measure the pairs; each comes as soon as it is done, those of the store first."""
        missing = []
        for number, pair in enumerate(pairs):
            if (table := self._stored(pair)) is None:
                missing.append(number)
            else:
                self._report({number: (1.0, len(table))})
                yield MeasuredPair(number, table, stored=True)
        batches, at_once = plan(pairs, missing, self._jobs, self._threads)
        if batches and self._store is not None:
            # The store needs it in the end, and it takes long to import: FFmpeg does not wait for it.
            threading.Thread(target=import_module, args=("pyarrow",), daemon=True).start()
        pool = ThreadPoolExecutor(at_once)
        try:
            for future in finished([pool.submit(self._batch, pairs, batch) for batch in batches]):
                yield from future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            self._stop.stop()
            raise
        finally:
            pool.shutdown()

    def _batch(self, pairs: Sequence[AskedPair], batch: PairBatch) -> list[MeasuredPair]:
        with self._stop.watching():
            return self._measured(pairs, batch)

    def _measured(self, pairs: Sequence[AskedPair], batch: PairBatch) -> list[MeasuredPair]:
        found, opened = [], dict[int, OpenedPair]()
        before = {number: _files(pairs[number]) for number in batch.numbers}
        reference: Video | None = None  # one for the batch, so it is opened once
        for number in batch.numbers:
            pair = pairs[number]
            try:
                opened[number] = open_pair(pair.reference, pair.distorted, pair.options, self._ffmpeg, opened=reference)
                reference = opened[number].reference
            except MachineError:
                raise
            except (TinyvmafError, OSError) as error:
                found.append(self._failed(number, error))
        if len(opened) > 1 and not any(_is_large(pair.reference) for pair in opened.values()):
            try:
                tables = self._score(opened, batch.threads)
                return found + [self._kept(pairs[n], n, table, before[n]) for n, table in tables.items()]
            except MachineError:
                raise  # no pair is at fault
            except (TinyvmafError, OSError):
                pass  # one of them is at fault: each is measured alone, which says which, and why
        for number, one in opened.items():
            try:
                tables = self._score({number: one}, batch.threads * len(opened))
                found.append(self._kept(pairs[number], number, tables[number], before[number]))
            except MachineError:
                raise
            except (TinyvmafError, OSError) as error:
                found.append(self._failed(number, error))
        return found

    def _score(self, opened: dict[int, OpenedPair], threads: int) -> dict[int, FrameTable]:
        def report(done: int, total: int) -> None:
            self._report({number: (done / max(total, 1), done) for number in opened})

        tables = score_opened(
            list(opened.values()),
            self._request,
            self._ffmpeg,
            threads=threads,
            timeout=None if self._timeout is None else self._timeout * len(opened),
            on_frame=report,
        )
        found = dict(zip(opened, tables, strict=True))
        self._report({number: (1.0, len(table)) for number, table in found.items()})
        return found

    def _failed(self, number: int, error: Exception) -> MeasuredPair:
        self._report({number: (1.0, 0)})
        return MeasuredPair(number, None, error)

    def _report(self, done: dict[int, tuple[float, int]]) -> None:
        with self._mutex:
            self._done |= done
            pairs = sum(share for share, _ in self._done.values())
            frames = sum(count for _, count in self._done.values())
            if self._on_progress is not None:
                self._on_progress(pairs, frames)

    def _stored(self, pair: AskedPair) -> FrameTable | None:
        fields = None if self._store is None else key_fields(pair, self._request, self._ffmpeg)
        if fields is None:
            return None
        assert self._store is not None
        found = self._store.get_described(key_of(fields))
        return None if found is None else from_arrow(*found, pair)

    def _kept(self, pair: AskedPair, number: int, table: FrameTable, before: "_Files") -> MeasuredPair:
        """The pair, which the store has from now on, if its files could not have changed unseen since `before`."""
        for path, (was, _) in before.items():
            if identity(path) != was:
                error = MediaError(f"{path}: the file changed while it was scored", hint="score it again")
                return MeasuredPair(number, None, error)
        fields = None if self._store is None else key_fields(pair, self._request, self._ffmpeg)
        if fields is not None and all(settled for _, settled in before.values()):
            assert self._store is not None
            columns, about = to_arrow(table)
            known = {"clip": pair.distorted.name, "libvmaf": table.version, "frames": len(table)}
            known |= {"teachers": [model.id for model in self._request.models]}
            with suppress(OSError, MachineError):  # a store that is full costs no score
                self._store.put(key_of(fields), columns, known | about | fields)
        return MeasuredPair(number, table)


def _is_large(video: Video) -> bool:
    """Whether libvmaf's memory for several such videos may be more than a machine has."""
    return video.geometry.width * video.geometry.height > _LARGE


_Files = dict[Path, tuple[object, bool]]
"""By file: its identity, and whether a change from then on shows in it."""


def _files(pair: AskedPair) -> _Files:
    paths = (pair.reference, pair.distorted)
    return {path: (identity(path), path.is_file() and settled(path)) for path in paths}
