"""Makes of a third-party file one graph that can be adopted. Nothing in it runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import onnx
from onnx import GraphProto, ModelProto

from tinyvmaf.errors import ModelError
from tinyvmaf.model.contract import IR_VERSIONS, MAX_NODES, OPSET, ml
from tinyvmaf.model.contract.graph import graph_faults
from tinyvmaf.model.contract.words import quoted
from tinyvmaf.model.third_party import bfloat16, reshaping
from tinyvmaf.model.third_party.functions import inlined
from tinyvmaf.model.third_party.held import Held, hold, parsed, refused
from tinyvmaf.model.third_party.interface import (
    fixed_batch,
    free_axes,
    inputs_of,
    outputs_of,
    rank_in_words,
    tensor_of,
    type_of_inputs,
)
from tinyvmaf.model.third_party.newer import MICROSOFT, NEWER, OF_THE_QUANTISER

OPSETS: Final = range(7, onnx.defs.onnx_opset_version() + 1)
_OWN: Final = ("", "ai.onnx")
_ALLOWED: Final = NEWER | OF_THE_QUANTISER | {"Shape"}


@dataclass(frozen=True)
class Original:
    """A third-party model that is safe to load: one graph from one input to one output, with all its data."""

    path: Path
    model: ModelProto
    """External data is read in. Weights are no longer inputs as well. Declared shapes of inner values are dropped."""
    inputs: tuple[str, ...]
    """One for all features, or one for each."""
    columns: bool
    """Whether an input is `[N, F]`, or `[N, 1]` where each feature has its own; else `[N]`."""
    output: str
    """The score."""
    uncertainty: str | None
    """A second output: by its name the model's own uncertainty."""
    type_in: int
    """ONNX's number for float32, float64 or float16: of the input. `type_out` likewise."""
    type_out: int
    rank: int
    """Of the score, 1 or 2."""
    opset: int
    sha256: str
    """Of the file."""
    size: int
    """Bytes of the file and its external data."""
    external: tuple[str, ...]
    """Names of the files with its external data."""
    changes: tuple[str, ...] = ()
    """What was written out by other nodes, in sentences."""

    def data(self) -> bytes:
        """The model as one file, with its own names."""
        return bytes(self.model.SerializeToString(deterministic=True))


@contextmanager
def _of(path: Path) -> Iterator[None]:
    """Put the file in front of what a ModelError inside says."""
    try:
        yield
    except ModelError as error:
        raise ModelError(f"{path}: {error.message}", hint=error.hint) from error


def read_original(path: Path, width: int, held: Held | None = None) -> Original:
    """Read a third-party file and its external data.

    Args:
        width: the number of features in its description.
        held: the file, if it was read before.

    Raises:
        ModelError: the file cannot be a candidate, with the reason.
    """
    with refused(path):
        return _read_original(held or hold(path), width)


def refused_by_looking(held: Held) -> bool:
    """Whether `read_original` will refuse the file before anything but protobuf and Python have looked at it.

    Raises:
        ModelError: as `read_original`; it will.
    """
    with refused(held.path):
        model = parsed(held.path, held.data)
        if model.functions:
            return False
        _opset(held.path, model)
        taken = inputs_of(held.path, model.graph)
        del model.graph.value_info[:], model.graph.output[:], model.graph.input[:]
        model.graph.input.extend(taken)
        return bool(graph_faults(model.graph, newer=_ALLOWED))


def _read_original(held: Held, width: int) -> Original:
    path, model = held.path, parsed(held.path, held.data)
    with _of(path):
        changes = {"its own functions written out": inlined(model)}
    opset = _opset(path, model)
    graph = model.graph
    free_axes(graph)
    taken = inputs_of(path, graph)
    type_in, columns = type_of_inputs(path, taken, width)
    score, uncertainty = outputs_of(path, graph)
    type_out, shape = tensor_of(path, "output", score)
    del graph.value_info[:], graph.output[:], graph.input[:]
    graph.input.extend(taken)
    _sort(graph)
    if found := graph_faults(graph, newer=_ALLOWED):
        raise ModelError(f"{path}: {found[0]}" + (f"; and {len(found) - 1} more" if len(found) > 1 else ""))
    graph.output.append(score)
    with _of(path):
        changes["shapes that it computes from the number of frames written as constants"] = reshaping.settled(model)
    if shape is None:
        graph.output[0].CopyFrom(onnx.shape_inference.infer_shapes(model, strict_mode=True).graph.output[0])
        shape = tensor_of(path, "output", graph.output[0])[1]
    if shape is None or len(shape) not in (1, 2) or (len(shape) == 2 and isinstance(shape[1], int) and shape[1] != 1):
        listed = rank_in_words(shape) if shape is None or len(shape) not in (1, 2) else f"{shape[1]} columns"
        raise ModelError(f"{path}: output {quoted(score.name)} has {listed}; a candidate gives [frames] or [frames, 1]")
    if isinstance(shape[0], int):
        raise fixed_batch(f"{path}: output {quoted(score.name)}", shape[0])
    if uncertainty:
        graph.output.append(uncertainty)
    changes[bfloat16.SENTENCE] = bfloat16.written_out(model)
    # From this IR version on, weights need not be inputs.
    model.ir_version = max(model.ir_version, IR_VERSIONS[0])
    # Undefined names in it must not be satisfied by the nodes that `adopt` adds.
    onnx.checker.check_model(model)
    return Original(
        path,
        model,
        tuple(one.name for one in taken),
        columns,
        score.name,
        uncertainty.name if uncertainty else None,
        type_in,
        type_out,
        len(shape),
        opset,
        held.sha256,
        held.size,
        held.external,
        tuple(sentence for sentence, made in changes.items() if made),
    )


