"""Whether two videos show frame n at the same time."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.vmaf.media.video import Video

# Two constant rates may differ by a film's usual changes of speed: 23.976 to 24, 24 to 25.
_SPEED_CHANGE: Final = 0.05
ROUNDING_S: Final = 0.002
"""Seconds: containers that count in milliseconds round by less than this."""


def clock_warning(reference: Video, distorted: Video) -> str:
    """Why frame n of one may not be frame n of the other, by their timestamps; empty if they agree."""
    ref, dis = (np.array(video.timing.times) for video in (reference, distorted))
    if len(ref) != len(dis) or len(ref) < 2:
        return ""
    lengths = ref[-1], dis[-1]
    if min(lengths) <= 0:
        return ""
    speed = float(lengths[1] / lengths[0])
    gap = float(ref[-1]) / (len(ref) - 1)
    if all(_constant(times) for times in (ref, dis)):
        if abs(speed - 1.0) <= _SPEED_CHANGE:
            return ""
        rates = [(len(times) - 1) / float(times[-1]) for times in (ref, dis)]
        return (
            f"frame rates differ: {rates[0]:.3f} against {rates[1]:.3f} frames per second; frame n is compared with n"
        )
    off = np.abs(ref - dis)
    frame = int(np.argmax(off > gap / 2))
    if off.max() <= gap / 2:
        return ""
    return (
        f"timestamps differ: frame {frame} is shown at {ref[frame]:.3f} s in the reference, at {dis[frame]:.3f} s in "
        f"{distorted.path}; frame n is compared with n (--sync pts compares what is shown at the same time)"
    )


def _constant(times: NDArray[np.float64]) -> bool:
    steps = np.diff(times)
    return bool(np.abs(steps - steps.mean()).max() <= ROUNDING_S)


def partner_warnings(reference: Video, distorted: Video) -> list[str]:
    """What is left over where frames are compared that are shown at the same time."""
    ref, dis = (np.array(video.timing.times) for video in (reference, distorted))
    if len(ref) < 2 or not len(dis):
        return []
    late = late_frames(reference, distorted)
    kept = dis[: len(dis) - late]
    partners, begun = (np.searchsorted(ref, kept + lead, side="right") for lead in (lead_of(distorted), ROUNDING_S))
    used = np.unique(partners)
    found = []
    if unused := len(ref) - len(used):
        found.append(f"{unused} of {len(ref)} reference frames have no partner: no distorted frame is shown with them")
    if late:
        found.append(f"{late} of {len(dis)} distorted frames have no partner: they are shown after the reference ended")
    exact = len(kept) > 0 and bool((np.abs(ref[begun - 1] - kept) <= ROUNDING_S).all())
    if exact and (partners != begun).any():
        found.append(
            "two rules differ here, and frames are paired as FFmpeg's filter fps takes them; if "
            f"{distorted.path} came from leaving frames out, do the same to the reference (filter select), and compare "
            "frame n with frame n"
        )
    return found


def lead_of(distorted: Video) -> float:
    """By how many seconds a reference frame may begin after the distorted frame that is compared with it.

    Half a frame, as FFmpeg rounds when it changes a rate, and less than that where frames follow one another faster, so
    that equal timestamps always meet.
    """
    gaps = np.diff(distorted.timing.times)
    shortest = float(gaps.min()) if len(gaps) else 0.0
    return max(0.49 * shortest, ROUNDING_S)


def late_frames(reference: Video, distorted: Video) -> int:
    """How many distorted frames are shown after the reference ended."""
    return int((np.array(distorted.timing.times) + ROUNDING_S >= end_of(reference)).sum())


def end_of(video: Video) -> float:
    """When the last frame of a video ends, in seconds from its first; infinite if its times are not known."""
    times, end = video.timing.times, video.timing.end
    if end is not None and times and end > times[-1]:
        return end
    return times[-1] + times[-1] / (len(times) - 1) if len(times) > 1 else float("inf")
