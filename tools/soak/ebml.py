"""Reads and writes the tree of elements that a Matroska file is."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

SEGMENT, CLUSTER, INFO, TRACKS, TRACK, VIDEO = 0x18538067, 0x1F43B675, 0x1549A966, 0x1654AE6B, 0xAE, 0xE0
SIMPLE_BLOCK, BLOCK_GROUP, BLOCK, CRC, VOID, EBML = 0xA3, 0xA0, 0xA1, 0xBF, 0xEC, 0x1A45DFA3
SEEK_HEAD, SEEK, CUES, TAGS, ATTACHMENTS = 0x114D9B74, 0x4DBB, 0x1C53BB6B, 0x1254C367, 0x1941A469
_PARENTS: Final = frozenset({SEGMENT, CLUSTER, INFO, TRACKS, TRACK, VIDEO, BLOCK_GROUP, EBML, SEEK_HEAD, SEEK})
UNKNOWN: Final = -1


@dataclass
class Element:
    """One element, with its children or its bytes."""

    id: int
    data: bytes = b""
    children: list["Element"] = field(default_factory=list)
    size: int | None = None
    """What is stated; None: the truth. `UNKNOWN`: that it is not known."""
    width: int = 0
    """Bytes of the size; 0: as few as it takes."""

    def encoded(self) -> bytes:
        """Its bytes."""
        body = self.data + b"".join(one.encoded() for one in self.children)
        return number_id(self.id) + number(len(body) if self.size is None else self.size, self.width) + body

    def walk(self) -> Iterator["Element"]:
        """It and all below."""
        yield self
        for one in self.children:
            yield from one.walk()

    def first(self, name: int) -> "Element":
        """The first of a name below."""
        return next(one for one in self.walk() if one.id == name)


def number_id(value: int) -> bytes:
    """An id, which has its marker."""
    return value.to_bytes((value.bit_length() + 7) // 8 or 1, "big")


def number(value: int, width: int = 0) -> bytes:
    """A number of variable length, in `width` bytes or as few as it takes."""
    if value == UNKNOWN:
        width = width or 1
        return ((1 << (7 * width + 1)) - 1 & ((1 << 8 * width) - 1) | 1 << 7 * width).to_bytes(width, "big")
    while not width or value >= (1 << 7 * width) - 1:
        width += 1
    return (value | 1 << 7 * width).to_bytes(width, "big")


def uint(name: int, value: int) -> Element:
    """An element that is a number."""
    return Element(name, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def parsed(data: bytes) -> list[Element]:
    """The elements of a well-formed file."""
    found, at = [], 0
    while at < len(data):
        length = 9 - data[at].bit_length()
        name, at = int.from_bytes(data[at : at + length], "big"), at + length
        length = 9 - data[at].bit_length()
        size = int.from_bytes(data[at : at + length], "big") & ((1 << 7 * length) - 1)
        at += length
        end = len(data) if size == (1 << 7 * length) - 1 else at + size
        body = data[at:end]
        found.append(Element(name, children=parsed(body)) if name in _PARENTS else Element(name, body))
        at = end
    return found
