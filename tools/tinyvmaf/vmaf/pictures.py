"""Pictures: luma of decoded frames, as models that take pictures see it."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf import scratch
from tinyvmaf.errors import FFmpegError, MediaError
from tinyvmaf.vmaf.ffmpeg import FFmpeg, read_output
from tinyvmaf.vmaf.media import Reading, Video, damage, open_video, require_steady
from tinyvmaf.vmaf.media.colour import MATRICES
from tinyvmaf.vmaf.media.ranges import RANGES
from tinyvmaf.vmaf.media.symptoms import WAY_ON, sentence

Samples = NDArray[np.unsignedinteger[Any]]
"""Luma as it was coded: uint8 for 8 bits, else uint16; `[H, W]` for one frame, `[N, H, W]` for several."""
Pictures = NDArray[np.float32]
"""Luma for a model, float32 `[N, 1, H, W]`, from 0 to 1. Limited range stays limited: 16 to 235 of 255."""
DEPTHS: Final = range(8, 17)
"""Bits per sample."""


@dataclass(frozen=True)
class LumaFrame:
    """The luma of one decoded frame."""

    number: int
    """0 for the first frame."""
    samples: Samples
    """`[H, W]`."""
    bits: int
    """Per sample."""

    def pictures(self) -> Pictures:
        """The frame for a model, float32 `[1, 1, H, W]`."""
        return pictures_of(self.samples, self.bits)


def pictures_of(samples: Samples, bits: int = 8) -> Pictures:
    """Samples for a model: divided by 255 * 2^(bits - 8), so that black and white are the same at all depths.

    Args:
        samples: `[H, W]` or `[N, H, W]`.
        bits: per sample, 8 to 16; above 8, the largest samples are clipped to 1.

    Raises:
        ValueError: another shape or dtype, or a sample that does not have so few bits.
    """
    if samples.ndim not in (2, 3) or samples.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"samples are {samples.dtype} {list(samples.shape)}, not uint8 or uint16 [H, W] or [N, H, W]")
    if bits not in DEPTHS:
        raise ValueError(f"{bits} bits per sample: 8 to 16 are known")
    if samples.size and int(samples.max()) >> bits:
        raise ValueError(f"a sample is {int(samples.max())}, which has more than {bits} bits")
    many = samples.reshape(-1, 1, *samples.shape[-2:]).astype(np.float32)
    many /= np.float32(255 << (bits - 8))
    return np.minimum(many, np.float32(1.0), out=many)


def read_luma(
    path: Path,
    ffmpeg: FFmpeg,
    *,
    frames: Collection[int] | None = None,
    every: int = 1,
    reading: Reading | None = None,
    allow_errors: bool = False,
    timeout: float | None = None,
) -> Iterator[LumaFrame]:
    """The luma of a video, a picture, a numbered sequence of pictures or a pipe.

    Args:
        frames, every, timeout: as `luma_frames`.
        reading: what the caller says of the file, such as the geometry of raw yuv, or the matrix of RGB.
        allow_errors: read on where the file is damaged.

    Raises:
        MediaError: as `open_video` and `luma_frames`.
    """
    video = open_video(path, ffmpeg, reading=reading, allow_errors=allow_errors, typed=True)
    matrix = None if reading is None else reading.matrix
    return luma_frames(
        video, ffmpeg, frames=frames, every=every, matrix=matrix, allow_errors=allow_errors, timeout=timeout
    )


def luma_frames(
    video: Video,
    ffmpeg: FFmpeg,
    *,
    frames: Collection[int] | None = None,
    every: int = 1,
    matrix: str | None = None,
    allow_errors: bool = False,
    timeout: float | None = None,
) -> Iterator[LumaFrame]:
    """The luma of an opened video, frame by frame: one frame is in memory at a time.

    FFmpeg decodes from the first frame on, so frame n is frame n. Errors of the file may come after its first frames.

    Args:
        frames: numbers of the frames to give, in increasing order; None: all. FFmpeg is ended after the last of them.
        every: give every n-th frame, from frame 0 on; not beside `frames`.
        matrix: `bt601`, `bt709` or `bt2020`, by which RGB becomes YCbCr of limited range; needed for RGB only.
        allow_errors: read on where the file is damaged.
        timeout: seconds after which FFmpeg is killed.

    Raises:
        MediaError: alpha, RGB without a matrix, a damaged file, no frame, frames that change in size or format, or a
            frame of `frames` that the video does not have.
        ValueError: `every` or `frames` is not what it can be.
    """
    if every < 1 or (frames is not None and (every != 1 or not frames or min(frames) < 0)):
        raise ValueError(f"frames {frames} and every {every}: give numbers from 0 up, or every n-th from 1 up")
    arguments = [
        *video.input_arguments(allow_errors=allow_errors),
        "-noauto_conversion_filters",
        *("-filter_complex", f"[0:{video.stream}]{','.join(_to_luma(video, matrix))}[luma]", "-map", "[luma]"),
        *("-fps_mode", "passthrough", "-f", "rawvideo", "-"),
    ]
    wanted = None if frames is None else sorted(set(frames))
    return _read(video, ffmpeg, arguments, wanted, every, allow_errors, timeout)


def _to_luma(video: Video, matrix: str | None) -> list[str]:
    """Filters that keep luma only and change no sample of it."""
    pix_fmt = video.geometry.pix_fmt
    if pix_fmt.alpha:
        raise MediaError(
            f"{video.path}: it has an alpha channel ({pix_fmt.name}): its luma depends on what lies behind it",
            hint=f"leave alpha out: ffmpeg -i {video.path} -pix_fmt {pix_fmt.planar} -c:v ffv1 flat.mkv",
        )
    if pix_fmt.family != "rgb":
        return [*video.planar(), "extractplanes=y"]
    if matrix is None:
        raise MediaError(
            f"{video.path}: it is RGB ({pix_fmt.name}), and a model takes luma",
            hint="say by which matrix it becomes YCbCr: --matrix bt709 (or bt601, bt2020)",
        )
    flags = "flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"  # as libvmaf's pairs are converted
    matrix_and_range = f"out_color_matrix={MATRICES[matrix]}:out_range={RANGES[False]}"
    return [
        f"scale={matrix_and_range}:{flags},format={pix_fmt.planar}",
        *([video.turn] if video.turn else []),
        "extractplanes=y",
    ]


def _read(
    video: Video,
    ffmpeg: FFmpeg,
    arguments: Sequence[str],
    wanted: Sequence[int] | None,
    every: int,
    allow_errors: bool,
    timeout: float | None,
) -> Iterator[LumaFrame]:
    geometry = video.geometry
    bits = geometry.pix_fmt.bits
    dtype: np.dtype[np.unsignedinteger[Any]] = np.dtype(np.uint8 if bits == 8 else "<u2")
    size = geometry.width * geometry.height * dtype.itemsize
    left = None if wanted is None else set(wanted)
    number = -1
    with scratch.folder() as folder:
        pieces = read_output(
            ffmpeg,
            arguments,
            size,
            cwd=Path(folder),
            timeout=timeout,
            stop_at_errors=not allow_errors,
            feed=video.feed,
            on_end=_held(video, allow_errors),
        )
        try:
            for number, piece in enumerate(pieces):
                if number % every if left is None else number not in left:
                    continue
                samples = np.frombuffer(piece, dtype).reshape(geometry.height, geometry.width)
                yield LumaFrame(number, samples, bits)
                if left is not None:
                    left.discard(number)
                    if not left:
                        return
        except FFmpegError as error:
            require_steady(error.stderr, [str(video.path)], str(video.path))
            hint = None if allow_errors else WAY_ON
            raise MediaError(f"{video.path}: {sentence(error, 'FFmpeg cannot read it')}", hint=hint) from error
    if number < 0:
        raise MediaError(f"{video.path}: no frames")
    if left:
        raise MediaError(f"{video.path}: it has {number + 1} frames, and no frame {min(left)}")


def _held(video: Video, allow_errors: bool) -> Callable[[str], None]:
    """Looks at FFmpeg's log after the last frame."""

    def look(stderr: str) -> None:
        require_steady(stderr, [str(video.path)], str(video.path))
        if not allow_errors and (found := damage(stderr, [video])):
            lines = "\n    ".join(f"{video.path}: FFmpeg finds an error: {line}" for line in found)
            raise MediaError(lines, hint=WAY_ON)

    return look
