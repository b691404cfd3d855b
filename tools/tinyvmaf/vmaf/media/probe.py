"""Asks FFmpeg once what a file holds: streams, the first frame, and every packet's time and size."""

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Final

from tinyvmaf import scratch
from tinyvmaf.errors import FFmpegError, MediaError
from tinyvmaf.vmaf.ffmpeg import FFmpeg, file_url, run
from tinyvmaf.vmaf.media.bitrate import bits_per_second
from tinyvmaf.vmaf.media.colour import Colour, colour_of
from tinyvmaf.vmaf.media.streams import Stream, chosen, listed
from tinyvmaf.vmaf.media.symptoms import WAY_ON, is_another_kind, sentence
from tinyvmaf.vmaf.media.video import Timing

PROBE_TIMEOUT_S: Final = 600.0
_PACKETS: Final = "packets.txt"
_SHOWINFO: Final = r"^\[Parsed_showinfo_0 @ \S+\] \[info\] "
_SHOWN = re.compile(
    _SHOWINFO + r"n: *0 .* fmt:(\S+) cl:(\S+) sar:(\d+)/(\d+) s:(\d+)x(\d+) i:(\S) iskey:", re.MULTILINE
)
_CODED = re.compile(r"input from stream \S+ @ \S+\] \[verbose\] w:\d+ h:\d+ pixfmt:(\S+) tb:\S+ fr:(\d+)/(\d+) sar:")
_TAGS = re.compile(
    _SHOWINFO + r"color_range:(\S+) color_space:(\S+) color_primaries:(\S+) color_trc:(\S+)$", re.MULTILINE
)
_TURNED = re.compile(r"\[transpose @ \S+\] \[verbose\] w:\d+ h:\d+ dir:(\d)")
# FFmpeg's threads write into one another's lines. Each of these is printed whole, but its line may begin elsewhere.
_FRAME = re.compile(r"\bw:\d+ h:\d+ pixfmt:\S|plane_checksum:\[")
_TURN = re.compile(r"\bw:\d+ h:\d+ dir:\d")
_LOOKS: Final = 8
# What these decoders say of every file whose encoder was not told a matrix.
_ALWAYS: Final = "bt470bg"
_SAY_ALWAYS: Final = ("vp8", "utvideo")


@dataclass(frozen=True)
class Contents:
    """What FFmpeg says of a file."""

    stream: Stream
    choice: str
    """A sentence on the choice of the stream; empty if there was none."""
    width: int
    height: int
    """As shown, after a rotation."""
    coded: str
    """FFmpeg's name of the decoded pixel format."""
    direction: str | None
    """Direction of the filter `transpose`, if FFmpeg had to convert the pixel format to turn the frames."""
    full_range: bool | None
    """What the frame says; else what the container says."""
    container_range: bool | None
    colour: Colour
    interlaced: bool
    sample_aspect: Fraction
    """Width of a sample over its height; 1 if the file does not say."""
    hidden_alpha: bool
    """Whether the stream has an alpha channel that the decoder leaves out."""
    film_grain: bool
    packets: int
    timing: Timing


