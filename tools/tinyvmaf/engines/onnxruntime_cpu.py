"""ONNX Runtime on the CPU: one thread, sequential, nothing that depends on the machine's load."""

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyvmaf.errors import ModelError

_ERRORS_ONLY = 3


class OnnxRuntimeCpu:
    """A model of the contract in an ONNX Runtime session."""

    def __init__(self, model: Path | bytes) -> None:
        """Load a model file or its bytes.

        Raises:
            ModelError: not readable, not ONNX, or it does not have one input of rank 2 and one output.
        """
        # Importing it writes a session file into the temporary folder: only who runs a model should have that.
        import onnxruntime as ort

        ort.disable_telemetry_events()
        self._name = "model" if isinstance(model, bytes) else str(model)
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = _ERRORS_ONLY
        try:
            data = model if isinstance(model, bytes) else model.read_bytes()
            self._session = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's exceptions have no base of their own
            raise ModelError(f"{self._name}: ONNX Runtime {ort.__version__} cannot load it: {error}") from error
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1 or len(outputs) != 1 or len(inputs[0].shape) != 2:
            raise ModelError(
                f"{self._name}: {len(inputs)} inputs {[i.shape for i in inputs]} and {len(outputs)} outputs",
                hint="the contract is one input [N, F] and one output [N, 1]",
            )
        self._input, self._width = inputs[0].name, inputs[0].shape[1]

    def run(self, features: ArrayLike) -> NDArray[np.float32]:
        """Scores of feature rows.

        Args:
            features: `[N, F]`, converted to float32.

        Returns:
            float32 `[N]`, VMAF points.

        Raises:
            ModelError: rows of another width, the session fails, or it gives another shape or a value that is
                not finite.
        """
        rows = self._rows(features)
        return self._scores(rows, len(rows))

    def run_clip(self, features: ArrayLike) -> float:
        """The score of a clip, by a model that takes the frames of one clip a run.

        Args:
            features: `[T, F]`, converted to float32.

        Raises:
            ModelError: as `run`, and for no frame.
        """
        rows = self._rows(features)
        if not len(rows):
            raise ModelError(f"{self._name}: a clip without a frame")
        return float(self._scores(rows, 1)[0])

    def _rows(self, features: ArrayLike) -> NDArray[np.float32]:
        rows = np.ascontiguousarray(features, dtype=np.float32)
        if rows.ndim != 2 or (isinstance(self._width, int) and rows.shape[1] != self._width):
            raise ModelError(f"{self._name} takes rows of {self._width} features, not {list(rows.shape)}")
        return rows

    def _scores(self, rows: NDArray[np.float32], count: int) -> NDArray[np.float32]:
        try:
            (scores,) = self._session.run(None, {self._input: rows})
        except Exception as error:
            raise ModelError(f"{self._name}: ONNX Runtime failed: {error}") from error
        if scores.shape != (count, 1) or scores.dtype != np.float32:
            raise ModelError(f"{self._name} gave {scores.dtype} {list(scores.shape)} for {len(rows)} rows")
        if not np.isfinite(scores).all():
            row = int(np.argwhere(~np.isfinite(scores))[0][0])
            raise ModelError(f"{self._name} gave {scores[row, 0]} for row {row}: {rows[row].tolist()}")
        return np.asarray(scores[:, 0], dtype=np.float32)
