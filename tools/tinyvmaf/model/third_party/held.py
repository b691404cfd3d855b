"""A third-party file and its external data: read once, counted before anything is copied, and held as one model.

No file outside of its folder is read, and nothing but regular files.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Final

import onnx
from onnx import ModelProto, TensorProto

from tinyvmaf.errors import ModelError
from tinyvmaf.files import sha256
from tinyvmaf.model.content import content
from tinyvmaf.model.contract import LARGEST, MAX_NODES
from tinyvmaf.model.contract.words import in_one_line, quoted

_MOST: Final = 4 * MAX_NODES
"""Nodes, weights and the like of a file as it came. Some are removed when it is adopted, so the contract has fewer."""


@dataclass(frozen=True)
class Held:
    """A file as it was when it was read."""

    path: Path
    data: bytes
    """An ONNX model with all its data inside; the file itself if it has no external data."""
    sha256: str
    """Of the file."""
    size: int
    """Bytes of the file and its external data."""
    external: tuple[str, ...] = ()
    """Names of the files with its external data."""


@contextmanager
def refused(path: Path) -> Iterator[None]:
    """Turn any error inside into a ModelError: what protobuf and onnx raise on hostile bytes is not documented."""
    try:
        yield
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"{path}: it cannot be inspected: {in_one_line(error)}") from error


def hold(path: Path) -> Held:
    """Read a file and its external data, which together are smaller than the largest tier.

    Raises:
        ModelError: it cannot be read, is not ONNX, or is too large; external data that lead out of its folder.
    """
    with refused(path):
        data = content(path)
        model = parsed(path, data)
        if wrong := too_many(model):
            raise ModelError(f"{path}: {wrong}")
        found = _read_in(path, model, len(data))
        if not found:
            return Held(path, data, sha256(data), len(data))
        whole = model.SerializeToString(deterministic=True)
        return Held(path, whole, sha256(data), len(data) + sum(found.values()), tuple(found))


def parsed(path: Path, data: bytes) -> ModelProto:
    """The model.

    Raises:
        ModelError: the bytes are none.
    """
    if not data:
        raise ModelError(f"{path}: the file is empty")
    try:
        return onnx.load_model_from_string(data)
    except Exception as error:  # protobuf's DecodeError has no stable home
        raise ModelError(f"{path}: it is not an ONNX file, or not all of one: {in_one_line(error)}") from error


def external_files(path: Path) -> list[str]:
    """The files with the external data of a third-party file, inside its folder and relative to it.

    None if it cannot be read, which `hold` reports.
    """
    try:
        with refused(path):
            tensors = parsed(path, content(path)).graph.initializer
    except ModelError:
        return []
    found = (entry.value for tensor in tensors for entry in tensor.external_data if entry.key == "location")
    return [location for location in dict.fromkeys(found) if _inside(location)]


def too_many(model: ModelProto) -> str:
    """What a file has too much of to be looked at one by one; empty if nothing."""
    graph = model.graph
    for name, count in (
        ("nodes", len(graph.node)),
        ("initializers", len(graph.initializer)),
        ("inputs", len(graph.input)),
        ("functions", len(model.functions)),
        ("nodes in functions", sum(len(one.node) for one in model.functions[:_MOST])),
        ("attributes", sum(len(node.attribute) for node in graph.node[:_MOST])),
    ):
        if count > _MOST:
            return f"it has {count} {name}; a candidate has at most {MAX_NODES}, and {_MOST} before it is adopted"
    return ""


def _read_in(path: Path, model: ModelProto, length: int) -> dict[str, int]:
    """Move external data into the model; returns the sizes of their files, by name."""
    outside = [
        tensor
        for tensor in model.graph.initializer
        if tensor.external_data or tensor.data_location != TensorProto.DEFAULT
    ]
    files: dict[str, bytes] = {}
    places = list[tuple[str, int, int]]()
    for tensor in outside:
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
        places.append((location, offset, count))
    if (total := length + sum(count for *_, count in places)) >= LARGEST:  # many may name the same bytes
        raise ModelError(f"{path}: {total} bytes with its external data; a candidate has fewer than {LARGEST}")
    for tensor, (location, offset, count) in zip(outside, places, strict=True):
        tensor.ClearField("external_data")
        tensor.ClearField("data_location")
        tensor.raw_data = files[location][offset : offset + count]
    return {name: len(one) for name, one in files.items()}


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
    return content(folder / location, most)
