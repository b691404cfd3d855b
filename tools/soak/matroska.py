"""Hostile Matroska: a file whose elements say odd things. Nothing beside it is opened; a score is FFmpeg's own."""

import copy
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Final

from tinyvmaf.vmaf.ffmpeg import find_ffmpeg

from .damage import judge, make_files, score
from .ebml import (
    ATTACHMENTS,
    BLOCK,
    BLOCK_GROUP,
    CLUSTER,
    CRC,
    CUES,
    EBML,
    INFO,
    SEEK_HEAD,
    SEGMENT,
    SIMPLE_BLOCK,
    TAGS,
    TRACK,
    TRACKS,
    UNKNOWN,
    VIDEO,
    VOID,
    Element,
    number,
    parsed,
    uint,
)
from .part import Part, Result, Trial, Verdict

_FILES: Final = ("b.mkv", "c.webm", "i.mkv", "k.mkv")
_NUMBERS: Final = (0, 1, 2, 3, 127, 128, 255, 256, 999_999, 1_000_000, 2**31 - 1, 2**32 - 1, 2**63 - 1, 2**64 - 1)
_OUTSIDE: Final = (
    "/etc/passwd",
    "../reference.y4m",
    "file:///etc/passwd",
    "http://127.0.0.1:9/x.mkv",
    "a" * 5000,
    "\x1b[2J",
)
_OF_TRACK: Final = (
    0xD7,
    0x83,
    0xB9,
    0x88,
    0x55AA,
    0x9C,
    0x6DE7,
    0x23E383,
    0x23314F,
    0x55EE,
    0x56AA,
    0x56BB,
    0xAA,
    0x7D7B,
)
"""Number, type, flags, caches, durations, delays of a track."""
_OF_VIDEO: Final = (
    0x9A,
    0x9D,
    0x53B8,
    0x53C0,
    0xB0,
    0xBA,
    0x54AA,
    0x54BB,
    0x54CC,
    0x54DD,
    0x54B0,
    0x54BA,
    0x54B2,
    0x55B0,
)
"""Interlacing, stereo, alpha, sizes, crops, colour of the picture."""
Change = Callable[[Random, Element], None]


def _element(chance: Random, segment: Element) -> Element:
    return chance.choice([one for one in segment.walk() if one.id != SIMPLE_BLOCK or chance.random() < 0.3])


def sizes(chance: Random, segment: Element) -> None:
    """An element says that it is longer or shorter than it is, or does not know, or says so in more bytes."""
    one = _element(chance, segment)
    real = len(one.encoded())
    one.size = chance.choice((UNKNOWN, None, 0, max(0, real - 9), real + 7, 2**31, 2**55, 2**56 - 2))
    one.width = chance.choice((0, 4, 8))


def values(chance: Random, segment: Element) -> None:
    """A number is an extreme."""
    one = chance.choice([one for one in segment.walk() if 1 <= len(one.data) <= 8])
    wide = chance.choice((len(one.data), 8, 0, 9))
    one.data = (chance.choice(_NUMBERS) % (1 << 8 * wide)).to_bytes(wide, "big") if wide else b""


def tracks(chance: Random, segment: Element) -> None:
    """A track or its picture says more than it should."""
    if chance.random() < 0.5:
        segment.first(VIDEO).children.append(uint(chance.choice(_OF_VIDEO), chance.choice(_NUMBERS[:8])))
    else:
        segment.first(TRACK).children.append(uint(chance.choice(_OF_TRACK), chance.choice(_NUMBERS)))


def order(chance: Random, segment: Element) -> None:
    """Parts are doubled, gone, in another order, or inside of each other."""
    parent = chance.choice([one for one in segment.walk() if one.children])
    at, way = chance.randrange(len(parent.children)), chance.randrange(4)
    if way == 0:
        parent.children.insert(chance.randrange(len(parent.children) + 1), copy.deepcopy(parent.children[at]))
    elif way == 1:
        del parent.children[at]
    elif way == 2:
        chance.shuffle(parent.children)
    else:
        nested = parent.children[at]
        for _ in range(chance.choice((1, 5, 60))):
            nested = Element(chance.choice((parent.id, VOID, TAGS)), children=[nested])
        parent.children[at] = nested


