"""Video files: their geometry, their frames, and which two may be compared."""

from tinyvmaf.vmaf.media.compare import require_comparable
from tinyvmaf.vmaf.media.geometry import PIXEL_FORMATS, Geometry, PixelFormat, parse_size, pixel_format
from tinyvmaf.vmaf.media.options import PairOptions, Reading, both
from tinyvmaf.vmaf.media.seen import InputSeen, PairSeen
from tinyvmaf.vmaf.media.video import Video, count_by_decoding, decoded_frames, is_raw, open_video

__all__ = [
    "PIXEL_FORMATS",
    "Geometry",
    "InputSeen",
    "PairOptions",
    "PairSeen",
    "PixelFormat",
    "Reading",
    "Video",
    "both",
    "count_by_decoding",
    "decoded_frames",
    "is_raw",
    "open_video",
    "parse_size",
    "pixel_format",
    "require_comparable",
]
