"""Adoption: adds the nodes that feed a third-party graph before it, and those that shape its scores after it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper, version_converter

from tinyvmaf.errors import ModelError
from tinyvmaf.model.contract import INPUT, OPSET, OUTPUT
from tinyvmaf.model.contract.words import in_one_line
from tinyvmaf.model.engines.onnxruntime_cpu import bare_session
from tinyvmaf.model.engines.protocol import UnsupportedModelError
from tinyvmaf.model.third_party.feed import FeedDescription
from tinyvmaf.model.third_party.held import refused
from tinyvmaf.model.third_party.newer import written_out
from tinyvmaf.model.third_party.original import Original

_IR: Final = 8
_PREFIX: Final = "original/"
Rows = NDArray[np.floating]


@dataclass(frozen=True)
class AdoptedModel:
    """A third-party model in a form that the gates can judge."""

    data: bytes
    """The adopted ONNX file. The contract gate checks that it keeps the model contract."""
    original: Original
    feed: FeedDescription
    sentences: tuple[str, ...]
    """Sentences for the report: how it is fed, which nodes were added, and what was converted."""


def adopt(original: Original, feed: FeedDescription, teacher_features: Sequence[str]) -> AdoptedModel:
    """Make a file that takes the teacher's features in the teacher's order and gives one score a frame.

    Normalisation is (x - mean) / std in float32.

    Raises:
        ModelError: onnx cannot convert the operators to the contract's opset, or fails on the file.
    """
    with refused(original.path):
        return _adopt(original, feed, teacher_features)


def _adopt(original: Original, feed: FeedDescription, teacher_features: Sequence[str]) -> AdoptedModel:
    changed = list(original.changes)
    model = ModelProto()
    model.CopyFrom(original.model)
    if original.uncertainty is not None:
        changed.append(f"output {original.uncertainty!r}, its own uncertainty, is not judged")
        _keep_first_output(model.graph)
    if newer := written_out(model, original.opset):
        changed.append(f"{', '.join(newer)} written out by older operators")
    if original.opset != OPSET:
        try:
            model = version_converter.convert_version(model, OPSET)
        except Exception as error:  # the C++ converter raises several types
            raise ModelError(
                f"{original.path}: opset {original.opset} cannot be converted to {OPSET}: {in_one_line(error)}"
            ) from error
        for node in model.graph.node:  # the converter leaves it where it does not exist yet
            if node.op_type.startswith("Reduce") and node.op_type != "ReduceSum":
                kept = [one for one in node.attribute if one.name != "noop_with_empty_axes"]
                del node.attribute[:]
                node.attribute.extend(kept)
        changed.append(f"operators converted from opset {original.opset} to {OPSET}")
    onnx.compose.add_prefix(model, _PREFIX, inplace=True)
    graph = model.graph
    before, constants = _before(original, feed, teacher_features, [one.name for one in graph.input])
    behind, more = _behind(original, graph.output[0].name)
    adopted = helper.make_graph(
        [*before, *graph.node, *behind],
        "adopted",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["N", len(teacher_features)])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["N", 1])],
        [*constants, *graph.initializer, *more],
    )
    others = [one for one in model.opset_import if one.domain]
    sets = [helper.make_opsetid("", OPSET), *others]
    whole = helper.make_model(adopted, opset_imports=sets, producer_name="tinyvmaf")
    whole.ir_version = _IR
    # The adopted graph takes its teacher's order.
    whole.metadata_props.extend(
        one for one in original.model.metadata_props if one.key not in ("feature_order", "teacher")
    )
    changed += [
        f"{where} the original: {', '.join(node.op_type for node in nodes)}"
        for where, nodes in (("added before", before), ("added after", behind))
    ]
    if original.external:
        changed.append(f"external data read in from {', '.join(original.external)}")
    return AdoptedModel(whole.SerializeToString(deterministic=True), original, feed, (*feed.sources, *changed))


def _keep_first_output(graph: GraphProto) -> None:
    """Remove all outputs but the first, and the nodes and weights that only they need."""
    del graph.output[1:]
    needed = {graph.output[0].name}
    kept = list[NodeProto]()
    for node in reversed(graph.node):
        if needed & set(node.output):
            kept.append(node)
            needed |= set(node.input)
    weights = [tensor for tensor in graph.initializer if tensor.name in needed]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(reversed(kept))
    graph.initializer.extend(weights)


def original_scorer(adopted: AdoptedModel, teacher_features: Sequence[str]) -> Callable[[Rows], NDArray[np.float64]]:
    """A function that feeds the original by NumPy: the adopted file must give the same scores.

    It takes rows of the teacher's features `[N, F]` and returns float64 `[N]`, VMAF points.

    Raises:
        ModelError: neither ONNX Runtime nor onnx loads it.
    """
    return _scorer(adopted, teacher_features, adopted.original.output)


@dataclass(frozen=True)
class AsItCame:
    """An original that ONNX Runtime runs, to be timed without the nodes that adoption adds."""

    data: bytes
    output: str
    feed: Callable[[Rows], dict[str, Rows]]
    """From rows of the teacher's features, float32 `[N, F]`, to its own inputs."""


