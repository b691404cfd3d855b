"""OpenCV's DNN module: its own reader, its own kernels but for one, never ONNX Runtime as a whole.

Found out, with opencv-python-headless 5.0.0:
- Of the engines that one may ask for only `ENGINE_NEW` is OpenCV's, `ENGINE_CLASSIC` is gone and gives the same one,
  and `ENGINE_ORT` is ONNX Runtime where OpenCV was built with that (this wheel was not). `OPENCV_FORCE_DNN_ENGINE` in
  the environment overrides what is asked for.
- Its matrix product is MLAS, which is ONNX Runtime's: the two agree to the bit on any Gemm, also where every other
  engine gives other bits. Sums are what engines differ in, so it counts as of ONNX Runtime's family: the two alone are
  no second opinion.
- It does not know float64: some models fail, and others give scores that are off by 100 points without a word. A model
  that has any is refused.
- Numbers below 1.2e-38 (subnormal) count as 0 in most of its operators, where the others keep them: Floor of -1e-40
  is 0, and not -1. Its Tanh gives NaN from about 8e6 on, where it should give 1.
- A Clip whose ends are in the wrong order makes the whole network empty, without an error.
- `enableFusion(False)` empties the network, too; so there is one level of optimisation.
- Any batch size runs in one network, but for none: no row gives no score without asking it.
- Threads are the process's, so each run sets them, and sets them back.
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
from tinyvmaf.model.engines.installed import version
from tinyvmaf.model.engines.model_file import parse
from tinyvmaf.model.engines.protocol import Availability, Settings, UnsupportedModelError
from tinyvmaf.model.engines.session import CheckedSession, Rows

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
        file = parse(model, engine, settings)
        self._cv2: Any = importlib.import_module("cv2")
        cv2 = self._cv2
        self._threads = settings.threads
        try:
            with self._set_up():
                self._net = cv2.dnn.readNetFromONNX(np.frombuffer(model, dtype=np.uint8), cv2.dnn.ENGINE_NEW)
                empty = self._net.empty()
        except Exception as error:  # cv2.error, which has no base but Exception
            raise ModelError(f"model: OpenCV {cv2.__version__} cannot load it: {_line(error)}") from error
        if empty:
            raise UnsupportedModelError(
                f"model: OpenCV {cv2.__version__} reads an empty network from it, which is how it refuses a node",
                hint="OPENCV_LOG_LEVEL=ERROR has it say which",
            )
        super().__init__("model", f"OpenCV {cv2.__version__}", file.width)

    def _infer(self, rows: Rows) -> NDArray[np.generic]:
        if not len(rows):
            return np.empty((0, 1), dtype=np.float32)
        with self._set_up():
            self._net.setInput(rows)
            return np.array(self._net.forward())

    @contextmanager
    def _set_up(self) -> Iterator[None]:
        """The process's number of threads, and silence: what is wrong comes as an exception, too."""
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
    """OpenCV's own DNN engine on the CPU. Of ONNX Runtime's family, for its matrix product is that one's."""

    name: str = "opencv"
    family: str = "onnxruntime"
    arithmetic: frozenset[str] = frozenset({"float32"})
    levels: tuple[str, ...] = ("all",)
    threaded: bool = True

    def available(self) -> Availability:
        """Whether OpenCV 5 is installed and nobody forces another engine upon it."""
        found = version(*_DISTRIBUTIONS, module="cv2")
        if found is None:
            return Availability(False, "OpenCV is not installed: pip install opencv-python-headless")
        if found.split(".")[0].isdigit() and int(found.split(".")[0]) < _OLDEST:
            return Availability(
                False, f"it is older than OpenCV {_OLDEST}: pip install -U opencv-python-headless", found
            )
        if os.environ.get(_FORCED):
            return Availability(False, f"{_FORCED} is set, which may make it another engine: unset it", found)
        return Availability(True, "", found, "CPU", {"engine": "ENGINE_NEW"})

    def load(self, model: bytes, settings: Settings = Settings()) -> OpenCvSession:  # noqa: B008 (it is frozen)
        """As `Engine.load`."""
        return OpenCvSession(model, self, settings)


ENGINE: Final = OpenCv()


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
