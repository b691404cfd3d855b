"""What FFmpeg's log says of the files themselves: frames that change, and errors that a decoder concealed."""

import re
from collections.abc import Sequence
from typing import Final

from tinyvmaf.errors import MediaError
from tinyvmaf.vmaf.media.compare import OpenedPair

_CHANGED: Final = re.compile(r"Reconfiguring filter graph because video parameters changed to ([^\n]+)")
# FFmpeg prints this for every input of a graph, again after a change.
_INPUT: Final = re.compile(
    r"input from stream (\d+):\d+ @ \S+\] \[verbose\] (w:\d+ h:\d+ pixfmt:\S+) .*?(csp:\S+ range:\S+)"
)
_SHOWN: Final = 10
# Of a demuxer, a decoder or a parser; libvmaf and the muxer have marks of their own.
_DAMAGE: Final = re.compile(
    r"^\[[^\]]*\] \[(?:error|fatal)\] .*|^.*\[warning\] .*(?:[Cc]orrupt|conceal|[Tt]runcat|[Ii]nvalid|[Mm]issing).*$",
    re.MULTILINE,
)
_HARMLESS: Final = re.compile(r"libvmaf|Parsed_|out#|vost#|non monoton|timescale not set")


def require_unchanged(stderr: str, pairs: Sequence[OpenedPair]) -> None:
    """Refuse pairs of which size, pixel format, colour or range changes in the middle.

    FFmpeg then begins a new comparison, and libvmaf's log holds only the last part.

    Args:
        pairs: of one run, whose inputs are each distorted video, then the reference.

    Raises:
        MediaError: names the file, and from what to what it changes.
    """
    changed = _CHANGED.search(stderr)
    if changed is None:
        return
    first: dict[str, str] = {}
    for number, form, colour in _INPUT.findall(stderr):
        now = f"{form} {colour}"
        if first.setdefault(number, now) != now:
            video = [*(pair.distorted for pair in pairs), pairs[0].reference][int(number)]
            raise _changed(str(video.path), f"from {first[number]} to {now}")
    raise _changed(f"{pairs[0].reference.path} or {pairs[0].distorted.path}", f"to {changed[1]}")


def _changed(path: str, how: str) -> MediaError:
    return MediaError(
        f"{path}: its frames change in the middle, {how}",
        hint="score the parts one by one: cut it where it changes",
    )


def damage(stderr: str) -> list[str]:
    """What FFmpeg's demuxers and decoders complain of, at most ten lines."""
    lines = [line.strip() for line in _DAMAGE.findall(stderr) if not _HARMLESS.search(line)]
    return list(dict.fromkeys(lines))[:_SHOWN]
