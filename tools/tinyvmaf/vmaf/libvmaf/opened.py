"""Two videos that may be compared, and what was decided about them."""

from dataclasses import dataclass
from pathlib import Path

from tinyvmaf.errors import TinyvmafError
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.media import (
    InputSeen,
    PairOptions,
    PairSeen,
    Video,
    count_by_decoding,
    open_video,
    require_comparable,
)
from tinyvmaf.vmaf.media.options import SCALERS


@dataclass(frozen=True)
class OpenedPair:
    """Two videos that may be compared as the options say."""

    reference: Video
    distorted: Video
    options: PairOptions

    def seen(self) -> PairSeen:
        """What was found in the inputs, and what was decided."""
        return PairSeen(_seen(self.reference), _seen(self.distorted))


def open_pair(reference: Path, distorted: Path, options: PairOptions, ffmpeg: FFmpeg) -> OpenedPair:
    """Open two videos, and see that they may be compared.

    Raises:
        MediaError, NotComparableError: they may not.
    """
    if options.scale is not None and options.scale not in SCALERS:
        raise TinyvmafError(f"unknown scaler {options.scale!r}", hint=f"known: {', '.join(SCALERS)}")
    ref = open_video(reference, ffmpeg, raw_geometry=options.reference.raw_geometry())
    dis = open_video(distorted, ffmpeg, raw_geometry=options.distorted.raw_geometry())
    if ref.frames != dis.frames and not (ref.exact and dis.exact):
        # Packets are not always frames: count the frames before refusing the pair.
        ref, dis = count_by_decoding(ref, ffmpeg), count_by_decoding(dis, ffmpeg)
    require_comparable(ref, dis, scaled=options.scale is not None)
    return OpenedPair(ref, dis, options)


def _seen(video: Video) -> InputSeen:
    words = {True: "full", False: "limited", None: "unstated"}
    return InputSeen(str(video.path), str(video.geometry), video.frames, words[video.full_range])