def attachments(chance: Random, segment: Element) -> None:
    """Attached files with names that lead out, large, many, and empty."""
    files = list[Element]()
    for _ in range(chance.choice((1, 3, 400))):
        name, kind = (
            chance.choice(_OUTSIDE),
            chance.choice(("font/ttf", "image/jpeg", "image/png", "video/mp4", "x" * 3000)),
        )
        content = chance.choice((b"", b"\xff\xd8\xff", bytes(100_000) if not files else b"x", chance.randbytes(50)))
        parts = [Element(0x466E, name.encode()), Element(0x4660, kind.encode()), Element(0x465C, content)]
        parts.append(uint(0x46AE, chance.choice(_NUMBERS)))
        files.append(Element(0x61A7, children=parts))
    segment.children.insert(chance.randrange(len(segment.children) + 1), Element(ATTACHMENTS, children=files))


def linked(chance: Random, segment: Element) -> None:
    """Segments that go on in other files, and ordered chapters that lie there."""
    own, other = chance.randbytes(16), chance.randbytes(16)
    info = segment.first(INFO)
    for name, value in ((0x73A4, own), (0x3EB923, other), (0x3CB923, own), (0x4444, other)):
        if chance.random() < 0.7:
            info.children.append(Element(name, value))
    for name in (0x3E83BB, 0x3C83AB, 0x7384):
        info.children.append(Element(name, chance.choice(_OUTSIDE).encode()))
    atoms = [
        Element(0xB6, children=[uint(0x73C4, n + 1), uint(0x91, 0), uint(0x92, 10**9), Element(0x6E67, other)])
        for n in range(chance.choice((1, 50)))
    ]
    edition = Element(0x45B9, children=[uint(0x45DD, 1), *atoms])
    segment.children.insert(chance.randrange(len(segment.children)), Element(0x1043A770, children=[edition]))


def laces(chance: Random, segment: Element) -> None:
    """A block says that it holds several frames, in one of the three ways, at times with wrong counts and sizes."""
    block = chance.choice([one for one in segment.walk() if one.id in (SIMPLE_BLOCK, BLOCK)])
    way, count = chance.choice((1, 2, 3)), chance.choice((0, 1, 3, 255))
    head, frame = block.data[:4], block.data[4:]
    sizes_of = chance.choice((b"", b"\xff" * 300 + b"\0", number(max(0, len(frame) - 1)), chance.randbytes(count)))
    frames = frame * chance.choice((0, 1, 2, count + 1 if count < 4 else 1))
    block.data = head[:3] + bytes([head[3] & 0xF9 | way << 1, count]) + sizes_of + frames


def encodings(chance: Random, segment: Element) -> None:
    """Content that is compressed or encrypted, or says so."""
    way = chance.choice((0, 1, 2, 3, 99))
    settings = chance.choice((b"", b"\0\0\0\1", chance.randbytes(20)))
    blocks = [one for one in segment.walk() if one.id in (SIMPLE_BLOCK, BLOCK)]
    if way == 0 and chance.random() < 0.8:  # zlib, truly, and at times a bomb of 64 MB
        for one in blocks:
            body = one.data[4:]
            one.data = one.data[:4] + zlib.compress(body)
        if chance.random() < 0.3:
            blocks[-1].data = blocks[-1].data[:4] + zlib.compress(bytes(1 << 26), 9)
    elif way == 3 and settings and all(one.data[4:].startswith(settings) for one in blocks):
        for one in blocks:
            one.data = one.data[:4] + one.data[4 + len(settings) :]
    compression = Element(0x5034, children=[uint(0x4254, way), Element(0x4255, settings)])
    encryption = Element(0x5035, children=[uint(0x47E1, 5), Element(0x47E2, chance.randbytes(16))])
    one = Element(0x6240, children=[uint(0x5031, 0), uint(0x5032, 1), uint(0x5033, 0), compression])
    if chance.random() < 0.3:
        one = Element(0x6240, children=[uint(0x5033, 1), encryption])
    segment.first(TRACK).children.append(Element(0x6D80, children=[one] * chance.choice((1, 2, 30))))


