"""ONNX's own reference evaluator: the operators as the specification's authors implement them, in NumPy."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.errors import ModelError
from tinyvmaf.model.contract import MOST_OUTPUTS
from tinyvmaf.model.engines.installed import version
from tinyvmaf.model.engines.model_file import parse
from tinyvmaf.model.engines.protocol import Availability, Settings, UnsupportedModelError
from tinyvmaf.model.engines.session import CheckedSession, Rows, side_by_side


class ReferenceSession(CheckedSession):
    """A model in ONNX's reference evaluator."""

    def __init__(self, model: bytes, engine: "OnnxReference", settings: Settings) -> None:
        """Read it.

        Raises:
            as `Engine.load`.
        """
        file = parse(model, engine, settings, most=MOST_OUTPUTS, pictures=True)
        # Slow to import (0.15 s).
        from onnx import __version__
        from onnx.reference import ReferenceEvaluator

        self._input = file.input
        try:
            self._evaluator = ReferenceEvaluator(file.proto)
        except NotImplementedError as error:
            raise UnsupportedModelError(f"model: onnx {__version__} does not evaluate it: {error}") from error
        except Exception as error:  # onnx raises RuntimeError, TypeError and others
            if "No implementation for operator" in str(error):  # of this version: it has newer ones only
                raise UnsupportedModelError(f"model: onnx {__version__} does not evaluate it: {error}") from error
            raise ModelError(f"model: onnx {__version__} cannot load it: {error}") from error
        super().__init__("model", f"onnx {__version__}", file.width, len(file.outputs), file.form)

    def _infer(self, rows: Rows) -> NDArray[np.generic]:
        with np.errstate(all="ignore"):
            return side_by_side(list(map(np.asarray, self._evaluator.run(None, {self._input: rows}))))


@dataclass(frozen=True)
class OnnxReference:
    """ONNX's reference evaluator: its own operators, with NumPy's arithmetic."""

    name: str = "onnx-reference"
    family: str = "numpy"
    arithmetic: frozenset[str] = frozenset({"bfloat16", "float16", "float32", "float64"})
    levels: tuple[str, ...] = ("all",)
    threaded: bool = False

    def available(self) -> Availability:
        """Whether onnx is installed."""
        found = version("onnx", module="onnx")
        if found is None:
            return Availability(False, "onnx is not installed: pip install onnx")
        return Availability(True, version=found, device="CPU")

    def load(self, model: bytes, settings: Settings = Settings()) -> ReferenceSession:  # noqa: B008 (it is frozen)
        """As `Engine.load`."""
        return ReferenceSession(model, self, settings)


ENGINE: Final = OnnxReference()
