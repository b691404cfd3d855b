"""Faults of one tensor in a model file: does it hold what it declares?"""

from collections.abc import Sequence
from pathlib import PurePosixPath, PureWindowsPath
from typing import Final

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from tinyvmaf.model.contract import LARGEST, MAX_RANK
from tinyvmaf.model.contract.words import quoted, type_name

# Element type: bytes of an element, the field that holds elements where raw_data does not, dtype of both if floating.
_TYPES: Final[dict[int, tuple[int, str, str | None]]] = {
    TensorProto.FLOAT: (4, "float_data", "<f4"),
    TensorProto.DOUBLE: (8, "double_data", "<f8"),
    TensorProto.FLOAT16: (2, "int32_data", "<f2"),
    TensorProto.BFLOAT16: (2, "int32_data", "<f4"),
    TensorProto.INT64: (8, "int64_data", None),
    TensorProto.INT32: (4, "int32_data", None),
    TensorProto.INT16: (2, "int32_data", None),
    TensorProto.UINT16: (2, "int32_data", None),
    TensorProto.INT8: (1, "int32_data", None),
    TensorProto.UINT8: (1, "int32_data", None),
    TensorProto.BOOL: (1, "int32_data", None),
}
TYPES: Final = frozenset(_TYPES)
"""Element types that every engine has, by ONNX's numbers."""
_ALLOWED: Final = {"dims", "data_type", "name", "doc_string", "raw_data", "data_location", "metadata_props"}


def tensor_faults(tensor: TensorProto, where: str) -> list[str]:
    """What is wrong with one tensor: external data, its type, its size, or values that are not finite.

    Args:
        where: a phrase for the sentences, for example `initializer 'w'`.
    """
    if tensor.external_data or tensor.data_location != TensorProto.DEFAULT:
        return [_external(tensor, where)]
    if tensor.data_type not in _TYPES:
        return [f"{where} has element type {type_name(tensor.data_type)}, which not every engine has"]
    size, field, floating = _TYPES[tensor.data_type]
    count = elements(tensor.dims)
    if isinstance(count, str):
        return [f"{where} {count}"]
    fields = {descriptor.name for descriptor, _ in tensor.ListFields()}
    if strange := sorted(fields - _ALLOWED - {field}):
        return [f"{where} has {', '.join(strange)}; elements of its type are in raw_data or {field}"]
    held = len(getattr(tensor, field))
    if tensor.HasField("raw_data"):
        if held:
            return [f"{where} holds its elements twice, in raw_data and in {field}"]
        if len(tensor.raw_data) != count * size:
            return [
                f"{where} declares {_shape(tensor.dims)}, which is {count * size} bytes, and holds "
                f"{len(tensor.raw_data)}"
            ]
    elif held != count:
        return [f"{where} declares {_shape(tensor.dims)}, which is {count} elements, and holds {held}"]
    if floating is None:
        return []
    return _finite(_values(tensor, field, floating), tensor.dims, where)


def elements(dims: Sequence[int]) -> int | str:
    """The number of elements of a tensor, or what is wrong with its dimensions."""
    if len(dims) > MAX_RANK:  # before the product, which could be a number of megabytes
        return f"declares {len(dims)} dimensions; at most {MAX_RANK} are allowed"
    if any(d < 0 for d in dims):
        return f"declares {_shape(dims)}, with a negative dimension"
    count = 1
    for d in dims:
        count *= d
    if count >= LARGEST:
        return f"declares {_shape(dims)}, {count} elements, which no file below {LARGEST} bytes can hold"
    return count


def _external(tensor: TensorProto, where: str) -> str:
    location = next((entry.value for entry in tensor.external_data if entry.key == "location"), None)
    if location is None:
        return f"{where} has external data without a location; a model is one file"
    parts = {*PurePosixPath(location).parts, *PureWindowsPath(location).parts}
    absolute = PurePosixPath(location).is_absolute() or bool(PureWindowsPath(location).anchor)
    out = ", which leads out of the model's folder" if absolute or ".." in parts else ""
    return f"{where} has external data in {quoted(location)}{out}; a model is one file"


def _values(tensor: TensorProto, field: str, floating: str) -> NDArray[np.floating]:
    raw = tensor.raw_data if tensor.HasField("raw_data") else None
    if field != "int32_data":
        return np.frombuffer(raw, floating) if raw is not None else np.array(getattr(tensor, field), dtype=floating)
    # It holds the bits of float16, or of bfloat16: those are the upper half of a float32.
    bits = np.array(getattr(tensor, field), dtype=np.int64) & 0xFFFF if raw is None else np.frombuffer(raw, "<u2")
    if tensor.data_type == TensorProto.BFLOAT16:
        return (bits.astype(np.uint32) << 16).view("<f4")
    return bits.astype(np.uint16).view(floating)


def _finite(values: NDArray[np.floating], dims: Sequence[int], where: str) -> list[str]:
    wrong = np.flatnonzero(~np.isfinite(values))
    if not wrong.size:
        return []
    at = [int(i) for i in np.unravel_index(wrong[0], tuple(dims))] if dims else []
    return [f"{where} holds {values[wrong[0]]} at {at}; {wrong.size} of its {values.size} values are not finite"]


def _shape(dims: Sequence[int]) -> str:
    return str(list(dims))
