"""Error of each frame over its score, for two recipes: python students.py [--out FILE] [--recipe R --recipe R].

A model that has not seen a source scores it, with the recipe's first seed; fits come from the store or are made now.
The two scales of error differ: on one scale the better recipe would be a line. Needs matplotlib (extra `plots`).
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from tinyvmaf.data import dataset
from tinyvmaf.data.corpus.splits import leave_one_source_out
from tinyvmaf.data.store import Store, default_folder
from tinyvmaf.files import home
from tinyvmaf.measure.charts import SOURCES, file_figure, file_style, save
from tinyvmaf.model.engines import OnnxRuntimeCpu
from tinyvmaf.train.folds import FitRequest, fold_models
from tinyvmaf.train.recipes import read_recipe
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
from tinyvmaf.vmaf.teacher import load_built_in

DEFAULTS = ["mlp_small", "tinyvmaf_nano"]


def errors(name: str, data: dataset.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """The teacher's score of each frame, and the error of a model that has not seen its source."""
    recipe = read_recipe(name)
    teacher = load_built_in(find_ffmpeg(), recipe.teacher)
    source = np.array(data.table["source"].to_pylist())
    folds = leave_one_source_out(source.tolist())
    table = data.columns(*teacher.feature_names, teacher.id)
    off = np.empty(len(table))
    request = FitRequest(recipe, teacher, data, folds, recipe.seeds[:1])
    for model in fold_models(request, Store(default_folder())):
        mine = np.ones(len(source), dtype=bool) if model.held_out is None else source == model.held_out
        off[mine] = OnnxRuntimeCpu(model.data).run(table[mine, :-1]) - table[mine, -1]
    return table[:, -1], off


def main() -> int:
    """Draw and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=home() / "docs" / "images" / "errors.png")
    parser.add_argument("--recipe", action="append", metavar="R", help=f"two of them; default {' and '.join(DEFAULTS)}")
    arguments = parser.parse_args()
    data = dataset.read(home() / "fixtures" / "corpus" / "features.parquet")
    with file_style(**{"font.size": 9}):
        figure = file_figure(9, 3.6)
        axes = figure.subplots(1, 2)
        for axis, name, colour in zip(axes, arguments.recipe or DEFAULTS, (SOURCES[1], SOURCES[0]), strict=True):
            score, off = errors(name, data)
            rmse, largest = np.sqrt(np.mean(off**2)), np.abs(off).max()
            print(f"{name}: {len(off)} frames, RMSE {rmse:.4g}, max {largest:.4g}")
            axis.axhline(0.0, color="#6b7785", linewidth=0.8)
            axis.scatter(score, off, s=3, c=colour, linewidths=0)
            axis.set(xlabel="teacher's score", ylim=(-1.1 * largest, 1.1 * largest))
            axis.set_ylabel("student - teacher, VMAF points")
            axis.set_title(f"{name}: RMSE {rmse:.2g}, max {largest:.2g} points", fontsize=10)
        save(figure, arguments.out, dpi=110)
    return 0


if __name__ == "__main__":
    sys.exit(main())
