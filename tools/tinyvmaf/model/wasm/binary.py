"""The binary format of WebAssembly, as far as one function needs it: core specification 1.0, chapter 5."""

import struct
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

I32, F32, F64 = 0x7F, 0x7D, 0x7C
"""Types of values."""
_MAGIC: Final = b"\0asm\1\0\0\0"
_TYPE, _FUNCTION, _MEMORY, _EXPORT, _CODE = 1, 3, 5, 7, 10
_FUNCTION_TYPE: Final = 0x60
_EXPORTED_FUNCTION, _EXPORTED_MEMORY = 0, 2
_END: Final = b"\x0b"
_PAGE: Final = 65_536  # bytes


def unsigned(value: int) -> bytes:
    """LEB128."""
    out = bytearray()
    while True:
        value, low = value >> 7, value & 0x7F
        out.append(low | (0x80 if value else 0))
        if not value:
            return bytes(out)


def signed(value: int) -> bytes:
    """LEB128 in two's complement."""
    out = bytearray()
    while True:
        low, value = value & 0x7F, value >> 7
        done = value == (-1 if low & 0x40 else 0)
        out.append(low | (0 if done else 0x80))
        if done:
            return bytes(out)


def constant(type_: int, value: float) -> bytes:
    """The instruction that gives a number."""
    if type_ == I32:
        return b"\x41" + signed(int(value))
    return (b"\x43" + struct.pack("<f", value)) if type_ == F32 else (b"\x44" + struct.pack("<d", value))


def module(*, parameters: Sequence[int], locals_: Sequence[int], body: bytes, memory: int) -> bytes:
    """A module with a memory, exported as `memory`, and one function without results, exported as `run`.

    Args:
        parameters, locals_: their types; locals are numbered after the parameters.
        body: the function's instructions, without the last `end`.
        memory: bytes that it needs.
    """
    groups = [unsigned(len([*of])) + bytes([type_]) for type_, of in groupby(locals_)]
    code = _vector(groups) + body + _END
    exports = [
        _name("memory") + bytes([_EXPORTED_MEMORY, 0]),
        _name("run") + bytes([_EXPORTED_FUNCTION, 0]),
    ]
    sections = {
        _TYPE: [bytes([_FUNCTION_TYPE]) + _vector(bytes([one]) for one in parameters) + _vector([])],
        _FUNCTION: [unsigned(0)],
        _MEMORY: [b"\0" + unsigned(-(-memory // _PAGE))],
        _EXPORT: exports,
        _CODE: [unsigned(len(code)) + code],
    }
    return _MAGIC + b"".join(bytes([number]) + _sized(_vector(items)) for number, items in sections.items())


def _vector(items: Iterable[bytes]) -> bytes:
    listed = [*items]
    return unsigned(len(listed)) + b"".join(listed)


def _sized(content: bytes) -> bytes:
    return unsigned(len(content)) + content


def _name(text: str) -> bytes:
    return _sized(text.encode())
