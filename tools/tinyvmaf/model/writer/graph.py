"""Builds a graph from named nodes and constants, and writes it as one file with reproducible bytes."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tinyvmaf.model.contract import INPUT, OPSET, OUTPUT

IR_VERSION: Final = 8
BATCH: Final = "N"


class Graph:
    """Collects nodes and constants, then gives the file's bytes."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: NDArray[np.generic]) -> str:
        """Add a constant; returns its name."""
        self.constants.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def node(self, op: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """Add a node with one output; returns the output's name."""
        self.nodes.append(helper.make_node(op, list(inputs), [output], name=output, **attributes))
        return output

    def model(
        self,
        name: str,
        n_features: int,
        metadata: Mapping[str, str],
        *,
        rows: str | int = BATCH,
        columns: int = 1,
        outputs: Sequence[str] = (OUTPUT,),
    ) -> bytes:
        """The file's bytes: `features` float32 `[N, n_features]` to `outputs`, float32 `[rows, columns]` each."""
        graph = helper.make_graph(
            self.nodes,
            name,
            [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [BATCH, n_features])],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, [rows, columns]) for output in outputs],
            self.constants,
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="tinyvmaf",
        )
        helper.set_model_props(model, dict(sorted(metadata.items())))
        onnx.checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString(deterministic=True))
