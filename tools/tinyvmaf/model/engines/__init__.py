"""Inference engines behind one protocol, one module each.

`protocol` says what an engine must do; `onnx_reference` is the shortest example. An engine's library is imported only
when it loads a model, so that `table` is quick.
"""

from dataclasses import dataclass

from tinyvmaf.model.engines import onnxruntime_provider
from tinyvmaf.model.engines.entry_points import OURS, foreign, ours
from tinyvmaf.model.engines.onnxruntime_cpu import OnnxRuntimeCpu
from tinyvmaf.model.engines.protocol import (
    LEVELS,
    Availability,
    Engine,
    EngineError,
    NotFiniteError,
    Session,
    Settings,
    UnsupportedModelError,
)
from tinyvmaf.model.engines.session import all_outputs, all_pictures, all_scores

__all__ = [
    "LEVELS",
    "Availability",
    "Engine",
    "EngineError",
    "EngineStatus",
    "NotFiniteError",
    "OnnxRuntimeCpu",
    "Session",
    "Settings",
    "UnsupportedModelError",
    "all_engines",
    "all_outputs",
    "all_pictures",
    "all_scores",
    "find",
    "our_engines",
    "table",
]


@dataclass(frozen=True)
class EngineStatus:
    """One engine in a table of engines."""

    name: str
    version: str
    """Empty if it is not installed."""
    settings: str
    """Its fixed settings, as `NAME=VALUE, ...`."""
    device: str
    """The device it runs on, or the reason why it is not here."""
    ok: bool

    def __str__(self) -> str:
        settings = f" ({self.settings})" if self.settings and self.ok else ""
        return f"{self.name} {self.version or '-'}: {self.device if self.ok else 'not here: ' + self.device}{settings}"


def our_engines() -> tuple[Engine, ...]:
    """The engines of this package, installed or not, in the order of `OURS`: the same on every machine."""
    return tuple(map(ours, OURS))


def all_engines() -> tuple[Engine, ...]:
    """Every known engine, installed or not. The first, ONNX Runtime on the CPU, is the reference for the others.

    Order: ours; those of further execution providers of this build of ONNX Runtime; those of other packages by name.
    """
    known = (*our_engines(), *onnxruntime_provider.others())
    return (*known, *foreign(frozenset(engine.name for engine in known)))


def find(name: str) -> Engine:
    """The engine of a name.

    Raises:
        EngineError: no engine has that name.
    """
    if name in OURS:  # `all_engines` imports ONNX Runtime to ask for its providers
        return ours(name)
    engines = all_engines()
    found = next((engine for engine in engines if engine.name == name), None)
    if found is None:
        raise EngineError(f"no engine {name!r}", hint=f"there are {', '.join(engine.name for engine in engines)}")
    return found


def table() -> list[EngineStatus]:
    """One row for each of `all_engines`, in their order. Quick: the header of each run prints it."""
    rows = []
    for engine in all_engines():
        here = engine.available()
        settings = ", ".join(f"{name}={value}" for name, value in here.settings.items())
        rows.append(EngineStatus(engine.name, here.version, settings, here.device if here.ok else here.reason, here.ok))
    return rows
