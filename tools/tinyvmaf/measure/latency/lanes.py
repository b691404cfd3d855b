"""A lane of a race: one model at one batch size. Its calls are timed, and every output is compared with the truth.

Only `session.run` is timed, with the settings of `engines.onnxruntime_cpu`: one intra-op thread, sequential, no
spinning. At one row, most of that time is the Python binding, which an Identity model shows alone. Rows change from
call to call. Several sessions of the model take turns, because the memory layout makes a session a few percent faster
or slower.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.errors import ModelError, TinyvmafError
from tinyvmaf.model.engines import EngineError, OnnxRuntimeCpu
from tinyvmaf.model.engines.onnxruntime_cpu import bare_session
from tinyvmaf.model.engines.session import is_environments
from tinyvmaf.model.third_party.wrap import AsItCame

Rows = NDArray[np.float32]

BATCHES: Final = (1, 16, 256, 4096)
SETTINGS: Final = "1 intra-op thread, sequential, no spinning, all optimisations"
SESSIONS: Final = 3
BLOCK_NS: Final = 1_000_000
SLOW_NS: Final = 10_000_000
"""A call that takes longer needs no call before it that fills the caches: that is below 1 % of its time."""
ANY_SCORE: Final = math.inf
"""For `Expected.most`: only shape and dtype of the outputs are checked."""
_MOST_CALLS: Final = 200
_FEEDS: Final = 64


@dataclass(frozen=True)
class Wrong:
    """A wrong output."""

    label: str
    """Batch and row."""
    expected: float
    got: float


@dataclass(frozen=True)
class Expected:
    """Rows with the scores that a model should give."""

    rows: Rows
    """float32 `[R, F]`, in the model's feature order."""
    scores: NDArray[np.float64]
    """`[R]`, VMAF points."""
    most: float
    """The largest allowed error, VMAF points."""


