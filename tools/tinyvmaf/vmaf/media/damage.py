"""What FFmpeg's log says of the files themselves: frames that change, and errors that a decoder concealed."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tinyvmaf.errors import MediaError
from tinyvmaf.vmaf.media.compare import OpenedPair
from tinyvmaf.vmaf.media.video import DEMUXERS, Video

# Threads may write into one line, so it need not stand at the beginning.
_CHANGED: Final = re.compile(
    r"Reconfiguring filter graph because video parameters changed to ([^\n]+)|(input (?:width|height)) must match"
)
# FFmpeg prints this for every input of a graph, again after a change.
_INPUT: Final = re.compile(
    r"input from stream (\d+):\d+ @ \S+\] \[verbose\] (w:\d+ h:\d+ pixfmt:\S+) .*?(csp:\S+ range:\S+)"
)
_SHOWN: Final = 10
# A decoder that hides errors says so at level `info`; only with one thread does it count them as errors as well.
_DAMAGE: Final = re.compile(
    r"^((?:\[[^\]]*\] )+)\[(?:error|fatal)\] (.*)|"
    r"^((?:\[[^\]]*\] )+)\[(?:info|warning)\] ((?:concealing \d+ DC|[Pp]acket corrupt|corrupt (?:decoded|input)|"
    r"Failed to parse header of NALU|[DP]TS -?\d+, next:-?\d+).*)",
    re.MULTILINE,
)
# What decoders say of frames before the first key frame, which are not shown, and of what they do not need.
_HARMLESS: Final = re.compile(
    r"Unknown or unsupported tag|non-existing [PS]PS|decode_slice_header error|no frame!|"
    r"[PS]PS id out of range|Invalid frame dimensions 0x0"
)


def require_unchanged(stderr: str, pairs: Sequence[OpenedPair]) -> None:
    """Refuse pairs of which size, pixel format, colour or range changes in the middle.

    FFmpeg then begins a new comparison, and libvmaf's log holds only the last part.

    Args:
        pairs: of one run, whose inputs are each distorted video, then the reference.

    Raises:
        MediaError: names the file, and from what to what it changes.
    """
    names = [str(path) for path in _inputs(pairs)]
    require_steady(stderr, names, f"{pairs[0].reference.path} or {pairs[0].distorted.path}")


def require_steady(stderr: str, names: Sequence[str], either: str) -> None:
    """Refuse inputs of which size, pixel format, colour or range changes in the middle.

    Args:
        names: of a run's inputs, in their order.
        either: names the inputs where FFmpeg's log does not say which one changes.

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
            raise _changed(names[int(number)], f"from {first[number]} to {now}")
    raise _changed(either, f"to {changed[1] or 'another size'}")


def _changed(path: str, how: str) -> MediaError:
    return MediaError(
        f"{path}: its frames change in the middle, {how}",
        hint="score the parts one by one: cut it where it changes",
    )


def culprit(stderr: str, pairs: Sequence[OpenedPair]) -> Path | None:
    """The input whose demuxer or decoder failed first; None: another part of FFmpeg failed.

    Args:
        pairs: as in `require_unchanged`.
    """
    failed = re.search(r"^\[(?:in|vist)#(\d+)[^\n]*\[(?:error|fatal)\]", stderr, flags=re.MULTILINE)
    return None if failed is None else _inputs(pairs)[int(failed[1])]


def _inputs(pairs: Sequence[OpenedPair]) -> list[Path]:
    return [*(pair.distorted.path for pair in pairs), pairs[0].reference.path]


def damage(stderr: str, inputs: Sequence[Video]) -> dict[str, set[int]]:
    """What FFmpeg's demuxers and decoders complain of, at most ten lines, and the inputs (by number) it may be about.

    Complaints of sound and other streams, which FFmpeg looks at when it opens a file, do not count.
    """
    found: dict[str, set[int]] = {}
    for who, error, other_who, other in _DAMAGE.findall(stderr):
        tags, text = re.sub(r" @ 0x[0-9a-f]+", "", who or other_who), error or other
        about = _about(tags[1:].partition("]")[0], text, inputs)
        if about and not _HARMLESS.search(f"{tags}{text}") and len(found) < _SHOWN:
            found.setdefault(f"{tags}{text}".strip(), about)
    return found


def _about(tag: str, text: str, inputs: Sequence[Video]) -> set[int]:
    """The numbers of the inputs that a line with this first tag may be about."""
    stream = re.search(r"stream(?: =)? (\d+)", text)
    if numbered := re.match(r"(?:in|vist)#(\d+)", tag):
        number = int(numbered[1])
        return set() if stream and int(stream[1]) != inputs[number].stream else {number}
    demuxer = {*tag.split(",")} & {*DEMUXERS}
    return {n for n, one in enumerate(inputs) if tag in one.decoders or (demuxer and one.kind == "container")}
