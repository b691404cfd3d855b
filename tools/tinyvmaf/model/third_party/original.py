"""Reads a third-party file. Nothing in it runs, and no file outside its folder is read."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Final

import onnx
from onnx import GraphProto, ModelProto, TensorProto, ValueInfoProto

from tinyvmaf.errors import ModelError
from tinyvmaf.model.contract import IR_VERSIONS, LARGEST, MAX_FEATURES, MAX_NODES, OPSET, ml
from tinyvmaf.model.contract.graph import graph_faults
from tinyvmaf.model.contract.words import in_one_line, quoted, type_name
from tinyvmaf.model.third_party import bfloat16
from tinyvmaf.model.third_party.newer import MICROSOFT, NEWER, OF_THE_QUANTISER

OPSETS: Final = range(7, onnx.defs.onnx_opset_version() + 1)
_UNCERTAINTY: Final = re.compile(r"(.*[^a-z])?(std|stddev|sigma|uncertainty|variance|var|error|interval|ci)([^a-z].*)?")
_TYPES: Final = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16)
_OWN: Final = ("", "ai.onnx")


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
    size: int
    """Bytes of the file and its external data."""
    external: tuple[str, ...]
    """Names of the files with its external data."""
    bfloat16: bool = False
    """Whether bfloat16 arithmetic was written out."""

    def data(self) -> bytes:
        """The model as one file, with its own names."""
        return bytes(self.model.SerializeToString(deterministic=True))


@contextmanager
def refused(path: Path) -> Iterator[None]:
    """Turn any error inside into a ModelError: what protobuf and onnx raise on hostile bytes is not documented."""
    try:
        yield
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"{path}: it cannot be inspected: {in_one_line(error)}") from error


def read_original(path: Path, width: int) -> Original:
    """Read a third-party file and its external data.

    Args:
        width: the number of features in its description.

    Raises:
        ModelError: the file cannot be a candidate, with the reason.
    """
    with refused(path):
        return _read_original(path, width)


def _read_original(path: Path, width: int) -> Original:
    data = _bytes(path, LARGEST)
    model = _parsed(path, data)
    opset = _opset(path, model)
    external = _read_in(path, model, len(data))
    graph = model.graph
    taken = _inputs(path, graph)
    type_in, columns = _features(path, taken, width)
    score, uncertainty = _outputs(path, graph)
    type_out, shape = _tensor(path, "output", score)
    del graph.value_info[:], graph.output[:], graph.input[:]
    graph.input.extend(taken)
    _sort(graph)
    if found := graph_faults(graph, newer=NEWER | OF_THE_QUANTISER):
        raise ModelError(f"{path}: {found[0]}" + (f"; and {len(found) - 1} more" if len(found) > 1 else ""))
    graph.output.append(score)
    if shape is None:
        graph.output[0].CopyFrom(onnx.shape_inference.infer_shapes(model, strict_mode=True).graph.output[0])
        shape = _tensor(path, "output", graph.output[0])[1]
    if shape is None or len(shape) not in (1, 2) or (len(shape) == 2 and isinstance(shape[1], int) and shape[1] != 1):
        listed = _rank(shape) if shape is None or len(shape) not in (1, 2) else f"{shape[1]} columns"
        raise ModelError(f"{path}: output {quoted(score.name)} has {listed}; a candidate gives [frames] or [frames, 1]")
    if isinstance(shape[0], int):
        raise _fixed(f"{path}: output {quoted(score.name)}", shape[0])
    if uncertainty:
        graph.output.append(uncertainty)
    halves = bfloat16.written_out(model)
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
        len(data) + sum(size for _, size in external),
        tuple(name for name, _ in external),
        halves,
    )


def input_names(path: Path) -> tuple[str, ...]:
    """The names of the inputs of a third-party file; none if it cannot be read, which `read_original` reports."""
    try:
        with refused(path):
            return tuple(one.name for one in _inputs(path, _parsed(path, _bytes(path, LARGEST)).graph))
    except ModelError:
        return ()


def _parsed(path: Path, data: bytes) -> ModelProto:
    try:
        return onnx.load_model_from_string(data)
    except Exception as error:  # protobuf's DecodeError has no stable home
        raise ModelError(f"{path}: it is not an ONNX file, or not all of one: {in_one_line(error)}") from error


def _inputs(path: Path, graph: GraphProto) -> list[ValueInfoProto]:
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    if not 1 <= len(inputs) <= MAX_FEATURES:
        raise ModelError(f"{path}: it has {len(inputs)} inputs; a candidate has one for all features, or one for each")
    return inputs


def _features(path: Path, inputs: Sequence[ValueInfoProto], width: int) -> tuple[int, bool]:
    """The type of the inputs, and whether they have columns."""
    if len(inputs) not in (1, width):
        raise ModelError(f"{path}: it has {len(inputs)} inputs, and {width} features are named")
    found = set()
    for one in inputs:
        kind, shape = _tensor(path, "input", one)
        where = f"{path}: input {quoted(one.name)}"
        alone = len(inputs) > 1
        if shape is None or len(shape) not in ((1, 2) if alone else (2,)):
            takes = "[frames] or [frames, 1] for each feature" if alone else "[frames, features]"
            raise ModelError(f"{where} has {_rank(shape)}; a candidate takes {takes}")
        if isinstance(shape[0], int):
            raise _fixed(where, shape[0])
        columns = 1 if alone else width
        if len(shape) == 2 and isinstance(shape[1], int) and shape[1] != columns:
            named = "it is of one feature" if alone else f"{width} features are named"
            raise ModelError(f"{where} has {shape[1]} columns, and {named}")
        found.add((kind, len(shape) == 2))
    if len(found) > 1:
        raise ModelError(f"{path}: its inputs are of several types or ranks; a candidate's are of one")
    return found.pop()


def _fixed(where: str, batch: int) -> ModelError:
    return ModelError(
        f"{where} has a fixed batch of {batch}; it must be symbolic",
        hint="export it again: torch.onnx.export(..., dynamo=True, dynamic_shapes=({0: 'N'},)), or with dynamo=False "
        "dynamic_axes={input: {0: 'N'}, output: {0: 'N'}}; in Keras, Input(shape=(features,)) without a batch size",
    )


def _outputs(path: Path, graph: GraphProto) -> tuple[ValueInfoProto, ValueInfoProto | None]:
    """The score, and the model's own uncertainty if there is a second output."""
    given = list(graph.output)
    unsure = [one for one in given if _UNCERTAINTY.fullmatch(one.name.lower())]
    if len(given) == 1:
        return given[0], None
    if len(given) != 2 or len(unsure) != 1:
        names = ", ".join(quoted(one.name) for one in given[:5]) or "none"
        raise ModelError(
            f"{path}: it has {len(given)} outputs: {names}; a candidate has one, or a second one for its uncertainty",
            hint="name the second one std",
        )
    return next(one for one in given if one is not unsure[0]), unsure[0]


