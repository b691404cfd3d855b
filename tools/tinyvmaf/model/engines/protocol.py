"""What an inference engine must do. An engine of your own needs this page and one example, `onnx_reference.py`.

To add an engine from a package of yours:

1. Write a class with the members of `Engine`. Its `load` passes the model through `model_file.parse`, which checks
   availability, level and number types, and returns a session. Derive the session from `session.CheckedSession`: it
   checks rows and scores, and you write only `_infer`.
2. Make one instance, for example `ENGINE = MyEngine()`, in a module that imports nothing large.
3. Name the instance in the package's pyproject.toml, under the engine's name:

       [project.entry-points."tinyvmaf.engines"]
       my-engine = "my_package.engine:ENGINE"

4. Install the package. The header of each run now lists the engine, and `pytest suites/backends` compares it with the
   reference, ONNX Runtime on the CPU.

The name must differ from all others. An entry point that fails is listed as `not here: REASON`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyvmaf.errors import ModelError, TinyvmafError

LEVELS: Final = ("none", "basic", "extended", "all")


class EngineError(TinyvmafError):
    """An engine is unknown, not here, or ignored its settings. This says nothing about the model."""


class UnsupportedModelError(ModelError):
    """An engine lacks an operator or a number type that a model needs. The model itself may be sound."""


class NotFiniteError(ModelError):
    """Some scores are NaN or infinite. `scores` has all of them, float32 `[N]`; of a filter, all its pictures."""

    def __init__(self, message: str, scores: NDArray[np.float32]) -> None:
        super().__init__(message)
        self.scores = scores


@dataclass(frozen=True)
class Settings:
    """How a session computes. No setting may change a score: the gate `backends` tests that.

    Raises:
        EngineError: fewer than 1 thread, or an unknown level.
    """

    threads: int = 1
    """Threads within one operator. Operators run one after the other."""
    optimisation: str = "all"
    """Level of graph optimisation, one of `LEVELS`. An engine without levels has only `all`."""

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise EngineError(f"{self.threads} threads", hint="at least 1")
        if self.optimisation not in LEVELS:
            raise EngineError(f"no optimisation level {self.optimisation!r}", hint=f"one of {', '.join(LEVELS)}")


@dataclass(frozen=True)
class Availability:
    """Whether an engine can be used here."""

    ok: bool
    reason: str = ""
    """Why it is not here and what to type to get it, for example `X is not installed: pip install x`; empty if `ok`."""
    version: str = ""
    """Of the engine's library; empty if it is not installed."""
    device: str = ""
    """The hardware it runs on, for example `CPU (x86_64)`."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Fixed settings beside `Settings`, by the engine's own names."""


class Session(Protocol):
    """A loaded model, used by one thread at a time."""

    def run(self, features: ArrayLike) -> NDArray[np.float32]:
        """Scores of feature rows.

        Args:
            features: `[N, F]`, converted to float32.

        Returns:
            float32 `[N]`, VMAF points.

        Raises:
            EngineError: out of memory, or a helper process died. This says nothing about the model.
            ModelError: rows have the wrong width, the engine fails, or its output has the wrong shape or type.
            NotFiniteError: a score is not finite.
        """
        ...

    def run_pictures(self, pictures: ArrayLike) -> NDArray[Any]:
        """Scores of pictures, or the pictures that a filter makes of them.

        Args:
            pictures: luma `[N, 1, H, W]`, of the type that the graph takes: float32, samples / 255, or uint8.

        Returns:
            float32 `[N]`, VMAF points, or of a filter the type and shape of the pictures.

        Raises:
            EngineError: out of memory, or a helper process died. This says nothing about the model.
            ModelError: the model takes rows, or other pictures; the engine fails, or its output has the wrong shape.
            NotFiniteError: a score or a sample is not finite.
        """
        ...

    def close(self) -> None:
        """Free its memory and processes. It cannot run after that; a second call does nothing."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Engine(Protocol):
    """One way to run a model. Engines are immutable and hold no model.

    An engine must compute as told: the number types of the graph, the threads and the level of `Settings`. One that
    cannot, or cannot tell whether it did, raises EngineError rather than give scores of something else.
    """

    @property
    def name(self) -> str:
        """Unique, in lower case with hyphens, and equal to the name of the entry point: `onnxruntime-cpu`."""
        ...

    @property
    def family(self) -> str:
        """Engines that share a graph reader, an optimiser or most kernels are of one family.

        A gate that needs independent engines counts families. If two families share a smaller part, the engine's
        docstring names it.
        """
        ...

    @property
    def arithmetic(self) -> frozenset[str]:
        """Floating-point types in which it really computes, for example `float32` and `float64`.

        An engine that silently computes float64 in float32 must not list float64.
        """
        ...

    @property
    def levels(self) -> tuple[str, ...]:
        """Its optimisation levels, from `LEVELS`: at least one. Each is tested."""
        ...

    @property
    def threaded(self) -> bool:
        """Whether it obeys `Settings.threads`. If not, it chooses the number of threads itself."""
        ...

    def available(self) -> Availability:
        """Whether it can be used here. Never raises.

        Quick: it imports and downloads nothing large; `installed.version` finds a library without importing it.
        """
        ...

    def load(self, model: bytes, settings: Settings = ...) -> Session:
        """Load a model.

        Args:
            model: the bytes of an ONNX file, without external data.

        Raises:
            EngineError: the engine is not available, has no such level, or ignored its settings.
            ModelError: the engine cannot load the model, or the model lacks one input `[N, F]`, or pictures
                `[N, 1, H, W]`, and one output.
            UnsupportedModelError: the engine lacks an operator or a number type of the model, or takes no pictures.
        """
        ...
