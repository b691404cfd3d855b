"""The bitrate of a video stream, from its packets."""

import re
from collections.abc import Iterable, Sequence
from fractions import Fraction

_NO_TIME = -(1 << 63)


def bits_per_second(lines: Iterable[str]) -> float | None:
    """From FFmpeg's framecrc list: `stream, dts, pts, duration, size, checksum` for each packet."""
    base, packets = Fraction(1), list[tuple[int, int, int]]()
    for line in lines:
        if tick := re.match(r"#tb 0: (\d+)/(\d+)", line):
            base = Fraction(int(tick[1]), int(tick[2]))
        elif packet := re.match(r"0, *(-?\d+), *(-?\d+), *(-?\d+), *(\d+),", line):
            packets.append((int(packet[2]), int(packet[3]), int(packet[4])))
    if any(at == _NO_TIME for at, _, _ in packets):
        return None  # an elementary stream: FFmpeg makes decoding times for a frame rate that it assumes
    ticks = _ticks([(at, duration) for at, duration, _ in packets])
    return float(8 * sum(size for _, _, size in packets) / (ticks * base)) if ticks > 0 else None


def _ticks(packets: Sequence[tuple[int, int]]) -> Fraction:
    """From the first packet's start to the last one's end; a last one without duration takes the mean of the others."""
    if not packets:
        return Fraction(0)
    times = sorted({at for at, _ in packets})  # a hidden frame may have the time of a shown one
    span = times[-1] - times[0]
    last = max(duration for at, duration in packets if at == times[-1])
    if last <= 0 and len(times) > 1:
        return span + Fraction(span, len(times) - 1)
    return Fraction(span + max(last, 0))
