"""Adoption: adds the nodes that feed a third-party graph before it, and those that shape its scores after it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper, version_converter

from tinyvmaf.errors import ModelError
from tinyvmaf.model.contract import INPUT, OPSET, OUTPUT
from tinyvmaf.model.contract.words import in_one_line
from tinyvmaf.model.engines import OnnxRuntimeCpu
from tinyvmaf.model.third_party.feed import FeedDescription
from tinyvmaf.model.third_party.original import Original, refused

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
    changed = []
    model = ModelProto()
    model.CopyFrom(original.model)
    if original.opset != OPSET:
        try:
            model = version_converter.convert_version(model, OPSET)
        except Exception as error:  # the C++ converter raises several types
            raise ModelError(
                f"{original.path}: opset {original.opset} cannot be converted to {OPSET}: {in_one_line(error)}"
            ) from error
        changed.append(f"operators converted from opset {original.opset} to {OPSET}")
    onnx.compose.add_prefix(model, _PREFIX, inplace=True)
    graph = model.graph
    before, constants = _before(original, feed, teacher_features, graph.input[0].name)
    behind, more = _behind(original, graph.output[0].name)
    adopted = helper.make_graph(
        [*before, *graph.node, *behind],
        "adopted",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["N", len(teacher_features)])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["N", 1])],
        [*constants, *graph.initializer, *more],
    )
    whole = helper.make_model(adopted, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="tinyvmaf")
    whole.ir_version = _IR
    whole.metadata_props.extend(original.model.metadata_props)
    changed += [
        f"{where} the original: {', '.join(node.op_type for node in nodes)}"
        for where, nodes in (("added before", before), ("added after", behind))
    ]
    if original.external:
        changed.append(f"external data read in from {', '.join(original.external)}")
    return AdoptedModel(whole.SerializeToString(deterministic=True), original, feed, (*feed.sources, *changed))


def original_scorer(adopted: AdoptedModel, teacher_features: Sequence[str]) -> Callable[[Rows], NDArray[np.float64]]:
    """A function that feeds the original by NumPy: the adopted file must give the same scores.

    It takes rows of the teacher's features `[N, F]` and returns float64 `[N]`, VMAF points.

    Raises:
        ModelError: ONNX Runtime does not load it.
    """
    original, feed = adopted.original, adopted.feed
    order = [list(teacher_features).index(name) for name in feed.features]
    session = OnnxRuntimeCpu(original.data())

    def run(rows: Rows) -> NDArray[np.float64]:
        fed: NDArray[Any] = np.asarray(rows, dtype=np.float32)[:, order]
        if feed.mean is not None and feed.std is not None:
            fed = (fed - np.array(feed.mean, dtype=np.float32)) / np.array(feed.std, dtype=np.float32)
        fed = fed.astype(np.float64 if original.double_in else np.float32)
        try:
            (scores,) = session.bare(None, {session.input_name: fed})
        except Exception as error:  # ONNX Runtime's errors have no common base
            raise ModelError(f"{original.path} does not run: {in_one_line(error)}") from error
        return np.asarray(scores, dtype=np.float64).reshape(-1)

    return run


def _before(
    original: Original, feed: FeedDescription, teacher_features: Sequence[str], name: str
) -> tuple[list[NodeProto], list[TensorProto]]:
    steps: list[tuple[str, list[TensorProto], dict[str, Any]]] = []
    if list(feed.features) != list(teacher_features):
        order = np.array([list(teacher_features).index(feature) for feature in feed.features], dtype=np.int64)
        steps.append(("Gather", [numpy_helper.from_array(order, "order")], {"axis": 1}))
    if feed.mean is not None and feed.std is not None:
        for operator, values in (("Sub", feed.mean), ("Div", feed.std)):
            constant = numpy_helper.from_array(np.array([values], dtype=np.float32), operator.lower())
            steps.append((operator, [constant], {}))
    if original.double_in:
        steps.append(("Cast", [], {"to": TensorProto.DOUBLE}))
    if not steps:  # only the name differs
        steps.append(("Identity", [], {}))
    return _chain(INPUT, steps, name)


def _behind(original: Original, name: str) -> tuple[list[NodeProto], list[TensorProto]]:
    steps: list[tuple[str, list[TensorProto], dict[str, Any]]] = []
    if original.double_out:
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
