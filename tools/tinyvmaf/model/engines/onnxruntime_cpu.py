"""ONNX Runtime on the CPU: sequential, nothing that depends on the machine's load. The engine that others are held to.

Found out: its result for a row may change with the batch size only where a matrix product's order of summation does.
It has no float64 kernel of some operators (Erf), and says so at loading.
"""

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.errors import ModelError
from tinyvmaf.model.engines.installed import version
from tinyvmaf.model.engines.model_file import parse
from tinyvmaf.model.engines.protocol import LEVELS, Availability, EngineError, Settings, UnsupportedModelError
from tinyvmaf.model.engines.session import CheckedSession, Rows

DISTRIBUTIONS: Final = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-directml")
CONFIG: Final = {"session.intra_op.allow_spinning": "0"}
_CPU: Final = "CPUExecutionProvider"
_ERRORS_ONLY: Final = 3


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
            provider_options: of the execution provider, by its own names.
            config: entries of the session, by ONNX Runtime's own names.
            profile: beginning of the path that a profile is written to; None for none.

        Raises:
            ModelError: not readable, not ONNX, or it does not have one input of rank 2 and one output.
            UnsupportedModelError: there is no kernel for one of its nodes.
        """
        ort = import_onnxruntime()
        name = "model" if isinstance(model, bytes) else str(model)
        options = ort.SessionOptions()
        options.intra_op_num_threads = settings.threads
        options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = _level(ort, settings.optimisation)
        for key, value in config.items():
            options.add_session_config_entry(key, value)
        options.log_severity_level = _ERRORS_ONLY
        if profile is not None:
            options.enable_profiling, options.profile_file_prefix = True, profile
        try:
            data = model if isinstance(model, bytes) else model.read_bytes()
            self._session = ort.InferenceSession(data, options, providers=[(provider, dict(provider_options))])
        except Exception as error:  # ONNX Runtime's exceptions have no base of their own
            lacks = type(error).__name__ == "NotImplemented" or "fallback to CPU EP has been" in str(error)
            kind = UnsupportedModelError if lacks else ModelError
            raise kind(f"{name}: ONNX Runtime {ort.__version__} cannot load it: {error}") from error
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1 or len(outputs) != 1 or len(inputs[0].shape) != 2:
            raise ModelError(
                f"{name}: {len(inputs)} inputs {[i.shape for i in inputs]} and {len(outputs)} outputs",
                hint="the contract is one input [N, F] and one output [N, 1]",
            )
        # Where a provider cannot be set up, ONNX Runtime makes a session without it, and only prints that.
        if self._session.get_providers()[0] != provider:
            raise EngineError(f"ONNX Runtime {ort.__version__} gave {self._session.get_providers()}, not {provider}")
        self.input_name: str = inputs[0].name
        super().__init__(name, "ONNX Runtime", inputs[0].shape[1])

    @property
    def bare(self) -> Callable[[None, Mapping[str, Rows]], list[NDArray[np.generic]]]:
        """The runtime's own call, without a check of ours around it: for who times it. Takes rows by `input_name`."""
        return self._session.run  # type: ignore[no-any-return]

    def end_profile(self) -> Path:
        """Stop profiling; where the profile was written."""
        return Path(self._session.end_profiling())

    def _infer(self, rows: Rows) -> NDArray[np.generic]:
        (scores,) = self._session.run(None, {self.input_name: rows})
        return np.asarray(scores)


class OnnxRuntimeCpu(OnnxRuntimeSession):
    """A model of the contract in an ONNX Runtime session."""

    def __init__(self, model: Path | bytes, settings: Settings = Settings()) -> None:  # noqa: B008 (it is frozen)
        """Load a model file or its bytes.

        Raises:
            ModelError: not readable, not ONNX, or it does not have one input of rank 2 and one output.
        """
        super().__init__(model, settings, _CPU, {}, CONFIG)


@dataclass(frozen=True)
class OnnxRuntimeCpuEngine:
    """`OnnxRuntimeCpu` as one engine of many."""

    name: str = "onnxruntime-cpu"
    family: str = "onnxruntime"
    arithmetic: frozenset[str] = frozenset({"float32", "float64"})
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
        parse(model, self, settings)
        return OnnxRuntimeCpu(model, settings)


ENGINE: Final = OnnxRuntimeCpuEngine()


def import_onnxruntime() -> Any:
    """ONNX Runtime, told not to send anything.

    Its import alone writes files into the temporary folder or the user's cache, before it can be told anything: only
    who runs a model, or asks which providers there are, should have that.
    """
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    return onnxruntime


def _level(ort: Any, optimisation: str) -> Any:
    levels = ort.GraphOptimizationLevel
    return {
        "none": levels.ORT_DISABLE_ALL,
        "basic": levels.ORT_ENABLE_BASIC,
        "extended": levels.ORT_ENABLE_EXTENDED,
        "all": levels.ORT_ENABLE_ALL,
    }[optimisation]
