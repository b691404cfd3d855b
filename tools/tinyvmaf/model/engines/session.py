"""What every session does around its engine: rows are checked on the way in, scores on the way out."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyvmaf.errors import ModelError
from tinyvmaf.model.engines.protocol import EngineError

Rows = NDArray[np.float32]

_NO_MEMORY: Final = ("out of memory", "failed to allocate memory", "bad_alloc", "bad allocation")


def is_environments(error: Exception) -> bool:
    """Whether an engine lacked memory, a file or a process: that says nothing of the model.

    Runtimes say that a GPU's memory is used up in exceptions of their own, and with these words.
    """
    return isinstance(error, (MemoryError, OSError)) or any(words in str(error).lower() for words in _NO_MEMORY)


class CheckedSession(ABC):
    """A `Session` whose engine gives plain arrays."""

    def __init__(self, name: str, engine: str, width: object) -> None:
        """Remember what the checks need.

        Args:
            name: of the model, for errors.
            engine: of the engine with its version, for errors.
            width: features a row; anything but an int is not known, and any width is let through.
        """
        self._name, self._engine, self._width = name, engine, width

    @abstractmethod
    def _infer(self, rows: Rows) -> NDArray[np.generic]:
        """What the engine makes of contiguous float32 rows; an error that it raises is taken for the model's, but for
        EngineError and what `is_environments` tells.
        """

    def run(self, features: ArrayLike) -> Rows:
        """Scores of feature rows.

        Args:
            features: `[N, F]`, converted to float32.

        Returns:
            float32 `[N]`, VMAF points.

        Raises:
            EngineError: memory or a process was lacking.
            ModelError: rows of another width, the session fails, or it gives another shape or a value that is
                not finite.
        """
        rows = self._rows(features)
        return self._scores(rows, len(rows))

    def run_clip(self, features: ArrayLike) -> float:
        """The score of a clip, by a model that takes the frames of one clip a run.

        Args:
            features: `[T, F]`, converted to float32.

        Raises:
            ModelError: as `run`, and for no frame.
        """
        rows = self._rows(features)
        if not len(rows):
            raise ModelError(f"{self._name}: a clip without a frame")
        return float(self._scores(rows, 1)[0])

    def close(self) -> None:
        """Let go of what the engine holds."""
        return  # most hold nothing but memory

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _rows(self, features: ArrayLike) -> Rows:
        rows = np.ascontiguousarray(features, dtype=np.float32)
        if rows.ndim != 2 or (isinstance(self._width, int) and rows.shape[1] != self._width):
            raise ModelError(f"{self._name} takes rows of {self._width} features, not {list(rows.shape)}")
        return rows

    def _scores(self, rows: Rows, count: int) -> Rows:
        try:
            scores = self._infer(rows)
        except (ModelError, EngineError):
            raise
        except Exception as error:  # engines' exceptions have no base of their own
            kind = EngineError if is_environments(error) else ModelError
            raise kind(f"{self._name}: {self._engine} failed: {str(error) or repr(error)}") from error
        if scores.shape != (count, 1) or scores.dtype != np.float32:
            raise ModelError(f"{self._name} gave {scores.dtype} {list(scores.shape)} for {len(rows)} rows")
        if not np.isfinite(scores).all():
            row = int(np.argwhere(~np.isfinite(scores))[0][0])
            raise ModelError(f"{self._name} gave {scores[row, 0]} for row {row}: {rows[row].tolist()}")
        # A copy: the engine may hand out the same memory again.
        return np.array(scores[:, 0], dtype=np.float32)
