"""Engines: ours from a table, those of other packages from their entry points."""

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from tinyvmaf.model.engines.protocol import LEVELS, Availability, Engine, EngineError, Session, Settings

GROUP: Final = "tinyvmaf.engines"
OURS: Final = {
    "onnxruntime-cpu": "tinyvmaf.model.engines.onnxruntime_cpu:ENGINE",
    "onnxruntime-cuda": "tinyvmaf.model.engines.onnxruntime_provider:CUDA",
    "onnxruntime-tensorrt": "tinyvmaf.model.engines.onnxruntime_provider:TENSORRT",
    "onnxruntime-openvino": "tinyvmaf.model.engines.onnxruntime_provider:OPENVINO",
    "onnxruntime-directml": "tinyvmaf.model.engines.onnxruntime_provider:DIRECTML",
    "onnxruntime-coreml": "tinyvmaf.model.engines.onnxruntime_provider:COREML",
    "onnxruntime-xnnpack": "tinyvmaf.model.engines.onnxruntime_provider:XNNPACK",
    "openvino": "tinyvmaf.model.engines.openvino_cpu:ENGINE",
    "opencv": "tinyvmaf.model.engines.opencv_dnn:ENGINE",
    "onnx-reference": "tinyvmaf.model.engines.onnx_reference:ENGINE",
    "numpy": "tinyvmaf.model.engines.numpy_ops:ENGINE",
    "torch-eager": "tinyvmaf.model.engines.torch_ops:EAGER",
    "torch-compiled": "tinyvmaf.model.engines.torch_ops:COMPILED",
    "torch-cuda": "tinyvmaf.model.engines.torch_ops:CUDA",
    "onnxruntime-web": "tinyvmaf.model.engines.onnxruntime_web:ENGINE",
}
"""Our engines in their order: name to `module:object`. The first is the reference."""
_MEMBERS: Final = ("name", "family", "arithmetic", "levels", "threaded", "available", "load")


@dataclass(frozen=True)
class BrokenEngine:
    """An entry point that gives no engine: it is listed with the reason, and the other engines are not affected."""

    name: str
    reason: str
    family: str = "broken"
    arithmetic: frozenset[str] = frozenset()
    levels: tuple[str, ...] = ("all",)
    threaded: bool = False

    def available(self) -> Availability:
        """Never; the reason says what is wrong with the entry point."""
        return Availability(False, self.reason)

    def load(self, model: bytes, settings: Settings = Settings()) -> Session:  # noqa: ARG002, B008
        """Raises EngineError."""
        raise EngineError(f"{self.name} is not available: {self.reason}")


def ours(name: str) -> Engine:
    """Our engine of that name. Only its own module is imported.

    Raises:
        KeyError: it is not in `OURS`.
    """
    engine: Engine = EntryPoint(name, OURS[name], GROUP).load()
    return engine


@functools.cache
def foreign(taken: frozenset[str]) -> tuple[Engine, ...]:
    """Engines of other installed packages, sorted by name; each entry point without a usable one as `BrokenEngine`.

    Args:
        taken: names of our engines. An entry point with one of them is refused.
    """
    found = [point for point in entry_points(group=GROUP) if not point.value.startswith("tinyvmaf.")]
    return tuple(sorted(_engines(found, taken), key=lambda engine: engine.name))


def _engines(points: Iterable[EntryPoint], taken: frozenset[str]) -> Iterable[Engine]:
    values: dict[str, set[str]] = {}
    for point in points:
        values.setdefault(point.name, set()).add(point.value)
    for name, of_name in values.items():
        if name in taken:
            for value in sorted(of_name):
                yield BrokenEngine(
                    f"{name} ({value})",
                    f"{value} takes the name of an engine of tinyvmaf: rename its entry point",
                )
        elif len(of_name) > 1:
            yield BrokenEngine(name, f"{' and '.join(sorted(of_name))} have the same name: uninstall one")
        else:
            yield _load(EntryPoint(name, of_name.pop(), GROUP))


def _load(point: EntryPoint) -> Engine:
    engine: Any = None
    failed = "cannot be imported"
    try:
        engine, failed = point.load(), "fails"
        fault = _fault(engine, point.name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # another package's code may raise anything, SystemExit too
        fault = f"{failed}: {_line(error)}"
    return BrokenEngine(point.name, f"{point.value} {fault}") if fault else engine


def _fault(engine: Any, name: str) -> str:
    """What keeps an object from being the engine of an entry point; empty if nothing does."""
    if isinstance(engine, type):
        return "is a class: name an instance of it"
    if missing := [member for member in _MEMBERS if not hasattr(engine, member)]:
        return f"lacks {', '.join(missing)} of tinyvmaf.model.engines.protocol.Engine"
    if engine.name != name:
        return f"has the name {engine.name!r}, its entry point {name!r}: make them equal"
    if not engine.levels or set(engine.levels) - set(LEVELS):
        return f"has the levels {engine.levels!r}: one or more of {', '.join(LEVELS)}"
    here = engine.available()
    return "" if isinstance(here, Availability) else f"gives {type(here).__name__} as its availability"


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
