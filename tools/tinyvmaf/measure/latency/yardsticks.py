"""What models are timed against: a session call that does nothing, and the teacher itself."""

import numpy as np
from onnx import TensorProto

from tinyvmaf.model.contract import INPUT, OUTPUT
from tinyvmaf.model.writer.graph import Graph
from tinyvmaf.model.writer.svr import add_svr
from tinyvmaf.vmaf.teacher import Teacher


def floor_model(features: int) -> bytes:
    """An Identity node, float32 `[N, features]` to the same: the cost of a session call, and of nothing else.

    It gives all its columns, not a score: a node that picked one would not be nothing.
    """
    graph = Graph()
    graph.node("Identity", [INPUT], OUTPUT)
    return graph.model("floor", features, {}, columns=features)


def teacher_model(teacher: Teacher) -> bytes:
    """The teacher's SVR with float64 and `Exp` inside: what it costs where nobody asks for exactness.

    The registered SVR takes 2.3 times (one row a call) to 5 times (4096) as long, because no operation of it rounds;
    against that one, anything would look fast.
    """
    graph = Graph()
    x = graph.node("Cast", [INPUT], "features_f64", to=TensorProto.DOUBLE)
    graph.node("Cast", [add_svr(graph, x, teacher.svr)], OUTPUT, to=TensorProto.FLOAT)
    return graph.model("teacher", len(teacher.features), {"teacher": teacher.id, "dtype": np.dtype("f8").name})
