"""A video file whose geometry, colour and timing are known, and how FFmpeg opens it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import IO, Final

from tinyvmaf.vmaf.ffmpeg import file_url
from tinyvmaf.vmaf.media.colour import Colour
from tinyvmaf.vmaf.media.geometry import Geometry

# Containers that hold their own frames. FFmpeg goes by content, not by name: it would also read a playlist (HLS, DASH,
# concat) called x.mp4, or a name that is a pattern (image2), and open the files listed there.
DEMUXERS: Final = (
    *("asf", "av1", "avi", "dv", "flv", "h264", "hevc", "ivf", "m4v", "matroska", "mov", "mpeg", "mpegts", "mpegvideo"),
    *("mxf", "nut", "obu", "ogg", "vvc", "yuv4mpegpipe"),
)
# Open this file only.
WHITELIST: Final = ("-protocol_whitelist", "file", "-format_whitelist", ",".join(DEMUXERS))
# Check what can be checked, and fail where a decoder would conceal an error.
STRICT: Final = ("-err_detect", "crccheck+bitstream+buffer+explode")


@dataclass(frozen=True)
class Timing:
    """When frames are shown."""

    fps: Fraction | None = None
    """Frames per second as the file states them; None: not stated."""
    times: tuple[float, ...] = ()
    """Seconds from the first frame, in order of display; empty: not known."""
    end: float | None = None
    """Seconds from the first frame to the end of the last one, as the file states it; None: not stated."""
    bitrate: float | None = None
    """Bits per second: bytes of the stream's packets over its duration; None: not known."""


@dataclass(frozen=True)
class Video:
    """A video file whose geometry is known."""

    path: Path
    kind: str
    """`raw`, `y4m`, `pipe`, `container`, `picture` or `sequence`."""
    geometry: Geometry
    """As shown, after a rotation."""
    frames: int
    exact: bool
    """Whether `frames` counts frames. For a container it counts packets until the file is decoded, and some packets
    show no frame (VP8's hidden ones)."""
    packets: int = 0
    """Of a container's stream; 0: not known."""
    decoders: tuple[str, ...] = ()
    """FFmpeg's names of the codec and of its decoder, such as `av1` and `libdav1d`."""
    full_range: bool | None = None
    """True: full range (`pc`); False: limited range (`tv`); None: the file does not say."""
    colour: Colour = field(default_factory=Colour)
    stream: int = 0
    """Index of the stream in the file, as FFmpeg counts."""
    interlaced: bool | None = None
    """Whether frames are two fields; None: not known."""
    sample_aspect: Fraction = Fraction(1)
    """Width of a sample over its height; 1 if the file does not say."""
    coded: str = ""
    """FFmpeg's name of the decoded pixel format, such as `yuvj420p`; empty: that of `geometry`."""
    turn: str = ""
    """Filter that turns the frames as the file asks, where FFmpeg cannot do so without another pixel format."""
    film_grain: bool = False
    """Whether the stream has film grain for the decoder to add."""
    input_options: tuple[str, ...] = ()
    """FFmpeg options of this input, beside those of its kind."""
    demuxer: tuple[str, ...] = ()
    """FFmpeg options that open a container, a picture or a sequence."""
    strict: tuple[str, ...] = STRICT
    """FFmpeg options that make errors of such a file end the run."""
    url: str = ""
    """FFmpeg's name of the input; empty: that of `path`."""
    feed: Callable[[IO[bytes]], None] | None = field(default=None, compare=False)
    """Writes a pipe's content to FFmpeg's standard input."""
    timing: Timing = field(default_factory=Timing, compare=False)
    chosen: tuple[str, ...] = ()
    """One sentence for each choice that was made when it was opened."""
    warnings: tuple[str, ...] = ()

    def input_arguments(self, *, allow_errors: bool = False) -> list[str]:
        """FFmpeg arguments that open this file, and no other, as an input."""
        arguments: list[str] = list(self.input_options)
        if self.demuxer:
            arguments += self.demuxer if allow_errors else (*self.demuxer, *self.strict)
            arguments += ["-noautorotate"] if self.turn else []
        elif self.kind == "raw":
            g = self.geometry
            arguments += ["-f", "rawvideo", "-video_size", f"{g.width}x{g.height}", "-pixel_format", g.pix_fmt.name]
        elif self.kind in ("y4m", "pipe"):
            arguments += ["-f", "yuv4mpegpipe"]
        return [*arguments, "-i", "pipe:0" if self.kind == "pipe" else self.url or file_url(self.path)]

    def planar(self) -> list[str]:
        """Filters that turn the frames and bring them into libvmaf's planar formats; they change no sample."""
        pix_fmt, filters = self.geometry.pix_fmt, []
        coded = self.coded or pix_fmt.name
        if self.turn:
            filters.append(self.turn)
            coded = pix_fmt.name
        if pix_fmt.family != "rgb" and coded != pix_fmt.planar:
            # Equal ranges on both ends: only the order of the samples changes. Gray counts as full range for FFmpeg.
            filters.append(f"scale=in_range=full:out_range=full,format={pix_fmt.planar}")
        return filters
