"""OpenCV's DNN module, with its own reader and its own kernels except for the matrix product.

Observed with opencv-python-headless 5.0.0:
- `ENGINE_NEW` is OpenCV's engine. `ENGINE_CLASSIC` now gives the same one. `ENGINE_ORT` is ONNX Runtime, if OpenCV was
  built with it (this wheel was not). The environment variable `OPENCV_FORCE_DNN_ENGINE` overrides the choice.
- Its matrix product is MLAS, as in ONNX Runtime: the two agree to the bit on any Gemm; every other engine differs.
  Engines differ mainly in sums, so OpenCV is of ONNX Runtime's family: the two alone are not independent.
- It lacks float64: some models fail, and others silently give scores that are off by 100 points. We refuse such models.
- Most of its operators treat numbers below 1.2e-38 (subnormal) as 0, unlike other engines: Floor of -1e-40 is 0, not
  -1. Its Tanh gives NaN from about 8e6 on, not 1.
- A Clip with its bounds swapped silently makes the whole network empty.
- `enableFusion(False)` makes the network empty too, so there is only one optimisation level.
- One network runs any batch size except 0, so a session answers 0 rows itself.
- The number of threads belongs to the process, so each run sets and restores it.
"""

import importlib
import os
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
from tinyvmaf.model.engines.protocol import Availability, Settings, UnsupportedModelError
from tinyvmaf.model.engines.session import CheckedSession, Rows, side_by_side

_DISTRIBUTIONS: Final = (
    "opencv-python-headless",
    "opencv-python",
    "opencv-contrib-python-headless",
    "opencv-contrib-python",
)
_FORCED: Final = "OPENCV_FORCE_DNN_ENGINE"
_OLDEST: Final = 5


class OpenCvSession(CheckedSession):
    """A model in a network of OpenCV."""

    def __init__(self, model: bytes, engine: "OpenCv", settings: Settings) -> None:
        """Read it.

        Raises:
            as `Engine.load`.
        """
        file = parse(model, engine, settings, most=MOST_OUTPUTS, pictures=True)
        self._cv2: Any = importlib.import_module("cv2")
        cv2 = self._cv2
        self._threads = settings.threads
        try:
            with self._set_up():
                self._net = cv2.dnn.readNetFromONNX(np.frombuffer(model, dtype=np.uint8), cv2.dnn.ENGINE_NEW)
                empty = self._net.empty()
        except Exception as error:  # cv2.error derives from Exception only
            raise ModelError(f"model: OpenCV {cv2.__version__} cannot load it: {_line(error)}") from error
        if empty:
            raise UnsupportedModelError(
                f"model: OpenCV {cv2.__version__} gives an empty network, so it refuses a node",
                hint="set OPENCV_LOG_LEVEL=ERROR to see which",
            )
        super().__init__("model", f"OpenCV {cv2.__version__}", file.width, len(file.outputs), file.form)
        self._names = list(file.outputs)
        self.try_pictures()

    def _infer(self, rows: Rows) -> NDArray[np.generic]:
        if not len(rows):
            return np.empty((0, len(self._names)), dtype=np.float32)
        with self._set_up():
            self._net.setInput(rows)
            found = [self._net.forward()] if len(self._names) == 1 else self._net.forward(self._names)
            return side_by_side([np.array(one) for one in found])

    @contextmanager
    def _set_up(self) -> Iterator[None]:
        """Set the process's number of threads and silence the log for a while; errors are raised as exceptions too."""
        logging = self._cv2.utils.logging
        before = self._cv2.getNumThreads(), logging.getLogLevel()
        self._cv2.setNumThreads(self._threads)
        logging.setLogLevel(logging.LOG_LEVEL_SILENT)
        try:
            yield
        finally:
            self._cv2.setNumThreads(before[0])
            logging.setLogLevel(before[1])


@dataclass(frozen=True)
class OpenCv:
    """OpenCV's own DNN engine on the CPU. Of ONNX Runtime's family, because it shares the matrix product."""

    name: str = "opencv"
    family: str = "onnxruntime"
    arithmetic: frozenset[str] = frozenset({"float32"})
    levels: tuple[str, ...] = ("all",)
    threaded: bool = True

    def available(self) -> Availability:
        """Whether OpenCV 5 is installed and the environment forces no other engine."""
        found = version(*_DISTRIBUTIONS, module="cv2")
        if found is None:
            return Availability(False, "OpenCV is not installed: pip install opencv-python-headless")
        if found.split(".")[0].isdigit() and int(found.split(".")[0]) < _OLDEST:
            return Availability(False, f"older than OpenCV {_OLDEST}: pip install -U opencv-python-headless", found)
        if os.environ.get(_FORCED):
            return Availability(False, f"{_FORCED} is set and may choose another engine: unset it", found)
        return Availability(True, "", found, "CPU", {"engine": "ENGINE_NEW"})

    def load(self, model: bytes, settings: Settings = Settings()) -> OpenCvSession:  # noqa: B008 (it is frozen)
        """As `Engine.load`."""
        return OpenCvSession(model, self, settings)


ENGINE: Final = OpenCv()


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
