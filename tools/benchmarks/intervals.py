"""What `tinyvmaf_interval` states, against its teacher, other bootstrap models and viewers.

python tools/benchmarks/intervals.py [--avt ../shared/avt]
"""

import argparse
from pathlib import Path

import numpy as np
import pyarrow.csv
import pyarrow.parquet

from tinyvmaf.data.embedded import embedded_corpus
from tinyvmaf.measure.loso import interval_report
from tinyvmaf.model import registry
from tinyvmaf.model.engines import OnnxRuntimeCpu
from tinyvmaf.train.folds import FoldModel
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
from tinyvmaf.vmaf.interval import interval_of
from tinyvmaf.vmaf.teacher import load_built_in

SCALE = (0.0, 100.0)
EVERY = 25  # frames of the sets that others measured


def main() -> None:
    """Print one line a figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--avt", type=Path)
    folder = parser.parse_args().avt
    subject = registry.find("tinyvmaf_interval")
    teacher = load_built_in(find_ffmpeg(None), subject.teacher_id)
    model = FoldModel(None, 0, subject.data)
    found = interval_report([model], teacher, embedded_corpus().read(), subject.features)
    print(f"the corpus: {found.summary}; RMSE against the percentiles {found.percentile_rmse:.3g}")
    if folder is None:
        return
    session = OnnxRuntimeCpu(subject.data)
    table = pyarrow.parquet.read_table(folder / "uhd1_frames.parquet")
    rows = np.column_stack([table[name].to_numpy() for name in subject.features])
    score, stddev = session.run_all(rows).astype(np.float64).T
    some = slice(None, None, EVERY)
    bagging = teacher.bagging(rows[some])
    off = score[some] - teacher.predict(rows[some]), stddev[some] - bagging.stddev
    print(
        f"uhd1, every {EVERY}th of {len(rows):,} frames: RMSE {rms(off[0]):.3g}, standard deviation {rms(off[1]):.3g}"
    )
    other = table["stddev"].to_numpy()
    print(f"uhd1: mean stddev {stddev.mean():.3g}; of the 20 other models of vmaf_rb_v0.6.3 {other.mean():.3g}")
    clips = {
        (row["test"], row["clip"]): 25.0 * (row["mos"] - 1.0)
        for row in pyarrow.csv.read_csv(folder / "uhd1_clips.csv").to_pylist()
    }
    keys = list(zip(table["test"].to_pylist(), table["clip"].to_pylist(), strict=True))
    names, index = np.unique(np.array([f"{test} {clip}" for test, clip in keys]), return_inverse=True)
    counts = np.bincount(index)
    mean, spread = (np.bincount(index, values) / counts for values in (score, stddev))
    _, low, high = interval_of(mean, spread, SCALE)
    seen = {f"{test} {clip}": mos for (test, clip), mos in clips.items()}
    opinion = np.array([seen[name] for name in names])
    inside = ((opinion >= low) & (opinion <= high)).mean()
    print(f"uhd1: of {len(names)} clips {inside:.0%} have their opinion, 25 (MOS - 1), inside score +- 1.96 stddev")


def rms(values: np.ndarray) -> float:
    """Root of the mean square."""
    return float(np.sqrt(np.square(values).mean()))


if __name__ == "__main__":
    main()
