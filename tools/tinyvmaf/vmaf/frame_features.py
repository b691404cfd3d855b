"""Features that a Python function computes from decoded frames, beside those that libvmaf computes.

To add one, write its function and list it in `FRAME_FEATURES`. `tinyvmaf extract --features NAME` writes the column.
"""

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf import scratch
from tinyvmaf.errors import FFmpegError, TinyvmafError
from tinyvmaf.files import sha256
from tinyvmaf.vmaf.ffmpeg import FFmpeg, read_output
from tinyvmaf.vmaf.media import Video

Luma = NDArray[np.unsignedinteger[Any]]
"""Luma of a frame as it was coded, uint8 or uint16 `[H, W]`: 0 to 255 for 8 bits, 0 to 1023 for 10 bits."""
FrameFeature = Callable[[Luma, Luma], float]
"""A feature of one frame: the luma of the reference, then of the distorted video."""


def luma_shift(reference: Luma, distorted: Luma) -> float:
    """By how much the picture became brighter: mean luma of the distorted frame minus the reference's, code values."""
    return float(distorted.mean(dtype=np.float64) - reference.mean(dtype=np.float64))


FRAME_FEATURES: Final[dict[str, FrameFeature]] = {"luma_shift": luma_shift}
"""By the names of their columns."""


def version_of(name: str) -> str:
    """A hash of the feature's function: its name, and the file of its module with its helpers and constants.

    Raises:
        TinyvmafError: it is not a function of a module file, so a change of its code could not be seen.
    """
    function = FRAME_FEATURES[name]
    module = inspect.getmodule(function) if inspect.isfunction(function) else None
    file = getattr(module, "__file__", None)
    if file is None or not Path(file).is_file():
        raise TinyvmafError(
            f"frame feature {name}: {function!r} is not a function of a Python file",
            hint="write it with def in a module: stored values are found by a hash of that file",
        )
    return sha256(Path(file).read_bytes() + function.__qualname__.encode())


def measure_frames(
    reference: Video, distorted: Video, names: Sequence[str], ffmpeg: FFmpeg, timeout: float | None = None
) -> dict[str, NDArray[np.float64]]:
    """Features of every frame of a pair that may be compared.

    Args:
        names: of `FRAME_FEATURES`.
        timeout: seconds after which FFmpeg is killed.

    Returns:
        float64 `[T]` by name.

    Raises:
        FFmpegError: the files cannot be decoded, or a value is not finite.
    """
    geometry = reference.geometry
    dtype: np.dtype[np.unsignedinteger[Any]] = np.dtype(np.uint8 if geometry.pix_fmt.bits == 8 else "<u2")
    size = geometry.width * geometry.height * dtype.itemsize
    # One frame of the output is the reference's luma above the distorted one's. FFmpeg pairs frame n with frame n.
    chains = [",".join([*video.planar(), "settb=1/25,setpts=N,extractplanes=y"]) for video in (reference, distorted)]
    planes = f"[0:{reference.stream}]{chains[0]}[ref];[1:{distorted.stream}]{chains[1]}[dis]"
    arguments = [
        *reference.input_arguments(),
        *distorted.input_arguments(),
        "-noauto_conversion_filters",
        *("-filter_complex", f"{planes};[ref][dis]vstack=shortest=1[stacked]", "-map", "[stacked]"),
        *("-fps_mode", "passthrough", "-f", "rawvideo", "-"),
    ]
    values: dict[str, list[float]] = {name: [] for name in names}
    with scratch.folder() as folder:
        for frame in read_output(ffmpeg, arguments, 2 * size, cwd=Path(folder), timeout=timeout):
            ref, dis = np.frombuffer(frame, dtype).reshape(2, geometry.height, geometry.width)
            for name in names:
                values[name].append(FRAME_FEATURES[name](ref, dis))
    columns = {name: np.array(column, dtype=np.float64) for name, column in values.items()}
    for name, column in columns.items():
        if not np.isfinite(column).all():
            at = int(np.argmin(np.isfinite(column)))
            raise FFmpegError(f"{distorted.path}: feature {name} of frame {at} is not finite")
    return columns