def _bytes(path: Path, most: int) -> bytes:
    try:
        if not path.is_file():
            raise ModelError(f"no such file: {path}")
        if path.stat().st_size >= most:
            raise ModelError(f"{path}: {path.stat().st_size} bytes; a candidate has fewer than {LARGEST}")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error


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


def _read_in(path: Path, model: ModelProto, length: int) -> list[tuple[str, int]]:
    """Move external data into the model; returns the names and sizes of their files."""
    files: dict[str, bytes] = {}
    for tensor in model.graph.initializer:
        if not tensor.external_data and tensor.data_location == TensorProto.DEFAULT:
            continue
        entries = {entry.key: entry.value for entry in tensor.external_data}
        where = f"{path}: initializer {quoted(tensor.name)}"
        location = entries.get("location", "")
        if location not in files:
            files[location] = _external(where, path, location, LARGEST - length - sum(map(len, files.values())))
        try:
            offset = int(entries.get("offset", 0))
            count = int(entries.get("length", len(files[location]) - offset))
        except ValueError as error:
            raise ModelError(f"{where}: offset or length of its external data is not a number") from error
        if min(offset, count) < 0 or offset + count > len(files[location]):
            raise ModelError(
                f"{where}: bytes {offset} to {offset + count} of {quoted(location)}, which has {len(files[location])}"
            )
        tensor.ClearField("external_data")
        tensor.ClearField("data_location")
        tensor.raw_data = files[location][offset : offset + count]
    return [(name, len(content)) for name, content in files.items()]


def external_files(path: Path) -> list[str]:
    """The files with the external data of a third-party file, inside its folder and relative to it.

    None if it cannot be read, which `read_original` reports.
    """
    try:
        with refused(path):
            tensors = _parsed(path, _bytes(path, LARGEST)).graph.initializer
    except ModelError:
        return []
    found = (entry.value for tensor in tensors for entry in tensor.external_data if entry.key == "location")
    return [location for location in dict.fromkeys(found) if _inside(location)]


def _inside(location: str) -> bool:
    """Whether the name of a file leads out of its folder on no system, links aside."""
    parts = {*PurePosixPath(location).parts, *PureWindowsPath(location).parts}
    anchored = PurePosixPath(location).is_absolute() or bool(PureWindowsPath(location).anchor)
    return bool(location) and not anchored and ".." not in parts and "\0" not in location


def _external(where: str, path: Path, location: str, most: int) -> bytes:
    if not _inside(location):
        raise ModelError(f"{where} has external data in {quoted(location)}, which is not inside the model's folder")
    folder = path.parent.resolve()
    if folder not in (folder / location).resolve().parents:  # after following links
        raise ModelError(f"{where} has external data in {quoted(location)}, which leads out of the model's folder")
    return _bytes(folder / location, most)


def _tensor(path: Path, kind: str, value: ValueInfoProto) -> tuple[int, list[int | str] | None]:
    """Its type, and its axes: a number, or a symbol (possibly empty). None for an unknown rank."""
    tensor = value.type.tensor_type
    if value.type.WhichOneof("value") != "tensor_type" or tensor.elem_type not in _TYPES:
        raise ModelError(
            f"{path}: {kind} {quoted(value.name)} is {type_name(tensor.elem_type)}; "
            "a candidate has float32, float64 or float16"
        )
    if not tensor.HasField("shape"):
        return tensor.elem_type, None
    shape = [d.dim_value if d.HasField("dim_value") else d.dim_param for d in tensor.shape.dim]
    return tensor.elem_type, shape


def _rank(shape: list[int | str] | None) -> str:
    return "no shape" if shape is None else f"rank {len(shape)}"
