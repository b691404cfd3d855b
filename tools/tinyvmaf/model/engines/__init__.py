"""Inference engines, one file each, behind one protocol.

None is imported before it loads a model: who only asks what there is (`table`) does not wait for them.
"""

from dataclasses import dataclass

from tinyvmaf.model.engines import onnxruntime_provider, torch_ops
from tinyvmaf.model.engines.numpy_ops import Numpy
from tinyvmaf.model.engines.onnx_reference import OnnxReference
from tinyvmaf.model.engines.onnxruntime_cpu import OnnxRuntimeCpu, OnnxRuntimeCpuEngine
from tinyvmaf.model.engines.onnxruntime_web import OnnxRuntimeWeb
from tinyvmaf.model.engines.opencv_dnn import OpenCv
from tinyvmaf.model.engines.openvino_cpu import OpenVino
from tinyvmaf.model.engines.protocol import (
    LEVELS,
    Availability,
    Engine,
    EngineError,
    Session,
    Settings,
    UnsupportedModelError,
)

__all__ = [
    "LEVELS",
    "Availability",
    "Engine",
    "EngineError",
    "EngineRow",
    "OnnxRuntimeCpu",
    "Session",
    "Settings",
    "UnsupportedModelError",
    "all_engines",
    "find",
    "table",
]


@dataclass(frozen=True)
class EngineRow:
    """An engine in a table of engines."""

    name: str
    version: str
    """Empty where it is not installed."""
    settings: str
    """What it is told, as `NAME=VALUE, ...`."""
    device: str
    """What it runs on, or why it does not."""
    ok: bool

    def __str__(self) -> str:
        told = f" ({self.settings})" if self.settings and self.ok else ""
        return f"{self.name} {self.version or '-'}: {self.device if self.ok else 'not here: ' + self.device}{told}"


def all_engines() -> tuple[Engine, ...]:
    """Every engine that is known, here or not, in a fixed order; behind them those of providers that only this build
    of ONNX Runtime has. The first is the one that the others are held to.
    """
    return (*_known(), *onnxruntime_provider.others())


def _known() -> tuple[Engine, ...]:
    return (
        OnnxRuntimeCpuEngine(),
        *onnxruntime_provider.KNOWN,
        OpenVino(),
        OpenCv(),
        OnnxReference(),
        Numpy(),
        *torch_ops.KNOWN,
        OnnxRuntimeWeb(),
    )


def find(name: str) -> Engine:
    """The engine of a name.

    Raises:
        EngineError: there is none.
    """
    # Asking ONNX Runtime for its providers imports it, which most who know a name need not wait for.
    for engines in (_known, all_engines):
        found = [engine for engine in engines() if engine.name == name]
        if found:
            return found[0]
    raise EngineError(f"no engine {name!r}", hint=f"there are {', '.join(engine.name for engine in all_engines())}")


def table() -> list[EngineRow]:
    """What there is, quickly: for the header of a run. A row an engine, in the order of `all_engines`."""
    rows = []
    for engine in all_engines():
        here = engine.available()
        told = ", ".join(f"{name}={value}" for name, value in here.settings.items())
        rows.append(EngineRow(engine.name, here.version, told, here.device if here.ok else here.reason, here.ok))
    return rows
