"""PyTorch: the program of `tinyvmaf.model.engines.interpreter`, operator by operator or compiled, on the CPU or a GPU.

Observed with PyTorch 2.13:
- Compiling a model takes seconds: once for one row and once for any other number of rows.
- float32 products are float32 by default. The session sets that anyway, because other code in the process may have
  chosen TF32, which keeps 10 bits of the factors on a GPU.
"""

import itertools
import os
import shutil
import sys
import sysconfig
import types
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.errors import ModelError
from tinyvmaf.files import cache_folder
from tinyvmaf.model.contract import MOST_OUTPUTS
from tinyvmaf.model.engines.installed import nvidia_gpu, version
from tinyvmaf.model.engines.model_file import parse
from tinyvmaf.model.engines.protocol import Availability, EngineError, Settings
from tinyvmaf.model.engines.session import CheckedSession, Rows, is_environments, side_by_side

_NUMBER: Final = itertools.count()
_PRECISION: Final = "float32_matmul_precision"


class TorchLibrary:
    """`Library` for PyTorch on one device."""

    def __init__(self, device: str) -> None:
        import torch

        self.xp: Any = torch
        self._device = device

    def constant(self, value: NDArray[np.generic]) -> Any:
        """A copy on the device."""
        return self.xp.tensor(value, device=self._device)

    def cast(self, x: Any, dtype: str) -> Any:
        """A copy, or the same where nothing changes."""
        return x.to(getattr(self.xp, dtype))

    def erf(self, x: Any) -> Any:
        """PyTorch's."""
        return self.xp.erf(x)

    def convolve(self, x: Any, weights: Any, strides: Sequence[int], dilations: Sequence[int], group: int) -> Any:
        """PyTorch's."""
        return self.xp.nn.functional.conv2d(x, weights, None, tuple(strides), 0, tuple(dilations), group)

    def sigmoid(self, x: Any) -> Any:
        """PyTorch's."""
        return self.xp.sigmoid(x)


class TorchSession(CheckedSession):
    """A model as a program for PyTorch."""

    def __init__(self, model: bytes, engine: "Torch", settings: Settings) -> None:
        """Read it, and run one row and then three, which also compiles it.

        Raises:
            as `Engine.load`.
        """
        from tinyvmaf.model.engines.interpreter import Program

        file = parse(model, engine, settings, most=MOST_OUTPUTS, pictures=not engine.compiled)
        library = TorchLibrary(engine.device)
        self._torch, self._device, self._threads = library.xp, engine.device, settings.threads
        if engine.device == "cuda" and not self._torch.cuda.is_available():
            raise EngineError(f"{engine.name}: PyTorch {self._torch.__version__} finds no GPU that it can use")
        self._compiled, self._precision = engine.compiled, engine.settings[_PRECISION]
        if engine.compiled:  # else PyTorch keeps what it compiled in $TMPDIR, for good
            os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache_folder() / "torchinductor"))
        program = Program(file, library)
        self._program = self._torch.compile(_own(program), fullgraph=True) if engine.compiled else program
        super().__init__("model", f"PyTorch {self._torch.__version__}", file.width, len(file.outputs), file.form)
        self.try_pictures()
        if file.form is None and isinstance(file.width, int):
            try:
                for count in (1, 3):
                    self._infer(np.zeros((count, file.width), dtype=np.float32))
            except ModelError:
                raise
            except Exception as error:  # a wrong shape or type, or the compiler, may raise anything
                kind = EngineError if is_environments(error) else ModelError
                raise kind(f"model: PyTorch {self._torch.__version__} cannot run it: {error}") from error

    def _infer(self, rows: Rows) -> NDArray[np.generic]:
        with self._set_up(), self._torch.no_grad(), warnings.catch_warnings():
            # PyTorch's compiler uses deprecated parts of PyTorch.
            warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"torch\.")
            tensor = self._torch.tensor(rows, device=self._device)
            if self._compiled:
                # Only the batch size changes. (`dynamic=True` makes other axes dynamic too, and fails.)
                self._torch._dynamo.maybe_mark_dynamic(tensor, 0)
            return side_by_side([output.cpu().numpy() for output in self._program(tensor)])

    @contextmanager
    def _set_up(self) -> Iterator[None]:
        """Set the process's number of threads and precision of products for a while."""
        torch = self._torch
        before = torch.get_num_threads(), torch.get_float32_matmul_precision()
        torch.set_num_threads(self._threads)
        torch.set_float32_matmul_precision(self._precision)
        try:
            yield
        finally:
            torch.set_num_threads(before[0])
            torch.set_float32_matmul_precision(before[1])


@dataclass(frozen=True)
class Torch:
    """PyTorch, eager or compiled, on one device.

    It reads the graph with the same code as the engine `numpy`, but shares no arithmetic with it. Matrix products are
    MKL's or oneDNN's on the CPU, cuBLAS's on a GPU.
    """

    name: str
    device: str = "cpu"
    compiled: bool = False
    family: str = "torch"
    arithmetic: frozenset[str] = frozenset({"bfloat16", "float16", "float32", "float64"})
    levels: tuple[str, ...] = ("all",)
    threaded: bool = True
    tf32: bool = False
    """Whether products may be rounded to TF32: only to measure what that costs, of no engine that judges."""

    @property
    def settings(self) -> dict[str, str]:
        """Its fixed settings."""
        return {_PRECISION: "high" if self.tf32 else "highest"}

    def available(self) -> Availability:
        """Whether PyTorch is installed, and the GPU or C++ compiler that this engine needs."""
        found = version("torch", module="torch")
        if found is None:
            return Availability(False, "PyTorch is not installed: pip install torch")
        device = "CPU"
        if self.device == "cuda":
            if found.endswith("+cpu"):
                return Availability(False, "this PyTorch is built for the CPU only: install one with CUDA", found)
            device = nvidia_gpu()
            if not device:
                return Availability(False, "no NVIDIA GPU here", found)
        lack = _compiler_lacks() if self.compiled else ""
        if lack:
            return Availability(False, f"torch.compile needs {lack}", found)
        return Availability(True, "", found, device, self.settings)

    def load(self, model: bytes, settings: Settings = Settings()) -> TorchSession:  # noqa: B008 (it is frozen)
        """As `Engine.load`."""
        return TorchSession(model, self, settings)


EAGER: Final = Torch("torch-eager")
# Compiled, operators are merged, and results in between are not rounded to float16.
COMPILED: Final = Torch("torch-compiled", compiled=True, arithmetic=frozenset({"float32", "float64"}))
CUDA: Final = Torch("torch-cuda", device="cuda")


def _compiler_lacks() -> str:
    """What is missing to compile a Python module from C++; empty if nothing."""
    usual = {"darwin": "clang++", "win32": "cl"}.get(sys.platform, "g++")
    compiler = os.environ.get("CXX") or usual
    if shutil.which(compiler) is None:
        return f"a C++ compiler: {compiler} is not on the PATH (CXX names another one)"
    header = Path(sysconfig.get_path("include")) / "Python.h"
    return "" if header.is_file() else f"Python's headers: there is no {header}"


def _own(program: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The program as a function with code of its own.

    What is compiled is kept by the code object, and only so much of it: all programs run the same code, and the ninth
    would be refused.
    """

    def run(rows: Any) -> Any:
        return program(rows)

    code = run.__code__.replace(co_name=f"program_{next(_NUMBER)}")
    return types.FunctionType(code, run.__globals__, code.co_name, None, run.__closure__)
