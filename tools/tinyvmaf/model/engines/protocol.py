"""What an inference engine is: a name, what it can do, whether it is here, and sessions of models."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyvmaf.errors import ModelError, TinyvmafError

LEVELS: Final = ("none", "basic", "extended", "all")


class EngineError(TinyvmafError):
    """An engine is unknown, is not here, or did not run as it was told to: nothing is known of the model."""


class UnsupportedModelError(ModelError):
    """An engine does not have an operator or a number type of a model, which may be sound all the same."""


@dataclass(frozen=True)
class Settings:
    """How a session computes. No setting may change what a model scores; which do is what gates look for.

    Raises:
        EngineError: no thread, or a level that is none.
    """

    threads: int = 1
    """Of one operator. Operators run one after the other."""
    optimisation: str = "all"
    """Of the graph, one of `LEVELS`; an engine that knows no levels has only `all`."""

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise EngineError(f"{self.threads} threads", hint="at least 1")
        if self.optimisation not in LEVELS:
            raise EngineError(f"no optimisation level {self.optimisation!r}", hint=f"one of {', '.join(LEVELS)}")


@dataclass(frozen=True)
class Availability:
    """Whether an engine is here, found out without importing it."""

    ok: bool
    reason: str = ""
    """Why it is not here, and what to do about that; empty if it is."""
    version: str = ""
    device: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    """What it is told beside `Settings`, by the engine's own names."""


class Session(Protocol):
    """A loaded model. One thread at a time uses it."""

    def run(self, features: ArrayLike) -> NDArray[np.float32]:
        """Scores of feature rows.

        Args:
            features: `[N, F]`, converted to float32.

        Returns:
            float32 `[N]`, VMAF points.

        Raises:
            EngineError: memory or a process was lacking: nothing is known of the model.
            ModelError: rows of another width, the engine fails, or it gives another shape or type, or a value that
                is not finite.
        """
        ...

    def close(self) -> None:
        """Let go of what it holds; it cannot run after that. Again does nothing."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Engine(Protocol):
    """One way to run a model."""

    @property
    def name(self) -> str:
        """As people call it, for example `onnxruntime-cpu`."""
        ...

    @property
    def family(self) -> str:
        """Engines of one family share code that reads or rewrites a graph, or most kernels: they are not two opinions.

        Two families may still share a part; the engine's docstring says which.
        """
        ...

    @property
    def arithmetic(self) -> frozenset[str]:
        """Floating-point types that it computes in, of those that a graph may ask for."""
        ...

    @property
    def levels(self) -> tuple[str, ...]:
        """Optimisation levels that differ, from `LEVELS`."""
        ...

    @property
    def threaded(self) -> bool:
        """Whether it keeps to `Settings.threads`; if not, it takes as many as it likes."""
        ...

    def available(self) -> Availability:
        """Whether it can be used here. Quick: nothing large is imported, nothing is installed or fetched."""
        ...

    def load(self, model: bytes, settings: Settings = ...) -> Session:
        """A session of a model.

        Raises:
            EngineError: it is not available, has no such level, or does not do as it was told.
            ModelError: it cannot load the model, or that does not have one input `[N, F]` and one output.
            UnsupportedModelError: it lacks an operator or a number type of the model.
        """
        ...