class ModelLane:
    """A model at one batch size, timed in blocks of calls."""

    def __init__(
        self,
        name: str,
        data: bytes,
        expected: Expected,
        batch: int,
        *,
        like: "ModelLane | None" = None,
        came: AsItCame | None = None,
        fault: type[TinyvmafError] = ModelError,
        sessions: int = SESSIONS,
        clock: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        """Load the model and run its first blocks; every block checks the outputs.

        Args:
            batch: rows per call.
            like: time calls as this lane does, as many per block, because later calls profit from the caches.
            came: the original of an adopted model, which is timed in its place.
            fault: the error raised if the model does not load, does not run, or returns no scores. If it is not
                ModelError, it is also raised for a wrong score; use this for reference models.
            sessions: number of sessions that take turns.
            clock: the time in ns.

        Raises:
            EngineError: not enough memory.
            fault: the model does not load or run.
            ValueError: there are fewer rows than a batch.
        """
        if not 1 <= batch <= len(expected.rows):
            raise ValueError(f"a batch of {batch} from {len(expected.rows)} rows")
        self.name, self.batch, self.wrong = name, batch, dict[str, Wrong]()
        """Wrong outputs so far, by batch and row."""
        self.checked, self.worst = 0, 0.0
        """Number of checked outputs, and the largest error, VMAF points."""
        self._expected, self._clock, self._fault = expected, clock, fault
        starts = np.unique(np.linspace(0, len(expected.rows) - batch, _FEEDS).astype(int)).tolist()
        feed: Callable[[Rows], Mapping[str, Rows]]
        self._sessions: list[Callable[..., list[NDArray[np.generic]]]]
        self._outputs: list[str] | None
        try:
            if came is None:
                loaded = [OnnxRuntimeCpu(data) for _ in range(sessions)]
                self._sessions = [one.bare for one in loaded]
                name_in, self._outputs = loaded[0].input_name, None
                feed = lambda rows: {name_in: rows}  # noqa: E731
            else:
                self._sessions = [bare_session(came.data).run for _ in range(sessions)]
                feed, self._outputs = came.feed, [came.output]
        except ModelError as error:
            raise fault(f"{name}: {error.message}", hint=error.hint) from error
        parts = [(start, feed(expected.rows[start : start + batch])) for start in starts]
        self._windows = [
            (start, {key: np.ascontiguousarray(rows) for key, rows in fed.items()}) for start, fed in parts
        ]
        self._turn = 0
        self.calls, self.slow = 1, False
        for _ in range(sessions):  # the first call of a session initialises it
            self.block()
        fastest = min(self.block() for _ in range(sessions)) * batch
        if like is None:
            self.calls, self.slow = max(1, min(_MOST_CALLS, math.ceil(BLOCK_NS / fastest))), fastest > SLOW_NS
        else:
            self.calls, self.slow = like.calls, like.slow

    def block(self) -> float:
        """Time a block of calls; returns ns per row."""
        run, outputs_of = self._sessions[self._turn % len(self._sessions)], self._outputs
        chosen = [self._windows[(self._turn + i) % len(self._windows)] for i in range(self.calls)]
        feeds = [fed for _, fed in chosen]
        self._turn += 1
        try:
            warm = [] if self.slow else [run(outputs_of, feeds[0])]  # another model has used the caches
            begin = self._clock()
            outputs = [run(outputs_of, feed) for feed in feeds]
            end = self._clock()
        except Exception as error:  # ONNX Runtime's exceptions have no common base
            kind = EngineError if is_environments(error) else self._fault
            raise kind(f"{self.name}: ONNX Runtime failed on {self.batch} rows: {error}") from error
        self._look([start for start, _ in [*chosen[: len(warm)], *chosen]], [*warm, *outputs])
        return (end - begin) / (self.calls * self.batch)

    def _look(self, starts: list[int], outputs: list[list[NDArray[np.generic]]]) -> None:
        """Compare all outputs of a block at once: call by call, that took as long as the calls."""
        scores, *others = (self._joined(list(of_calls)) for of_calls in zip(*outputs, strict=True))
        if not all(np.isfinite(one).all() for one in others):
            raise self._fault(f"{self.name} returned a second output that is not finite")
        self.checked += len(scores)
        rows = (np.array(starts)[:, None] + np.arange(self.batch)).ravel()
        want = self._expected.scores[rows]
        off = np.abs(scores.astype(np.float64) - want)
        self.worst = max(self.worst, float(off.max()))
        if off.max() <= self._expected.most:  # NaN is not
            return
        for i in np.flatnonzero(~(off <= self._expected.most)).tolist():
            label = f"batch {self.batch}, row {rows[i]}"
            if self._fault is not ModelError:
                raise self._fault(f"{self.name}, {label}: expected {want[i]}, got {scores[i]}")
            self.wrong.setdefault(label, Wrong(label, float(want[i]), float(scores[i])))

    def _joined(self, of_calls: list[NDArray[np.generic]]) -> NDArray[np.float32]:
        """One output of all calls, float32 `[calls * batch]`."""
        for i, one in enumerate(of_calls):
            if self._outputs is not None and one.size == self.batch:  # an original has its own shape and type
                of_calls[i] = one = one.reshape(-1, 1).astype(np.float32)
            if one.dtype != np.float32 or one.shape != (self.batch, 1):
                raise self._fault(f"{self.name} returned {one.dtype} {list(one.shape)} for {self.batch} rows")
        return np.concatenate(of_calls, dtype=np.float32)[:, 0]


class FloorLane(ModelLane):
    """An Identity model: its output must equal its input."""

    def _look(self, starts: list[int], outputs: list[list[NDArray[np.generic]]]) -> None:
        for start, output in zip(starts, outputs, strict=True):
            if not np.array_equal(output[0], self._expected.rows[start : start + self.batch]):
                raise self._fault(f"{self.name}: the output of the Identity node differs from its input")
            self.checked += self.batch
