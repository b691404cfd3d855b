"""The teacher's domain against rows of real video: python domain.py [--out FILE].

Draws pairs of features: the domain, samples of it, rows of the embedded corpus and of its extremes, golden rows, and
the outline of each set that others measured and that is at hand (--features, $TINYVMAF_EXTERNAL, ../shared/avt).
Prints how many rows of each lie outside, and how far they go. Needs matplotlib (extra `plots`).
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tinyvmaf.data import dataset
from tinyvmaf.data.embedded import embedded_corpus
from tinyvmaf.data.external import as_corpus, find_sets
from tinyvmaf.data.golden import load_rows
from tinyvmaf.files import home
from tinyvmaf.measure.charts import SOURCES, file_figure, file_style, save
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.domain.teacher_domain import (
    ADM_ABOVE,
    ADM_BELOW,
    ADM_END,
    ADM_SLOPE,
    MOST_MOTION,
    VIF_DROP,
    VIF_END,
)
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
from tinyvmaf.vmaf.teacher import load_built_in

Edges = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
COUNT = 3000
AREA, SAMPLES, LINE = "#eef1f5", "#c3ccd8", "#1f2a37"


def vif(scale: str) -> Edges:
    """Least and largest value of a scale, by the next finer one."""
    return lambda x: (np.maximum(0.0, np.minimum(x, 1.0) - VIF_DROP[scale]), np.full_like(x, VIF_END))


def adm(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least and largest ADM, by VIF scale 3."""
    return np.maximum(0.0, x - ADM_BELOW), np.minimum(ADM_END, ADM_ABOVE + ADM_SLOPE * x)


def scores(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The whole scale."""
    return np.zeros_like(x), np.full_like(x, 100.0)


PAIRS: tuple[tuple[str, str, float, Edges], ...] = (
    ("vif_scale0", "vif_scale1", VIF_END, vif("vif_scale1")),
    ("vif_scale1", "vif_scale2", VIF_END, vif("vif_scale2")),
    ("vif_scale2", "vif_scale3", VIF_END, vif("vif_scale3")),
    ("vif_scale3", "adm2", VIF_END, adm),
    ("motion2", "vmaf_v0.6.1", MOST_MOTION, scores),
)
STYLES = (
    ("samples of the domain", {"c": SAMPLES, "s": 4, "linewidths": 0}),
    ("frames of extremes", {"c": SOURCES[2], "s": 5, "linewidths": 0}),
    ("frames of the corpus", {"c": SOURCES[0], "s": 3, "linewidths": 0}),
    ("golden frames", {"c": SOURCES[1], "s": 38, "marker": "X", "edgecolors": "white", "linewidths": 0.6}),
)
OUTLINES = ("solid", "dashed", "dotted", "dashdot")
CELLS = 40


def outline(axis: Any, x: np.ndarray, y: np.ndarray, line: str) -> None:
    """The edge of the cells that hold a row, so that the picture has no row of a set."""
    counts, xs, ys = np.histogram2d(x, y, CELLS)
    # An empty cell around, so that the line is closed.
    middle = [
        np.concatenate([[e[0] - w / 2], (e[1:] + e[:-1]) / 2, [e[-1] + w / 2]]) for e in (xs, ys) for w in [e[1] - e[0]]
    ]
    filled = np.pad((counts > 0).astype(float), 1)
    axis.contour(*middle, filled.T, levels=[0.5], colors=LINE, linewidths=0.8, linestyles=line)


def draw(out: Path, scored: list[np.ndarray], sets: dict[str, np.ndarray], names: tuple[str, ...]) -> None:
    """A panel for each pair; groups of rows one over the other."""
    figure = file_figure(9, 6)
    axes = figure.subplots(2, 3)
    for axis, (x, y, most, edges) in zip(axes.flat, PAIRS, strict=False):
        grid = np.linspace(0.0, most, 200)
        axis.fill_between(grid, *edges(grid), color=AREA, linewidth=0, label="the domain")
        for (label, style), rows in zip(STYLES, scored, strict=True):
            axis.scatter(rows[:, names.index(x)], rows[:, names.index(y)], label=label, **style)
        for rows, line in zip(sets.values(), OUTLINES, strict=False):
            outline(axis, rows[:, names.index(x)], rows[:, names.index(y)], line)
        axis.set(xlabel=x, ylabel=y if y != names[-1] else f"score, {names[-1]}")
    handles, labels = axes.flat[0].get_legend_handles_labels()
    shown = dict(zip(sets, OUTLINES, strict=False))
    handles += [axes.flat[0].plot([], [], color=LINE, lw=0.8, ls=line)[0] for line in shown.values()]
    axes.flat[-1].axis("off")
    labels += [f"outline of the rows of {name}" for name in shown]
    legend = axes.flat[-1].legend(handles, labels, loc="center left", frameon=False, fontsize=10)
    for handle in legend.legend_handles[1 : 1 + len(STYLES)]:
        handle.set_sizes([60])
    save(figure, out, dpi=110)


def main() -> int:
    """Draw and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=home() / "docs" / "images" / "domain.png")
    parser.add_argument("--features", action="append", default=[], metavar="FILE", help="a set that others measured")
    arguments = parser.parse_args()
    teacher = load_built_in(find_ffmpeg(), "vmaf_v0.6.1")
    domain, embedded = Domain(teacher.features), embedded_corpus()
    files = [dataset.read(path) for path in (embedded.extreme_features, embedded.features)]
    groups = [domain.sample(COUNT, 0), *(data.columns(*teacher.feature_names) for data in files)]
    groups.append(load_rows().features(teacher.feature_names))
    found = {one.name: as_corpus([one.path]) for one in find_sets(arguments.features)}
    sets = {name: data.columns(*teacher.feature_names) for name, data in found.items()}
    low, high = domain.bounds()
    print("domain", *(f"{name} {a:g} to {b:g}" for name, a, b in zip(domain.names, low, high, strict=True)))
    for label, rows in [*zip([label for label, _ in STYLES[1:]], groups[1:], strict=True), *sets.items()]:
        away = domain.distance(rows)
        beyond = (domain.at_the_ends(rows) != rows).any(axis=1)
        counts = f"{len(rows)} rows, {(away > 0).sum()} outside, {beyond.sum()} beyond an end"
        print(f"{label}: {counts}; up to {rows.max(axis=0).round(3).tolist()}")
    names = (*teacher.feature_names, teacher.id)

    def scored(rows: np.ndarray) -> np.ndarray:
        # What is beyond an end is drawn at it.
        return np.column_stack([domain.at_the_ends(rows), teacher.predict(rows)])

    with file_style(**{"font.size": 9}):
        draw(
            arguments.out, [scored(rows) for rows in groups], {name: scored(rows) for name, rows in sets.items()}, names
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
