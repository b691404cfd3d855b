"""ONNX Runtime on the CPU, sequential, so that nothing depends on the machine's load. The reference engine.

Observed: a row's result changes with the batch size only if the matrix product sums in another order. Some operators
(Erf) have no float64 kernel; loading such a model fails. Few have one for float16: the others compute in float32, and
not each result in between is rounded to float16.
"""

import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.errors import ModelError
from tinyvmaf.model.contract import MOST_OUTPUTS
from tinyvmaf.model.engines.installed import version
from tinyvmaf.model.engines.model_file import INTERFACE, parse
from tinyvmaf.model.engines.pictures import PictureForm
from tinyvmaf.model.engines.protocol import LEVELS, Availability, EngineError, Settings, UnsupportedModelError
from tinyvmaf.model.engines.session import CheckedSession, Rows, side_by_side

DISTRIBUTIONS: Final = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-directml")
CONFIG: Final = {"session.intra_op.allow_spinning": "0"}
_CPU: Final = "CPUExecutionProvider"
_FATAL_ONLY: Final = 4  # an error is raised as well; printed, it would have names of the file as they are


class OnnxRuntimeSession(CheckedSession):
    """A model in an ONNX Runtime session of one execution provider."""

    def __init__(
        self,
        model: Path | bytes,
        settings: Settings,
        provider: str,
        provider_options: Mapping[str, str],
        config: Mapping[str, str],
        *,
        profile: str | None = None,
    ) -> None:
        """Load a model file or its bytes.

        Args:
            provider_options: options of the execution provider, by its own names.
            config: session entries, by ONNX Runtime's own names.
            profile: prefix of the path of a profile; None for no profile.

        Raises:
            ModelError: not readable, not ONNX, or without one input of rank 2 or 4 and one output.
            UnsupportedModelError: a node has no kernel.
        """
        ort = import_onnxruntime()
        name = "model" if isinstance(model, bytes) else str(model)
        options = _options(ort, settings, config)
        if profile is not None:
            options.enable_profiling, options.profile_file_prefix = True, profile
        try:
            data = model if isinstance(model, bytes) else model.read_bytes()
            self._session = ort.InferenceSession(data, options, providers=[(provider, dict(provider_options))])
        except Exception as error:  # ONNX Runtime's exceptions have no common base
            lacks = type(error).__name__ == "NotImplemented" or "fallback to CPU EP has been" in str(error)
            kind = UnsupportedModelError if lacks else ModelError
            raise kind(f"{name}: ONNX Runtime {ort.__version__} cannot load it: {error}") from error
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        form = None
        if len(inputs) == len(outputs) == 1 and len(inputs[0].shape) == 4:
            dtype = {"tensor(float)": "float32", "tensor(uint8)": "uint8"}.get(inputs[0].type, inputs[0].type)
            form = PictureForm.of(name, inputs[0].shape, dtype, outputs[0].shape)
        elif len(inputs) != 1 or not 1 <= len(outputs) <= MOST_OUTPUTS or len(inputs[0].shape) != 2:
            raise ModelError(
                f"{name}: {len(inputs)} inputs {[i.shape for i in inputs]} and {len(outputs)} outputs", hint=INTERFACE
            )
        # If a provider cannot be set up, ONNX Runtime only prints that, and makes a session without it.
        if self._session.get_providers()[0] != provider:
            raise EngineError(f"ONNX Runtime {ort.__version__} gave {self._session.get_providers()}, not {provider}")
        self.input_name: str = inputs[0].name
        super().__init__(name, "ONNX Runtime", inputs[0].shape[-1], len(outputs), form)

    @property
    def bare(self) -> Callable[[None, Mapping[str, Rows]], list[NDArray[np.generic]]]:
        """ONNX Runtime's own call without our checks, for timing. Takes rows by `input_name`."""
        return self._session.run  # type: ignore[no-any-return]

    def end_profile(self) -> Path:
        """Stop profiling; returns the path of the profile."""
        return Path(self._session.end_profiling())

    def _infer(self, rows: Rows) -> NDArray[np.generic]:
        return side_by_side(self._session.run(None, {self.input_name: rows}))


class OnnxRuntimeCpu(OnnxRuntimeSession):
    """A model of the contract in an ONNX Runtime session."""

    def __init__(self, model: Path | bytes, settings: Settings = Settings()) -> None:  # noqa: B008 (it is frozen)
        """Load a model file or its bytes.

        Raises:
            ModelError: not readable, not ONNX, or without one input of rank 2 and one output.
        """
        super().__init__(model, settings, _CPU, {}, CONFIG)


@dataclass(frozen=True)
class OnnxRuntimeCpuEngine:
    """The engine whose sessions are `OnnxRuntimeCpu`."""

    name: str = "onnxruntime-cpu"
    family: str = "onnxruntime"
    # Of bfloat16 it has Cast only, and says so when it loads more.
    arithmetic: frozenset[str] = frozenset({"bfloat16", "float16", "float32", "float64"})
    levels: tuple[str, ...] = LEVELS
    threaded: bool = True

    def available(self) -> Availability:
        """Whether ONNX Runtime is installed."""
        found = version(*DISTRIBUTIONS, module="onnxruntime")
        if found is None:
            return Availability(False, "ONNX Runtime is not installed: pip install onnxruntime")
        return Availability(True, version=found, device=f"CPU ({platform.machine()})", settings=CONFIG)

    def load(self, model: bytes, settings: Settings = Settings()) -> OnnxRuntimeCpu:  # noqa: B008
        """As `Engine.load`."""
        parse(model, self, settings, most=MOST_OUTPUTS, pictures=True)
        return OnnxRuntimeCpu(model, settings)


ENGINE: Final = OnnxRuntimeCpuEngine()


def import_onnxruntime() -> Any:
    """ONNX Runtime with telemetry disabled: else the import alone writes files into $TMPDIR and the user's cache."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    return onnxruntime


def bare_session(model: bytes) -> Any:
    """ONNX Runtime's own session with our settings, for a model of any inputs and outputs.

    Raises:
        UnsupportedModelError: it cannot be loaded.
    """
    ort = import_onnxruntime()
    try:
        return ort.InferenceSession(model, _options(ort, Settings(), CONFIG), providers=[_CPU])
    except Exception as error:  # ONNX Runtime's exceptions have no common base
        raise UnsupportedModelError(f"ONNX Runtime {ort.__version__} cannot load it: {error}") from error


def _options(ort: Any, settings: Settings, config: Mapping[str, str]) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = settings.threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = _level(ort, settings.optimisation)
    for key, value in config.items():
        options.add_session_config_entry(key, value)
    options.log_severity_level = _FATAL_ONLY
    return options


def _level(ort: Any, optimisation: str) -> Any:
    levels = ort.GraphOptimizationLevel
    return {
        "none": levels.ORT_DISABLE_ALL,
        "basic": levels.ORT_ENABLE_BASIC,
        "extended": levels.ORT_ENABLE_EXTENDED,
        "all": levels.ORT_ENABLE_ALL,
    }[optimisation]
