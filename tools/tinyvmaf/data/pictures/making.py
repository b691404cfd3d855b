"""What is kept of a clip: the planes of its chosen frames, and the scores of all of its frames."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from tinyvmaf.data.ladder import Spec
from tinyvmaf.data.pictures.planes import packed
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.libvmaf import VmafModel, score_pair
from tinyvmaf.vmaf.media import both

SCORES: Final = ("vmaf_v0.6.1", "vmaf_v0.6.1neg")
"""The models whose scores a set has."""
LUMA: Final = "luma"
"""The column of the planes."""
Scores = Mapping[str, Sequence[float]]
"""One number for each frame of a clip, by model: those of `SCORES`."""
_TIMEOUT_S: Final = 300.0  # per clip; a clip takes about a second


def chosen_frames(path: Path, spec: Spec, chosen: Sequence[int]) -> pa.Table:
    """The luma planes of some frames of a raw clip of a ladder; a column `luma`, one plane a row."""
    g = spec.geometry
    frames = np.memmap(path, np.uint8, "r").reshape(spec.frames, g.frame_bytes)
    planes = [frames[number, : g.width * g.height].reshape(g.height, g.width) for number in chosen]
    return pa.table({LUMA: pa.array([packed(plane) for plane in planes], pa.large_binary())})


def measured_scores(reference: Path, distorted: Path, spec: Spec, ffmpeg: FFmpeg) -> Scores:
    """The scores of a raw clip of a ladder by libvmaf, rounded by it to 6 decimals.

    Raises:
        FFmpegError, LogError: as `score_pair`.
    """
    g = spec.geometry
    table = score_pair(
        reference,
        distorted,
        options=both(size=f"{g.width}x{g.height}", pix_fmt=g.pix_fmt.name),
        models=[VmafModel(name) for name in SCORES],
        threads=1,
        timeout=_TIMEOUT_S,
        ffmpeg=ffmpeg,
    )
    return {name: table.column(name).tolist() for name in SCORES}
