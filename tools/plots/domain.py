"""The teacher's domain against rows of real video: python domain.py [--out FILE].

Draws pairs of features: the domain, samples of it, the rows of the embedded corpus, the golden rows. Prints which share
of the rows lies inside, and how much of each feature's range the corpus covers. Needs matplotlib (extra `plots`).
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tinyvmaf.data import dataset
from tinyvmaf.data.golden import load_rows
from tinyvmaf.files import home
from tinyvmaf.measure.charts import SOURCES, file_figure, file_style, save
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.domain.teacher_domain import ABOVE_ONE, ADM_APART, MOST_MOTION, VIF_DROP
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
from tinyvmaf.vmaf.teacher import load_built_in

Edges = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
COUNT = 3000
AREA, SAMPLES = "#eef1f5", "#a9b6c6"


def vif(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least and largest value of the next coarser scale."""
    return np.maximum(0.0, x - VIF_DROP), np.full_like(x, ABOVE_ONE)


def adm(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least and largest ADM, by VIF scale 3."""
    return np.maximum(0.0, x - ADM_APART), np.minimum(ABOVE_ONE, x + ADM_APART)


def scores(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The whole scale."""
    return np.zeros_like(x), np.full_like(x, 100.0)


PAIRS: tuple[tuple[str, str, float, Edges], ...] = (
    ("vif_scale0", "vif_scale1", ABOVE_ONE, vif),
    ("vif_scale1", "vif_scale2", ABOVE_ONE, vif),
    ("vif_scale2", "vif_scale3", ABOVE_ONE, vif),
    ("vif_scale3", "adm2", ABOVE_ONE, adm),
    ("motion2", "vmaf_v0.6.1", MOST_MOTION, scores),
)
STYLES = (
    ("samples of the domain", {"c": SAMPLES, "s": 5, "linewidths": 0}),
    ("frames of the corpus", {"c": SOURCES[0], "s": 4, "linewidths": 0}),
    ("golden frames", {"c": SOURCES[1], "s": 38, "marker": "X", "edgecolors": "white", "linewidths": 0.6}),
)


def draw(out: Path, scored: list[np.ndarray], names: tuple[str, ...]) -> None:
    """A panel for each pair; groups of rows one over the other."""
    figure = file_figure(9, 6)
    axes = figure.subplots(2, 3)
    for axis, (x, y, most, edges) in zip(axes.flat, PAIRS, strict=False):
        grid = np.linspace(0.0, most, 200)
        axis.fill_between(grid, *edges(grid), color=AREA, linewidth=0, label="the domain")
        for (label, style), rows in zip(STYLES, scored, strict=True):
            axis.scatter(rows[:, names.index(x)], rows[:, names.index(y)], label=label, **style)
        axis.set(xlabel=x, ylabel=y if y != names[-1] else f"score, {names[-1]}")
    handles, labels = axes.flat[0].get_legend_handles_labels()
    axes.flat[-1].axis("off")
    legend = axes.flat[-1].legend(handles, labels, loc="center left", frameon=False, fontsize=11)
    for handle in legend.legend_handles[1:]:
        handle.set_sizes([60])
    save(figure, out, dpi=110)


def main() -> int:
    """Draw and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=home() / "docs" / "images" / "domain.png")
    arguments = parser.parse_args()
    teacher = load_built_in(find_ffmpeg(), "vmaf_v0.6.1")
    domain = Domain(teacher.features)
    corpus = dataset.read(home() / "fixtures" / "corpus" / "features.parquet").columns(*teacher.feature_names)
    golden = np.concatenate([pair.features for pair in load_rows().pairs.values()])
    groups = [domain.sample(COUNT, 0), corpus, golden]
    for (label, _), rows in list(zip(STYLES, groups, strict=True))[1:]:
        print(f"{label}: {len(rows)}, {domain.contains(rows).mean():.2%} inside the domain")
    low, high = domain.bounds()
    for i, name in enumerate(teacher.feature_names):
        column = corpus[:, i]
        print(f"{name:12} domain {low[i]:g} to {high[i]:g}, corpus {column.min():.3f} to {column.max():.3f}")
    names = (*teacher.feature_names, teacher.id)
    scored = [np.column_stack([rows, teacher.predict(rows)]) for rows in groups]
    with file_style(**{"font.size": 9}):
        draw(arguments.out, scored, names)
    return 0


if __name__ == "__main__":
    sys.exit(main())
