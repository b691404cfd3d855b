"""OpenVINO's CPU plugin, set to float32.

Observed with OpenVINO 2026.4.1:
- By default it computes matrix products in bfloat16 if the CPU can: a score is off by whole VMAF points.
- If weights are stored as integers, it may quantise activations too; group size 0 forbids that.
- It silently converts float64 to float32: the SVR is off by 1.4e-3 VMAF points. We refuse such a model.
- It merges successive constants: (x + 1e8) - 1e8 becomes x, and 0 times an overflowing product of two scales is NaN. It
  divides by a constant as a multiplication by the reciprocal: x / 3 may be 1 ULP off. Powers of two in range are exact.
- Any batch size runs in one compiled model.
- `import openvino` sends an event over the network and writes into the home folder, unless the package
  `openvino_telemetry` cannot be imported.
"""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.errors import ModelError
from tinyvmaf.model.contract import MOST_OUTPUTS
from tinyvmaf.model.engines.installed import version
from tinyvmaf.model.engines.model_file import parse
from tinyvmaf.model.engines.protocol import Availability, EngineError, Settings, UnsupportedModelError
from tinyvmaf.model.engines.session import CheckedSession, Rows, side_by_side

_DEVICE: Final = "CPU"
_TOLD: Final = {
    "INFERENCE_PRECISION_HINT": "f32",
    "EXECUTION_MODE_HINT": "ACCURACY",
    "DYNAMIC_QUANTIZATION_GROUP_SIZE": "0",
    "CPU_DENORMALS_OPTIMIZATION": "NO",
    "NUM_STREAMS": "1",
}


class OpenVinoSession(CheckedSession):
    """A model compiled by OpenVINO for the CPU."""

    def __init__(self, model: bytes, engine: "OpenVino", settings: Settings) -> None:
        """Compile it, and check that the settings were applied.

        Raises:
            as `Engine.load`.
        """
        file = parse(model, engine, settings, most=MOST_OUTPUTS, pictures=True)
        ov = _import()
        told = {**_TOLD, "INFERENCE_NUM_THREADS": str(settings.threads)}
        try:
            core = ov.Core()
            compiled = core.compile_model(core.read_model(model), _DEVICE, told)
        except Exception as error:  # RuntimeError, mostly
            kind = UnsupportedModelError if "OpConversionFailure" in type(error).__name__ + str(error) else ModelError
            raise kind(f"model: OpenVINO {ov.__version__} cannot load it: {error}") from error
        taken = {name: _as_set(compiled.get_property(name)) for name in told}
        if taken != told or list(compiled.get_property("EXECUTION_DEVICES")) != [_DEVICE]:
            raise EngineError(f"OpenVINO {ov.__version__} did not apply the settings {told}: it has {taken}")
        self._request = compiled.create_infer_request()
        self._named = [compiled.output(place) for place in range(len(file.outputs))]
        super().__init__("model", f"OpenVINO {ov.__version__}", file.width, len(file.outputs), file.form)
        self.try_pictures()

    def _infer(self, rows: Rows) -> NDArray[np.generic]:
        found = self._request.infer([rows])
        return side_by_side([np.asarray(found[output]) for output in self._named])


@dataclass(frozen=True)
class OpenVino:
    """OpenVINO on the CPU, with its own reader, optimiser and kernels (oneDNN among them)."""

    name: str = "openvino"
    family: str = "openvino"
    arithmetic: frozenset[str] = frozenset({"float32"})
    levels: tuple[str, ...] = ("all",)
    threaded: bool = True

    def available(self) -> Availability:
        """Whether OpenVINO is installed."""
        found = version("openvino", module="openvino")
        if found is None:
            return Availability(False, "OpenVINO is not installed: pip install openvino")
        return Availability(True, version=found, device=_DEVICE, settings=_TOLD)

    def load(self, model: bytes, settings: Settings = Settings()) -> OpenVinoSession:  # noqa: B008 (it is frozen)
        """As `Engine.load`."""
        return OpenVinoSession(model, self, settings)


ENGINE: Final = OpenVino()


def _import() -> Any:
    with _without("openvino_telemetry"):
        return importlib.import_module("openvino")


@contextmanager
def _without(module: str) -> Iterator[None]:
    """Make a module impossible to import for a while, so that OpenVINO uses its own stub for it."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[module]


def _as_set(value: Any) -> str:
    """A property as the text that sets it."""
    if isinstance(value, bool):
        return "YES" if value else "NO"
    text = str(getattr(value, "name", value))
    return {"<Type: 'float32'>": "f32"}.get(text, text)
