"""Video files: how they are read, which two may be compared, and what brings them into one form."""

from tinyvmaf.vmaf.media.compare import OpenedPair, require_comparable
from tinyvmaf.vmaf.media.counting import count_by_decoding, decoded_frames
from tinyvmaf.vmaf.media.damage import culprit, damage, require_steady, require_unchanged
from tinyvmaf.vmaf.media.filters import frames_graph
from tinyvmaf.vmaf.media.geometry import PIXEL_FORMATS, Geometry, PixelFormat, parse_size, pixel_format
from tinyvmaf.vmaf.media.opening import is_raw, open_pair, open_video
from tinyvmaf.vmaf.media.options import PairOptions, Reading, both
from tinyvmaf.vmaf.media.seen import InputSeen, PairSeen, seen
from tinyvmaf.vmaf.media.video import Video

__all__ = [
    "PIXEL_FORMATS",
    "Geometry",
    "InputSeen",
    "OpenedPair",
    "PairOptions",
    "PairSeen",
    "PixelFormat",
    "Reading",
    "Video",
    "both",
    "count_by_decoding",
    "culprit",
    "damage",
    "decoded_frames",
    "frames_graph",
    "is_raw",
    "open_pair",
    "open_video",
    "parse_size",
    "pixel_format",
    "require_comparable",
    "require_steady",
    "require_unchanged",
    "seen",
]