def seeks(chance: Random, segment: Element) -> None:
    """An index that points to itself, outside, or nowhere."""
    target = chance.choice((SEEK_HEAD, CUES, TAGS, TRACKS, CLUSTER, SEGMENT))
    entries = [
        Element(0x4DBB, children=[Element(0x53AB, target.to_bytes(4, "big")), uint(0x53AC, chance.choice(_NUMBERS))])
        for _ in range(chance.choice((1, 2, 500)))
    ]
    segment.children.insert(0, Element(SEEK_HEAD, children=entries))
    point = [uint(0xB3, 0), Element(0xB7, children=[uint(0xF7, 1), uint(0xF1, chance.choice(_NUMBERS))])]
    segment.children.append(Element(CUES, children=[Element(0xBB, children=point)] * chance.choice((1, 100))))


def groups(chance: Random, segment: Element) -> None:
    """Simple blocks as groups, with durations, references, padding and additions that are odd."""
    cluster = chance.choice([one for one in segment.children if one.id == CLUSTER])
    for at, one in enumerate(cluster.children):
        if one.id == SIMPLE_BLOCK:
            odd = [uint(chance.choice((0x9B, 0xFB, 0x75A2, 0xFA, 0xA4)), chance.choice(_NUMBERS))]
            extra = Element(
                0x75A1, children=[Element(0xA6, children=[uint(0xEE, 1), Element(0xA5, chance.randbytes(9))])]
            )
            odd += [extra] if chance.random() < 0.3 else []
            cluster.children[at] = Element(BLOCK_GROUP, children=[Element(BLOCK, one.data), *odd])


CHANGES: Final[tuple[Change, ...]] = (
    *(sizes, values, tracks, order, attachments, linked, laces, encodings, seeks, groups),
)


def without_checksums(data: bytes) -> list[Element]:
    """The elements of a file. A changed part would be refused for its checksum, before anything else is looked at."""
    elements = parsed(data)
    for one in elements:
        for part in one.walk():
            part.children = [child for child in part.children if child.id != CRC]
    return elements


def hostile(data: bytes, chance: Random) -> tuple[str, bytes]:
    """The kind of attack, and the changed file."""
    elements = without_checksums(data)
    (segment,) = [one for one in elements if one.id == SEGMENT]
    change = chance.choice(CHANGES)
    try:
        change(chance, segment)
        if chance.random() < 0.2:
            chance.choice(CHANGES)(chance, segment)
    except StopIteration:  # an earlier change took the part away
        pass
    if chance.random() < 0.05:
        elements.append(copy.deepcopy(chance.choice(elements)))  # a second segment, or header
        assert elements[0].id == EBML
    return change.__name__, b"".join(one.encoded() for one in elements)


@contextmanager
def opened(folder: Path) -> Iterator[Trial]:
    """Encodes of one reference, and what they score."""
    ffmpeg = find_ffmpeg(None)
    data, reference = make_files(ffmpeg, folder, _FILES), folder / "reference.y4m"
    whole = dict[str, list[float]]()
    for name in _FILES:
        (folder / name).write_bytes(b"".join(one.encoded() for one in without_checksums(data[name])))
        whole[name], loud = score(ffmpeg, reference, folder / name)
        assert not loud, f"{name} is whole, and yet: {loud}"

    def trial(number: int, chance: Random) -> Result:
        name = _FILES[number % len(_FILES)]
        kind, changed = hostile(data[name], chance)
        (folder / name).write_bytes(changed)
        verdict = judge(ffmpeg, reference, folder / name, whole[name])
        return Result(kind, Verdict(verdict.name), f"{name}: {verdict.detail}")

    yield trial


PART = Part("matroska", "Matroska whose elements say odd things: sizes, laces, links, attachments, encodings", opened)
