"""ONNX Runtime with an execution provider other than the CPU: CUDA, TensorRT, OpenVINO, DirectML, Core ML, XNNPACK.

ONNX Runtime runs nodes that a provider lacks on the CPU. If it cannot set the provider up, it runs the whole model on
the CPU, with one line on stderr. Both would compare the CPU with itself. So the engine disables the fallback
(`session.disable_cpu_ep_fallback`), requires the provider to be first in the session, and profiles one row: every node
must run on the provider.

Not verified on hardware: the option names come from ONNX Runtime's documentation.
"""

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from tinyvmaf import scratch
from tinyvmaf.model.contract import MOST_OUTPUTS
from tinyvmaf.model.engines.installed import nvidia_gpu, version
from tinyvmaf.model.engines.model_file import parse
from tinyvmaf.model.engines.onnxruntime_cpu import CONFIG, DISTRIBUTIONS, OnnxRuntimeSession, import_onnxruntime
from tinyvmaf.model.engines.protocol import LEVELS, Availability, EngineError, Settings, UnsupportedModelError

NO_FALLBACK: Final = {"session.disable_cpu_ep_fallback": "1"}


@dataclass(frozen=True)
class OnnxRuntimeProvider:
    """ONNX Runtime with one execution provider.

    All are of one family with the CPU engine: the same code reads and rewrites the graph. OpenVINO's provider has the
    kernels of the engine `openvino`; XNNPACK, DirectML, Core ML and CUDA have kernels of their own.
    """

    name: str
    provider: str
    """ONNX Runtime's name, for example `CUDAExecutionProvider`."""
    package: str = "a build of ONNX Runtime that has it"
    """The package to install."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Options of the provider, by its own names."""
    arithmetic: frozenset[str] = frozenset({"float32"})
    """Only CUDA is known to compute float64 in float64; OpenVINO converts it to float32."""
    device: Callable[[], str] = str
    """Finds the name of the hardware; gives an empty string if it is missing."""
    device_name: str = ""
    """The hardware that `device` looks for; empty if none is needed."""
    family: str = "onnxruntime"
    levels: tuple[str, ...] = LEVELS
    threaded: bool = False

    def available(self) -> Availability:
        """Whether this build of ONNX Runtime has the provider, and the machine its device."""
        found = version(*DISTRIBUTIONS, module="onnxruntime")
        if found is None:
            return Availability(False, f"ONNX Runtime is not installed: pip install {self.package}")
        if self.provider not in build_has():
            return Availability(False, f"this ONNX Runtime has no {self.provider}: install {self.package}", found)
        device = self.device()
        if self.device_name and not device:
            return Availability(False, f"no {self.device_name} here", found)
        return Availability(True, "", found, device, {**CONFIG, **NO_FALLBACK, **self.options})

    def load(self, model: bytes, settings: Settings = Settings()) -> OnnxRuntimeSession:  # noqa: B008
        """As `Engine.load`; runs one row to see where its nodes run."""
        width = parse(model, self, settings, most=MOST_OUTPUTS, pictures=True).width
        with scratch.folder() as folder:
            session = OnnxRuntimeSession(
                model, settings, self.provider, self.options, {**CONFIG, **NO_FALLBACK}, profile=f"{folder}/profile"
            )
            if session.form is None:
                session.run(np.zeros((1, width if isinstance(width, int) else 1), dtype=np.float32))
            session.try_pictures()
            require(self.provider, computed_on(session.end_profile()))
        return session


@functools.cache
def build_has() -> tuple[str, ...]:
    """The execution providers of the installed ONNX Runtime, in its order."""
    return tuple(import_onnxruntime().get_available_providers())


def computed_on(profile: Path) -> dict[str, list[str]]:
    """Reads from ONNX Runtime's profile which nodes ran on which execution provider.

    Returns:
        Provider name to node names, in the order in which they ran.

    Raises:
        EngineError: not a profile of ONNX Runtime.
    """
    nodes: dict[str, list[str]] = {}
    try:
        for event in json.loads(profile.read_text(encoding="utf-8")):
            if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
                nodes.setdefault(event["args"]["provider"], []).append(event["name"].removesuffix("_kernel_time"))
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise EngineError(f"{profile.name} is not a profile of ONNX Runtime: {error!r}") from error
    return nodes


def require(provider: str, nodes: Mapping[str, list[str]]) -> None:
    """Require that all nodes ran on a provider, and at least one did.

    Raises:
        EngineError: no node ran on the provider, so it was not tested.
        UnsupportedModelError: some nodes ran elsewhere.
    """
    elsewhere = {name: ran for name, ran in nodes.items() if name != provider}
    where = "; ".join(f"{name}: {', '.join(ran[:5])}" for name, ran in elsewhere.items())
    if provider not in nodes:
        raise EngineError(f"no node ran on {provider}, but on {where or 'nothing'}")
    if elsewhere:
        raise UnsupportedModelError(f"not all of the model ran on {provider}; on {where}")


# TF32 is on by default and keeps only 10 bits of a product's factors.
CUDA: Final = OnnxRuntimeProvider(
    "onnxruntime-cuda",
    "CUDAExecutionProvider",
    "onnxruntime-gpu",
    {"use_tf32": "0"},
    frozenset({"float32", "float64"}),
    nvidia_gpu,
    "NVIDIA GPU",
)
# TensorRT has no option against TF32; NVIDIA_TF32_OVERRIDE=0 in the environment tells the driver.
TENSORRT: Final = OnnxRuntimeProvider(
    "onnxruntime-tensorrt",
    "TensorrtExecutionProvider",
    "onnxruntime-gpu and TensorRT",
    {"trt_fp16_enable": "0", "trt_int8_enable": "0"},
    device=nvidia_gpu,
    device_name="NVIDIA GPU",
)
OPENVINO: Final = OnnxRuntimeProvider(
    "onnxruntime-openvino",
    "OpenVINOExecutionProvider",
    "onnxruntime-openvino",
    {"device_type": "CPU", "precision": "FP32"},
)
DIRECTML: Final = OnnxRuntimeProvider("onnxruntime-directml", "DmlExecutionProvider", "onnxruntime-directml")
COREML: Final = OnnxRuntimeProvider(
    "onnxruntime-coreml",
    "CoreMLExecutionProvider",
    "onnxruntime on macOS",
    {"AllowLowPrecisionAccumulationOnGPU": "0"},
)
XNNPACK: Final = OnnxRuntimeProvider("onnxruntime-xnnpack", "XnnpackExecutionProvider")
_KNOWN: Final = (CUDA, TENSORRT, OPENVINO, DIRECTML, COREML, XNNPACK)
_NO_ENGINE: Final = ("CPUExecutionProvider", "AzureExecutionProvider")
"""The CPU provider has an engine of its own; Azure's computes on another machine."""


def others() -> tuple[OnnxRuntimeProvider, ...]:
    """One engine for each provider of this build of ONNX Runtime that has no engine above."""
    if version(*DISTRIBUTIONS, module="onnxruntime") is None:
        return ()
    known = {engine.provider for engine in _KNOWN}
    return tuple(
        OnnxRuntimeProvider(f"onnxruntime-{provider.removesuffix('ExecutionProvider').lower()}", provider)
        for provider in build_has()
        if provider not in known and provider not in _NO_ENGINE
    )
