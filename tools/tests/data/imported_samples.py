"""A small set as others publish one: real features of the embedded corpus, rounded as a log does."""

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tinyvmaf.data import dataset
from tinyvmaf.files import home
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import load_built_in

SIX = ("adm2", "vif_scale0", "vif_scale1", "vif_scale2", "vif_scale3", "motion2")


def real_rows(count: int) -> np.ndarray:
    """Canonical-6 rows of real frames, float64 `[count, 6]`."""
    return dataset.read(home() / "fixtures" / "corpus" / "features.parquet").columns(*SIX)[:: 6912 // count][:count]


def published(
    folder: Path,
    ffmpeg: FFmpeg,
    *,
    teacher: str = "vmaf_4k_v0.6.1",
    decimals: int = 6,
    prefix: str = "integer_",
    column: str = "vmaf",
    clips: tuple[str, ...] = ("a__x264_10", "a__x264_50", "b__x264_10", "b__x264_50"),
    frames: int = 5,
) -> Path:
    """Write `set_frames.parquet`, with scores of the rows before they are rounded; gives its path."""
    rows = real_rows(len(clips) * frames)
    scores = load_built_in(ffmpeg, teacher).predict(rows)
    content = {
        "clip": np.repeat(clips, frames),
        "frame": np.tile(np.arange(frames), len(clips)),
        **{f"{prefix}{name}": np.round(rows[:, i], decimals) for i, name in enumerate(SIX)},
        column: np.round(scores, decimals),
    }
    path = folder / "set_frames.parquet"
    pq.write_table(pa.table(content), path)
    return path


def opinions(folder: Path, rows: list[dict[str, object]]) -> Path:
    """Write `set_clips.csv`; gives its path."""
    path = folder / "set_clips.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path