def as_it_came(adopted: AdoptedModel, teacher_features: Sequence[str]) -> AsItCame | None:
    """The original; None if ONNX Runtime cannot load it as it is."""
    data = adopted.original.data()
    try:
        bare_session(data)
    except UnsupportedModelError:
        return None
    return AsItCame(data, adopted.original.output, _feeder(adopted, teacher_features))


def _feeder(adopted: AdoptedModel, teacher_features: Sequence[str]) -> Callable[[Rows], dict[str, Rows]]:
    original, feed = adopted.original, adopted.feed
    order = [list(teacher_features).index(name) for name in feed.features]

    def fed(rows: Rows) -> dict[str, Rows]:
        found: NDArray[Any] = np.asarray(rows, dtype=np.float32)[:, order]
        if feed.mean is not None and feed.std is not None:
            with np.errstate(all="ignore"):
                found = (found - np.array(feed.mean, dtype=np.float32)) / np.array(feed.std, dtype=np.float32)
        return _arranged(original, found.astype(helper.tensor_dtype_to_np_dtype(original.type_in)))

    return fed


def _scorer(
    adopted: AdoptedModel, teacher_features: Sequence[str], output: str
) -> Callable[[Rows], NDArray[np.float64]]:
    original, feed = adopted.original, _feeder(adopted, teacher_features)
    session = _session(original)

    def run(rows: Rows) -> NDArray[np.float64]:
        fed = feed(rows)
        try:
            with np.errstate(all="ignore"):
                (scores,) = session.run([output], fed)
        except Exception as error:  # ONNX Runtime's errors have no common base
            raise ModelError(f"{original.path} does not run: {in_one_line(error)}") from error
        return np.asarray(scores, dtype=np.float64).reshape(-1)

    return run


def original_uncertainty(
    adopted: AdoptedModel, teacher_features: Sequence[str], rows: Rows
) -> NDArray[np.float64] | None:
    """What the original says of its own uncertainty for rows `[N, F]`, float64 `[N]`; None if it has no such output."""
    name = adopted.original.uncertainty
    return None if name is None else _scorer(adopted, teacher_features, name)(rows)


def _session(original: Original) -> Any:
    """A session that runs the original as it is: ONNX Runtime's, or onnx's for what is too new for that."""
    data = original.data()
    try:
        return bare_session(data)
    except UnsupportedModelError as error:
        from onnx.reference import ReferenceEvaluator

        try:
            return ReferenceEvaluator(original.model)
        except Exception as other:
            raise ModelError(f"{original.path} does not run: {in_one_line(error)}; {in_one_line(other)}") from error


def _arranged(original: Original, rows: Rows) -> dict[str, Rows]:
    """The inputs of the original, by name."""
    if len(original.inputs) == 1:
        return {original.inputs[0]: rows}
    return {name: rows[:, [i]] if original.columns else rows[:, i] for i, name in enumerate(original.inputs)}


def _before(
    original: Original, feed: FeedDescription, teacher_features: Sequence[str], names: Sequence[str]
) -> tuple[list[NodeProto], list[TensorProto]]:
    steps: list[tuple[str, list[TensorProto], dict[str, Any]]] = []
    if list(feed.features) != list(teacher_features):
        order = np.array([list(teacher_features).index(feature) for feature in feed.features], dtype=np.int64)
        steps.append(("Gather", [numpy_helper.from_array(order, "order")], {"axis": 1}))
    if feed.mean is not None and feed.std is not None:
        for operator, values in (("Sub", feed.mean), ("Div", feed.std)):
            constant = numpy_helper.from_array(np.array([values], dtype=np.float32), operator.lower())
            steps.append((operator, [constant], {}))
    if original.type_in != TensorProto.FLOAT:
        steps.append(("Cast", [], {"to": original.type_in}))
    if len(names) == 1:
        return _chain(INPUT, steps or [("Identity", [], {})], names[0])  # if only the name differs
    nodes, constants = _chain(INPUT, steps, "fed") if steps else ([], [])
    for i, name in enumerate(names):
        column = np.array([i] if original.columns else i, dtype=np.int64)
        constants.append(numpy_helper.from_array(column, f"column{i}"))
        nodes.append(helper.make_node("Gather", ["fed" if steps else INPUT, f"column{i}"], [name], axis=1))
    return nodes, constants


def _behind(original: Original, name: str) -> tuple[list[NodeProto], list[TensorProto]]:
    steps: list[tuple[str, list[TensorProto], dict[str, Any]]] = []
    if original.type_out != TensorProto.FLOAT:
        steps.append(("Cast", [], {"to": TensorProto.FLOAT}))
    if original.rank == 1:
        steps.append(("Unsqueeze", [numpy_helper.from_array(np.array([1], dtype=np.int64), "column")], {}))
    if not steps:
        steps.append(("Identity", [], {}))
    return _chain(name, steps, OUTPUT)


def _chain(
    start: str, steps: Sequence[tuple[str, list[TensorProto], dict[str, Any]]], end: str
) -> tuple[list[NodeProto], list[TensorProto]]:
    nodes, constants, current = list[NodeProto](), list[TensorProto](), start
    for i, (operator, more, attributes) in enumerate(steps):
        output = end if i == len(steps) - 1 else f"{start}/{operator}"
        nodes.append(helper.make_node(operator, [current, *(t.name for t in more)], [output], **attributes))
        constants += more
        current = output
    return nodes, constants
