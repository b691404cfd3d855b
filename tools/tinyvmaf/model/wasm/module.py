"""A model as a WebAssembly module: a loop over rows in its memory."""

from dataclasses import dataclass
from typing import Final

from tinyvmaf.errors import ModelError
from tinyvmaf.model.certificate import certify
from tinyvmaf.model.wasm.binary import I32, constant, module, unsigned
from tinyvmaf.model.wasm.program import RowCode

CAPACITY: Final = 1024
"""Rows that the memory of a module holds."""
_FLOAT: Final = 4  # bytes
_COUNT, _IN, _OUT, _FREE = 0, 1, 2, 3  # locals: rows that are left, where the next row and its scores lie
_BLOCK, _LOOP, _BREAK_IF, _BREAK, _END = b"\x02\x40", b"\x03\x40", b"\x0d", b"\x0c", b"\x0b"
_GET, _SET, _IS_ZERO, _ADD = b"\x20", b"\x21", b"\x45", b"\x6a"
_LOAD, _STORE = b"\x2a\x02", b"\x38\x02"  # float32, aligned to 2^2 bytes


@dataclass(frozen=True)
class WasmModule:
    """A module that exports `memory` and `run(count)`.

    `run` takes `count` rows, at most `CAPACITY`, float32 `[count, features]` from the start of the memory, and writes
    float32 `[count, outputs]` behind the space of `CAPACITY` rows.
    """

    data: bytes
    features: int
    outputs: tuple[str, ...]


def wasm_module(model: bytes) -> WasmModule:
    """Write an exact model as a WebAssembly module; the same file gives the same bytes.

    Args:
        model: the bytes of an ONNX file.

    Raises:
        ModelError: it is not proven exact, or has an operator that is not written.
    """
    proof = certify(model)
    if not (proof.certified or proof.exact_in_float64):
        raise ModelError(f"not proven exact, so WebAssembly may give other bits: {proof.explain()}")
    import onnx  # slow

    proto = onnx.load_model_from_string(model)
    constants = {one.name for one in proto.graph.initializer}
    (given,) = (one for one in proto.graph.input if one.name not in constants)
    width = given.type.tensor_type.shape.dim[1].dim_value
    program = RowCode(proto, given.name, width, _FREE)
    results = [local for row in program.outputs for local in row.locals]
    body = constant(I32, CAPACITY * width * _FLOAT) + _set(_OUT) + _BLOCK + _LOOP
    body += _get(_COUNT) + _IS_ZERO + _BREAK_IF + unsigned(1)
    for place, local in enumerate(program.features.locals):
        body += _get(_IN) + _LOAD + unsigned(place * _FLOAT) + _set(local)
    body += bytes(program.code)
    for place, local in enumerate(results):
        body += _get(_OUT) + _get(local) + _STORE + unsigned(place * _FLOAT)
    for local, step in ((_COUNT, -1), (_IN, width * _FLOAT), (_OUT, len(results) * _FLOAT)):
        body += _get(local) + constant(I32, step) + _ADD + _set(local)
    body += _BREAK + unsigned(0) + _END + _END
    data = module(
        parameters=[I32],
        locals_=[I32, I32, *program.types],
        body=body,
        memory=CAPACITY * (width + len(results)) * _FLOAT,
    )
    return WasmModule(data, width, tuple(one.name for one in proto.graph.output))


def _get(local: int) -> bytes:
    return _GET + unsigned(local)


def _set(local: int) -> bytes:
    return _SET + unsigned(local)
