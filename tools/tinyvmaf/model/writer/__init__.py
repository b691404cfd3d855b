"""ONNX models by the model contract: `features` float32 `[N, F]` to `score` float32 `[N, 1]`, one deterministic file.

opset 17, no external data, normalisation and clip inside the graph.
"""

from tinyvmaf.model.writer.svr import svr_model

__all__ = ["svr_model"]