def input_names(held: Held) -> tuple[str, ...]:
    """The names of the inputs of a third-party file; none if they are not a candidate's, which `read_original` reports.

    Raises:
        ModelError: it is not an ONNX file.
    """
    model = parsed(held.path, held.data)
    try:
        with refused(held.path):
            return tuple(one.name for one in inputs_of(held.path, model.graph))
    except ModelError:
        return ()


def _opset(path: Path, model: ModelProto) -> int:
    """The version of ONNX's own operators; domains that no node uses are removed."""
    used, foreign = set[str](), dict[str, str]()
    for node in model.graph.node:
        node.domain = "" if node.domain in _OWN else node.domain
        used.add(node.domain)
        if node.domain not in ("", ml.DOMAIN) and f"{node.domain}.{node.op_type}" not in OF_THE_QUANTISER:
            foreign[node.domain] = node.op_type
    if foreign:
        listed = ", ".join(f"{quoted(domain)} ({one[:40]})" for domain, one in list(foreign.items())[:5])
        raise ModelError(
            f"{path}: operators of domain {listed}; a candidate has only ONNX's own and those of {ml.DOMAIN}",
            hint="export it without what only ONNX Runtime has: quantise with quant_format=QuantFormat.QDQ, save no "
            "optimised graph; weights of 4 bits as float32, or as int8 behind DequantizeLinear"
            if MICROSOFT in foreign
            else None,
        )
    asked = {("" if one.domain in _OWN else one.domain): set[int]() for one in model.opset_import}
    for one in model.opset_import:
        asked["" if one.domain in _OWN else one.domain].add(one.version)
    versions = asked.get("", set()) if "" in used or "" in asked else {OPSET}
    if len(versions) != 1 or not versions <= set(OPSETS):
        listed = ", ".join(map(str, sorted(versions))) or "none"
        raise ModelError(f"{path}: opset {listed}; a candidate has one of {OPSETS[0]} to {OPSETS[-1]}")
    del model.opset_import[:]
    model.opset_import.append(onnx.helper.make_opsetid("", *versions))
    if ml.DOMAIN in used:
        theirs = asked.get(ml.DOMAIN, set())
        if len(theirs) != 1 or not theirs <= set(ml.VERSIONS):
            listed = ", ".join(map(str, sorted(theirs))) or "none"
            known = f"{ml.VERSIONS[0]} to {ml.VERSIONS[-1]}"
            raise ModelError(f"{path}: {ml.DOMAIN} of version {listed}; a candidate has one of {known}")
        model.opset_import.append(onnx.helper.make_opsetid(ml.DOMAIN, *theirs))
    if MICROSOFT in used:
        model.opset_import.append(onnx.helper.make_opsetid(MICROSOFT, 1))
    return int(*versions)


def _sort(graph: GraphProto) -> None:
    """Put nodes behind those that they need, in place: ONNX Runtime's own converter to float16 does not."""
    left = {name for node in graph.node for name in node.output if name}
    waiting, ordered = list(graph.node), list[onnx.NodeProto]()
    if len(waiting) > MAX_NODES:
        return  # refused later
    while waiting:
        later = list[onnx.NodeProto]()
        for node in waiting:
            if left & set(node.input):
                later.append(node)
            else:
                ordered.append(node)
                left -= set(node.output)
        if len(later) == len(waiting):
            return  # onnx.checker says what is wrong
        waiting = later
    del graph.node[:]
    graph.node.extend(ordered)
