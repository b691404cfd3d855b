"""What is proven of: the model of an ONNX file as boxes see it, and its scores as an engine computes them."""

from collections.abc import Callable, Sequence

import numpy as np
import onnx

from tinyvmaf.measure.proof.boxes import Provable, ProvableNetwork
from tinyvmaf.measure.proof.fixed_point import read_fixed_point
from tinyvmaf.measure.proof.pieces import NoProofError
from tinyvmaf.measure.proof.polynomials import Floats
from tinyvmaf.measure.proof.reading import read_network
from tinyvmaf.measure.proof.silence import read_slice
from tinyvmaf.measure.proof.slices import Slice, slices_of
from tinyvmaf.model.contract import OUTPUT
from tinyvmaf.model.engines import OnnxRuntimeCpu, all_scores
from tinyvmaf.vmaf.teacher import Teacher


def provable(data: bytes, teacher: Teacher, feature_order: Sequence[str], part: Slice | None = None) -> Provable:
    """The model of an ONNX file, as proofs see it.

    Args:
        feature_order: the names of the model's features, in the order of its columns.
        part: of the teacher's domain (`slices_of`); None: the first.

    Raises:
        NoProofError: a kind of graph, or of teacher, that no proof exists for; says which.
    """
    if sorted(feature_order) != sorted(teacher.feature_names):
        raise NoProofError(f"the model takes {', '.join(feature_order)}, not the features of {teacher.id}")
    try:
        model = onnx.load_model_from_string(data)
    except Exception as error:  # protobuf's DecodeError has no stable home
        raise NoProofError(f"not an ONNX model: {error!r}") from error
    _keep_the_score(model.graph)
    part = part or slices_of(teacher)[0]
    columns = [list(feature_order).index(name) for name in part.teacher.feature_names]
    natural = tuple(feature_order) == teacher.feature_names
    if natural and (found := read_fixed_point(data, teacher, part)) is not None:
        return found
    if (chroma := teacher.svr.chroma) is not None:
        asked = list(feature_order).index(teacher.feature_names[chroma.chroma])
        return read_slice(model, asked, len(columns) < len(teacher.features), columns)
    return ProvableNetwork(read_network(model).with_columns(columns))


def _keep_the_score(graph: onnx.GraphProto) -> None:
    """Of several outputs, the contract's first one, and the nodes that it needs."""
    if len(graph.output) < 2 or graph.output[0].name != OUTPUT:
        return
    del graph.output[1:]
    needed, nodes = {OUTPUT}, []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            needed.update(node.input)
            nodes.append(node)
    kept = nodes[::-1]
    del graph.node[:]
    graph.node.extend(kept)


def differences(data: bytes, teacher: Teacher, feature_order: Sequence[str]) -> Callable[[Floats], Floats]:
    """|model - teacher| at rows in the teacher's order, `[N, F]`, with ONNX Runtime; infinite in place of NaN."""
    session = OnnxRuntimeCpu(data)
    columns = [teacher.feature_names.index(name) for name in feature_order]

    def found(rows: Floats) -> Floats:
        apart = np.abs(
            all_scores(session, rows[:, columns].astype(np.float32)).astype(np.float64) - teacher.predict(rows)
        )
        return np.where(np.isfinite(apart), apart, np.inf)

    return found
