"""The models that a model is timed against: an Identity node and the teacher."""

import numpy as np
from onnx import TensorProto

from tinyvmaf.model.contract import INPUT, OUTPUT
from tinyvmaf.model.writer.graph import Graph
from tinyvmaf.model.writer.svr import add_svr
from tinyvmaf.vmaf.teacher import Teacher


def floor_model(features: int) -> bytes:
    """An Identity node, float32 `[N, features]` to the same: the cost of a session call without arithmetic.

    It returns all columns, because selecting one would cost time.
    """
    graph = Graph()
    graph.node("Identity", [INPUT], OUTPUT)
    return graph.model("floor", features, {}, columns=features)


def teacher_model(teacher: Teacher) -> bytes:
    """The teacher's SVR in float64 with `Exp`: the fast form of the teacher.

    The registered SVR is exact and takes 2.3 times (1 row per call) to 5 times (4096 rows) as long. Compared with it,
    every model would look fast.
    """
    graph = Graph()
    x = graph.node("Cast", [INPUT], "features_f64", to=TensorProto.DOUBLE)
    graph.node("Cast", [add_svr(graph, x, teacher.svr)], OUTPUT, to=TensorProto.FLOAT)
    return graph.model("teacher", len(teacher.features), {"teacher": teacher.id, "dtype": np.dtype("f8").name})