def probe(
    path: Path, ffmpeg: FFmpeg, options: tuple[str, ...], asked: int | None, *, url: str = "", strict: bool
) -> Contents:
    """Decode the first frame of a file's video, and read its packets without decoding them.

    Args:
        options: FFmpeg options that open the file.
        url: its name for FFmpeg; empty: that of `path`.
        asked: index of the stream; None: the one that a player takes.
        strict: whether an error in the file ends it.

    Raises:
        MediaError: FFmpeg cannot read it, or it has no video.
    """
    opened = [*options, "-i", url or file_url(path)]
    wanted = "0:V:0" if asked is None else f"0:{asked}"
    stderr, packets = _look(path, ffmpeg, opened, wanted, strict)
    streams = listed(stderr)
    stream, choice = chosen(path, streams, asked)
    if asked is None and stream != next(one for one in streams if one.film):
        stderr, packets = _look(path, ffmpeg, opened, f"0:{stream.index}", strict)
    shown, coded, tags = _SHOWN.search(stderr), _CODED.search(stderr), _TAGS.search(stderr)
    if "Odd rotation angle" in stderr:
        raise MediaError(
            f"{path}: it says that it is turned by an angle that is no quarter turn",
            hint=f"if it is not: ffmpeg -display_rotation 0 -i {path} -c copy unturned.mkv",
        )
    if shown is None or coded is None or tags is None:
        raise MediaError(f"{path}: FFmpeg decodes no frame of stream {stream.index}", hint="is the file cut short?")
    levels, matrix, primaries, transfer = tags.groups()
    about = re.search(r"\((tv|pc)[,)]", stream.about)
    container_range = None if about is None else about[1] == "pc"
    frame_range = {"pc": True, "tv": False}.get(levels, True if "yuvj" in coded[1] else None)
    if matrix == _ALWAYS and stream.about.startswith(_SAY_ALWAYS):
        matrix = next(iter(re.findall(r"\((?:tv|pc), (bt\w+|smpte\w+)[,/)]", stream.about)), "unknown")
    turned = _TURNED.search(stderr)
    converted = turned is not None and "auto-inserting filter" in stderr
    count, timing = _read_packets(packets, Fraction(int(coded[2]), max(int(coded[3]), 1)))
    if stream.about.startswith("rawvideo"):  # what was decoded before has lost the bitrate of its encode
        timing = replace(timing, bitrate=None)
    return Contents(
        stream,
        choice,
        int(shown[5]),
        int(shown[6]),
        coded[1],
        turned[1] if turned is not None and converted else None,
        container_range if frame_range is None else frame_range,
        container_range,
        colour_of(matrix=matrix, primaries=primaries, transfer=transfer, chroma_location=shown[2]),
        shown[7] in "TB",
        Fraction(int(shown[3]), int(shown[4])) if int(shown[3]) and int(shown[4]) else Fraction(1),
        re.search(rf"Stream #0:{stream.index}\b(?:(?!Stream #)[\s\S])*? alpha_mode +: 1\b", stderr) is not None,
        "Film grain parameters" in stderr,
        count,
        timing,
    )


def _look(path: Path, ffmpeg: FFmpeg, opened: list[str], wanted: str, strict: bool) -> tuple[str, list[str]]:
    """FFmpeg's stderr with no line torn that is read here, and the lines of its packet list."""
    for _ in range(_LOOKS):
        stderr, packets = _look_once(path, ffmpeg, opened, wanted, strict)
        if not torn(stderr):
            return stderr, packets
    raise MediaError(f"{path}: what FFmpeg prints of it was torn {_LOOKS} times", hint="try again when less runs here")


def torn(stderr: str) -> bool:
    """Whether a line that is read here was written into by another of FFmpeg's threads."""
    of_a_frame = (_SHOWN, _CODED, _TAGS)
    return bool(
        (_FRAME.search(stderr) and not all(line.search(stderr) for line in of_a_frame))
        or (_TURN.search(stderr) and not _TURNED.search(stderr))
    )


def _look_once(path: Path, ffmpeg: FFmpeg, opened: list[str], wanted: str, strict: bool) -> tuple[str, list[str]]:
    arguments = ["-export_side_data", "film_grain", *opened]
    arguments += ["-map", wanted, "-vf", "showinfo", "-frames:v", "1", "-f", "null", "-"]
    arguments += ["-map", wanted, "-c", "copy", "-f", "framecrc", _PACKETS]
    with scratch.folder() as folder:
        try:
            stderr = run(ffmpeg, arguments, cwd=Path(folder), timeout=PROBE_TIMEOUT_S, stop_at_errors=strict)
            return stderr, Path(folder, _PACKETS).read_text(errors="replace").splitlines()
        except FFmpegError as error:
            if "matches no streams" in error.stderr:
                asked = None if wanted == "0:V:0" else int(wanted[2:])
                chosen(path, listed(error.stderr), asked)
            # Where FFmpeg found no video, there is nothing to go on with.
            damaged = any(one.film for one in listed(error.stderr)) and not is_another_kind(error)
            way_on = WAY_ON if strict and damaged else None
            raise MediaError(f"{path}: {sentence(error, 'FFmpeg cannot read it')}", hint=way_on) from error


def _read_packets(lines: list[str], fps: Fraction) -> tuple[int, Timing]:
    base, starts, count, known, end = Fraction(1), [], 0, True, -(2**62)
    for line in lines:
        if line.startswith("#tb 0:"):
            base = Fraction(line.split(":")[1].strip())
        if not line or line.startswith("#"):
            continue
        pts, duration = (int(part) for part in line.split(",")[2:4])
        count, known = count + 1, known and pts > -(2**62)
        starts.append(pts)
        end = max(end, pts + duration)
    rate = fps if fps > 0 else None
    if not known or not starts:
        return count, Timing(rate)
    starts.sort()
    times = tuple(float((pts - starts[0]) * base) for pts in starts)
    return count, Timing(rate, times, float((end - starts[0]) * base), bits_per_second(lines))
