"""The base class of sessions: it checks the rows before the engine runs, and the scores after."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyvmaf.errors import ModelError
from tinyvmaf.model.engines.pictures import PictureForm, Pixels
from tinyvmaf.model.engines.protocol import EngineError, NotFiniteError, Session

Rows = NDArray[np.float32]

_NO_MEMORY: Final = ("out of memory", "failed to allocate memory", "bad_alloc", "bad allocation")


def is_environments(error: Exception) -> bool:
    """Whether memory, a file or a process was missing. Such an error says nothing about the model.

    Runtimes report a full GPU in exceptions of their own, which only their words tell apart.
    """
    return isinstance(error, (MemoryError, OSError)) or any(words in str(error).lower() for words in _NO_MEMORY)


def all_scores(session: Session, features: ArrayLike) -> Rows:
    """As `Session.run`, with the scores that are not finite: one such row does not hide the others."""
    try:
        return session.run(features)
    except NotFiniteError as error:
        return error.scores


def all_outputs(session: Session, features: ArrayLike) -> Rows:
    """The scores of a model, float32 `[N]`, or all its K outputs, `[N, K]`, if it has more; also what is not finite."""
    if isinstance(session, CheckedSession) and session.outputs > 1:
        return session.run_all(features)
    return all_scores(session, features)  # an engine of another package has refused a model with more


def all_pictures(session: Session, pictures: ArrayLike) -> NDArray[Any]:
    """As `Session.run_pictures`, with what is not finite."""
    try:
        return session.run_pictures(pictures)
    except NotFiniteError as error:
        return error.scores


def side_by_side(outputs: Sequence[NDArray[np.generic]]) -> NDArray[np.generic]:
    """A graph's outputs `[N, 1]` as columns `[N, K]`, for `CheckedSession._infer`."""
    return np.asarray(outputs[0]) if len(outputs) == 1 else np.concatenate(outputs, axis=1)


