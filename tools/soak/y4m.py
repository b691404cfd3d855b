"""Hostile y4m: headers and frame markers of all odd sorts. A score that is given is FFmpeg's own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Final

from tinyvmaf.vmaf.ffmpeg import find_ffmpeg

from .damage import judge
from .part import Part, Result, Trial, Verdict

_SIDES: Final = (16, 17, 31, 48, 64)
_SPACES: Final = ("420", "420jpeg", "420mpeg2", "420paldv", "422", "444", "mono", "420p10", "444p12", "444alpha")
_NUMBERS: Final = (
    "0",
    "-1",
    "+16",
    "016",
    "16.0",
    "1e2",
    " 16",
    "",
    "99999999999999999999",
    "2147483647",
    "32768",
    "x",
    "١٦",
)
_RATES: Final = (
    "25:1",
    "30000:1001",
    "0:0",
    "1:0",
    "0:1",
    "-25:1",
    "25",
    "1:1" + "0" * 400,
    "1" + "0" * 400 + ":1",
    ":",
)
_ODD: Final = (
    *("C", "C420p8", "C420p99", "CALPHA", "C420 C444", "Cmono10", "C420jpeg\0", "c420", "C420JPEG", "C411", "C440p10"),
    *("It", "Ib", "Im", "I?", "Ip It", "A1:1", "A4:3", "A0:0", "A1:0", "A-1:1", f"A1:{'9' * 300}"),
    *(
        "XCOLORRANGE=FULL",
        "XCOLORRANGE=LIMITED",
        "XCOLORRANGE=",
        "XYSCSS=444",
        "XYSCSS=411",
        "X" * 900,
        "X\x1b[31m",
        "Z9",
    ),
    *("W16", "H16", "W0 H0", "F1:1 F2:1", "\t", "\r", "\0", "YUV4MPEG2"),
)
_MARKERS: Final = (
    *(b"FRAME", b"FRAME \n", b"FRAME It\n", b"FRAME Ixyz X=1\n", b"FRAMES\n", b"frame\n", b"FRAME\r\n", b"\nFRAME\n"),
    *(b"FRAME" + b" X" * 600 + b"\n", b"FRAME\0\n", b"", b"FRAME\nFRAME\n", b"YUV4MPEG2 W16 H16\nFRAME\n"),
)
_SAMPLES: Final = {"420": (3, 2), "422": (2, 1), "444": (3, 1), "mono": (1, 1)}


def frame_bytes(width: int, height: int, space: str) -> int:
    """Bytes of a frame, as the format says."""
    samples = width * height
    half_width, half_height = (width + 1) // 2, (height + 1) // 2
    samples += {"420": 2 * half_width * half_height, "422": 2 * half_width * height, "444": 2 * width * height}.get(
        space[:3], 0
    )
    return samples * (2 if "p1" in space else 1) + (width * height if space == "444alpha" else 0)


def clip(chance: Random, width: int, height: int, space: str, frames: int) -> list[bytes]:
    """Frames of noise. The samples of deeper formats are in their range."""
    size, top = frame_bytes(width, height, space), {"420p10": 3, "444p12": 15}.get(space)
    made = [chance.randbytes(size) for _ in range(frames)]
    return made if top is None else [bytes(b & top if n % 2 else b for n, b in enumerate(one)) for one in made]


def hostile(chance: Random, width: int, height: int, space: str, frames: list[bytes]) -> tuple[str, bytes]:
    """The kind of attack, and a file that says what it should not."""
    tags = [f"W{width}", f"H{height}", f"F{chance.choice(_RATES[:2])}", f"C{space}"]
    marker, kind = b"FRAME\n", chance.choice(("size", "rate", "tag", "marker", "order", "length", "ending", "none"))
    frames, newline, tail = list(frames), b"\n", b""
    if kind == "size":
        tags[chance.randrange(2)] = chance.choice("WH") + chance.choice(_NUMBERS)
    elif kind == "rate":
        tags[2] = f"F{chance.choice(_RATES)}"
    elif kind == "tag":
        tags.insert(chance.randrange(5), chance.choice(_ODD))
    elif kind == "order":
        chance.shuffle(tags)
        del tags[chance.randrange(4)]
    elif kind == "length":
        at = chance.randrange(len(frames))
        frames[at] = chance.choice((frames[at][:-1], frames[at] + b"\0", b"", frames[at] * 2))
    elif kind == "ending":
        newline = chance.choice((b"", b"\r\n", b" \n", b"\n\n", b"\0\n", b"\r", b" " * 2000 + b"\n"))
        tail = chance.choice((b"", b"\0", b"FRAME", b"FRAME\n", b"\n", chance.randbytes(200)))
    odd = chance.randrange(len(frames)) if kind == "marker" else -1
    data = b"YUV4MPEG2 " + " ".join(tags).encode() + newline
    for number, frame in enumerate(frames):
        data += (chance.choice(_MARKERS) if number == odd else marker) + frame
    return kind, data + tail


@contextmanager
def opened(folder: Path) -> Iterator[Trial]:
    """A folder for a pair of files."""
    ffmpeg = find_ffmpeg(None)
    reference, path = folder / "reference.y4m", folder / "hostile.y4m"

    def trial(_: int, chance: Random) -> Result:
        width, height, space = chance.choice(_SIDES), chance.choice(_SIDES), chance.choice(_SPACES)
        frames = clip(chance, width, height, space, 3)
        kind, data = hostile(chance, width, height, space, frames)
        path.write_bytes(data)
        plain = b"".join(b"FRAME\n" + clip(chance, width, height, space, 1)[0] for _ in range(3))
        reference.write_bytes(f"YUV4MPEG2 W{width} H{height} F25:1 C{space}\n".encode() + plain)
        verdict = judge(ffmpeg, reference, path, None)
        return Result(kind, Verdict(verdict.name), f"{width}x{height} {space}: {verdict.detail}")

    yield trial


PART = Part("y4m", "y4m with hostile headers and frame markers", opened)
