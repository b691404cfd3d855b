"""Checks the checksums inside a Matroska file. FFmpeg writes one for each part, and reads none."""

import zlib
from pathlib import Path
from typing import BinaryIO, Final

MAGIC: Final = b"\x1a\x45\xdf\xa3"
_SEGMENT: Final = 0x18538067
_CHECKSUM: Final = b"\xbf\x84"  # first in its part; then CRC-32 of the rest, little endian
_PIECE: Final = 1 << 20


def wrong_checksums(path: Path) -> list[int]:
    """Where the parts begin whose checksum is wrong, in bytes from the start of the file.

    Parts without a checksum are left out. The rest of a file is not looked at after a part of unknown length.
    """
    wrong = []
    with path.open("rb") as file:
        end = file.seek(0, 2)
        at = 0
        while at < end:
            file.seek(at)
            name, length = _number(file, keep_marker=True), _number(file, keep_marker=False)
            inside = file.tell()
            if name is None or length is None:
                break
            if name == _SEGMENT:
                at = inside  # its parts follow
                continue
            if length >= 6 and inside + length <= end and file.read(2) == _CHECKSUM:
                stated = int.from_bytes(file.read(4), "little")
                if _crc(file, length - 6) != stated:
                    wrong.append(at)
            at = inside + length
    return wrong


def _number(file: BinaryIO, *, keep_marker: bool) -> int | None:
    """EBML's number of variable length; None: not a number, or an unknown length."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    more = 8 - first[0].bit_length()
    rest = file.read(more)
    value = int.from_bytes(first + rest, "big")
    if keep_marker:
        return value
    value &= (1 << (7 * (more + 1))) - 1
    return None if len(rest) < more or value == (1 << (7 * (more + 1))) - 1 else value


def _crc(file: BinaryIO, length: int) -> int:
    crc = 0
    while length:
        piece = file.read(min(length, _PIECE))
        if not piece:
            break
        crc, length = zlib.crc32(piece, crc), length - len(piece)
    return crc