class CheckedSession(ABC):
    """A `Session` for engines that take and give arrays. A subclass implements `_infer`, and `close` if needed."""

    def __init__(
        self, name: str, engine: str, width: object, outputs: int = 1, form: PictureForm | None = None
    ) -> None:
        """Keep what the checks need.

        Args:
            name: of the model, for errors.
            engine: of the engine with its version, for errors.
            width: features a row. If it is not an int, rows of any width pass.
            outputs: how many the graph has, `[N, 1]` each.
            form: of a model that takes pictures, whose width does not count; None: it takes rows.
        """
        self._name, self._engine, self._width, self.outputs = name, engine, width, outputs
        self.form = form

    @abstractmethod
    def _infer(self, rows: Any) -> NDArray[np.generic]:
        """The engine's output for contiguous float32 rows `[N, F]`: float32 `[N, 1]`, or `[N, K]` of K outputs.

        Of a model that takes pictures, for contiguous pictures `[N, 1, H, W]` as its `form` says.

        Any error counts as the model's fault, except EngineError and those of `is_environments`.
        """

    def run(self, features: ArrayLike) -> Rows:
        """Scores of feature rows.

        Args:
            features: `[N, F]`, converted to float32.

        Returns:
            float32 `[N]`, VMAF points.

        Raises:
            EngineError: out of memory, or a helper process died.
            ModelError: rows have the wrong width, the engine fails, or its output has the wrong shape.
            NotFiniteError: a score is not finite.
        """
        rows = self._rows(features)
        return self._finite(rows, self._values(rows, len(rows)))

    def run_all(self, features: ArrayLike) -> Rows:
        """As `run`, but every output, float32 `[N, K]`, in the graph's order, also what is not finite."""
        rows = self._rows(features)
        return self._values(rows, len(rows))

    def run_clip(self, features: ArrayLike) -> float:
        """The score of one clip, from a model that gives one score for all frames of a run.

        Args:
            features: `[T, F]`, converted to float32.

        Raises:
            ModelError: as for `run`, or there is no frame.
        """
        rows = self._rows(features)
        if not len(rows):
            raise ModelError(f"{self._name}: the clip has no frames")
        return float(self._finite(rows, self._values(rows, 1))[0])

    def run_pictures(self, pictures: ArrayLike) -> NDArray[Any]:
        """Scores of pictures, or the pictures that a filter makes of them.

        Args:
            pictures: luma `[N, 1, H, W]`, of the type that the graph takes: float32, samples / 255, or uint8.

        Returns:
            float32 `[N]`, VMAF points, or of a filter the type and shape of the pictures.

        Raises:
            EngineError: out of memory, or a helper process died.
            ModelError: the model takes rows, or other pictures; the engine fails, or its output has the wrong shape.
            NotFiniteError: a score or a sample is not finite; it has the values.
        """
        if self.form is None:
            raise ModelError(f"{self._name} takes rows of features, not pictures")
        given = self.form.pictures(self._name, pictures)
        if not len(given):
            return np.empty(given.shape if self.form.filters else 0, given.dtype if self.form.filters else np.float32)
        return self._finite_pictures(given, self._computed(given))

    def try_pictures(self) -> None:
        """Run pictures of two sizes, so that an engine that cannot says so when it loads the model.

        Raises:
            as `run_pictures`, but not for what is not finite.
        """
        if self.form is not None:
            for pictures in self.form.trials():
                self.form.check(self._name, self._engine, pictures, self._computed(pictures))

    def close(self) -> None:
        """Free processes and files; most engines hold only memory."""
        return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _rows(self, features: ArrayLike) -> Rows:
        if self.form is not None:
            raise ModelError(f"{self._name} takes pictures, not rows of features")
        rows = np.ascontiguousarray(features, dtype=np.float32)
        if rows.ndim != 2 or (isinstance(self._width, int) and rows.shape[1] != self._width):
            raise ModelError(f"{self._name} takes rows of {self._width} features, not {list(rows.shape)}")
        return rows

    def _values(self, rows: Rows, count: int) -> Rows:
        values = self._computed(rows)
        if values.shape != (count, self.outputs) or values.dtype != np.float32:
            raise ModelError(f"{self._name} gave {values.dtype} {list(values.shape)} for {len(rows)} rows")
        # A copy: the engine may hand out the same memory again.
        return np.array(values, dtype=np.float32)

    def _computed(self, items: Any) -> NDArray[np.generic]:
        """What the engine gives for rows or pictures."""
        try:
            return self._infer(items)
        except (ModelError, EngineError):
            raise
        except Exception as error:  # engines' exceptions have no common base
            kind = EngineError if is_environments(error) else ModelError
            raise kind(f"{self._name}: {self._engine} failed: {str(error) or repr(error)}") from error

    def _finite_pictures(self, pictures: Pixels, values: NDArray[Any]) -> NDArray[Any]:
        """A copy of scores `[N]` or pictures, if they are as the graph's form says and finite."""
        assert self.form is not None
        self.form.check(self._name, self._engine, pictures, values)
        found = np.array(values) if self.form.filters else np.array(values[:, 0])
        if found.dtype.kind == "f" and not (fine := np.isfinite(found)).all():
            place = np.unravel_index(int(np.argmin(fine)), found.shape)
            at = f"picture {place[0]}" + (f" at row {place[2]}, column {place[3]}" if self.form.filters else "")
            size = f"{pictures.shape[3]}x{pictures.shape[2]}"
            raise NotFiniteError(f"{self._name} on {self._engine} gave {found[place]} for {at}, {size}", found)
        return found

    def _finite(self, rows: Rows, values: Rows) -> Rows:
        """The scores, the first output."""
        found = values[:, 0].copy()
        if not np.isfinite(found).all():
            row = int(np.argmin(np.isfinite(found)))
            raise NotFiniteError(
                f"{self._name} on {self._engine} gave {found[row]} for row {row}: {rows[row].tolist()}", found
            )
        return found
