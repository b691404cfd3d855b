"""In which range two videos are compared."""

from collections.abc import Callable
from typing import Final

from tinyvmaf.vmaf.media.options import PairOptions
from tinyvmaf.vmaf.media.video import Video

RANGES: Final = {True: "full", False: "limited", None: "unstated"}


def agreed_range(
    reference: Video,
    distorted: Video,
    options: PairOptions,
    refuse: Callable[[str, str], None],
    decide: Callable[[str], None],
) -> bool | None:
    """The range in which they are compared; None: neither file says.

    Limited range against none stated is limited: that is what codecs mean by nothing. Full range against none stated
    may be either, so it is refused until the caller says it. Where the caller gave different ranges, the full one is
    brought down to limited.
    """
    ranges = [_range(video, other) for video, other in ((reference, distorted), (distorted, reference))]
    if ranges[0] == ranges[1]:
        return ranges[0]
    if True not in ranges:
        return False
    shown = f"range {RANGES[ranges[0]]} against {RANGES[ranges[1]]}"
    if None not in ranges and any(reading.range for reading in options.readings):
        decide(f"{shown}: full is brought down to limited")
        return False
    words = ",".join("full" if full else "limited" for full in ranges)
    hint = f"--range {words} says so and brings full down to limited"
    refuse(shown, f"{hint}; --range full says that both are full" if None in ranges else hint)
    return None


def _range(video: Video, other: Video) -> bool | None:
    """RGB has no range until it becomes YCbCr: it takes the other's, else limited."""
    if video.geometry.pix_fmt.family != "rgb":
        return video.full_range
    return bool(other.full_range) if other.geometry.pix_fmt.family != "rgb" else False
