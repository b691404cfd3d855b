"""How far each part of the domain is proven: python proof.py [MODEL] [--bound X] [--jobs N] [--out FILE].

Proves the model, or takes what is kept of an earlier `tinyvmaf prove`, and draws the domain's first boxes by ADM and
VIF scale 3: into how many boxes each was split, and the largest bound of those. Cells that are not proven are hatched.
Needs matplotlib (extra `plots`).
"""

import argparse
from pathlib import Path

import numpy as np

from tinyvmaf.app.cli.progress import proof_bar
from tinyvmaf.files import home
from tinyvmaf.judge import proofs
from tinyvmaf.judge.opened import opened
from tinyvmaf.measure.charts import file_figure, file_style, save
from tinyvmaf.measure.proof.boxes import first_boxes
from tinyvmaf.measure.proof.gaussians import Gaussians
from tinyvmaf.measure.proof.proving import Found, prove
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
from tinyvmaf.vmaf.teacher import Teacher, load_built_in

ACROSS, UP = "vif_scale3", "adm2"
OUTSIDE, LINE = "#eef1f5", "#1f2a37"


def cells(teacher: Teacher, found: Found) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
    """Edges of the grid in both directions, and for each of its cells: boxes looked at and the largest
    bound, of one first box in the mean; the share of first boxes that nothing is known of. NaN outside of the domain.
    """
    assert found.boxes_of is not None
    assert found.largest_of is not None
    gaussians = Gaussians(teacher)
    centres, radius = first_boxes(Domain(teacher.features), gaussians)
    columns = [teacher.feature_names.index(name) for name in (ACROSS, UP)]
    middles = gaussians.to_rows(centres)[:, columns]
    half = radius[columns] / np.abs(gaussians.slopes[columns])
    low = middles.min(axis=0)
    places = np.rint((middles - low) / (2.0 * half)).astype(int)
    counts = places.max(axis=0) + 1
    edges = [low[i] - half[i] + 2.0 * half[i] * np.arange(counts[i] + 1) for i in (0, 1)]
    first, boxes, missing = np.zeros(counts), np.zeros(counts), np.zeros(counts)
    largest = np.zeros(counts)
    np.add.at(first, tuple(places.T), 1.0)
    np.add.at(boxes, tuple(places.T), found.boxes_of)
    np.add.at(missing, tuple(places.T), found.boxes_of == 0)
    np.add.at(largest, tuple(places.T), found.largest_of)
    known = first - missing
    means = [np.where(known > 0, sums / np.maximum(known, 1.0), np.nan) for sums in (boxes, largest)]
    return edges, {"boxes": means[0], "largest": means[1], "missing": missing / np.maximum(first, 1.0)}


def draw(name: str, teacher: Teacher, found: Found, out: Path) -> None:
    """The picture."""
    from matplotlib.colors import LogNorm, Normalize
    from matplotlib.ticker import StrMethodFormatter

    edges, of = cells(teacher, found)
    with file_style():
        figure = file_figure(9, 3.8)
        axes = figure.subplots(1, 2)
        many = LogNorm(1.0, max(2.0, float(np.nanmax(of["boxes"]))))
        panels = (
            (axes[0], of["boxes"], "boxes that a first box takes, mean", many),
            (axes[1], of["largest"], "largest proven bound, mean, VMAF points", Normalize(0.0, found.bound)),
        )
        whole, decimals = StrMethodFormatter("{x:,.0f}"), StrMethodFormatter("{x:.2g}")
        for axis, values, words, norm in panels:
            shown = whole if axis is axes[0] else decimals
            axis.set_facecolor(OUTSIDE)
            mesh = axis.pcolormesh(edges[0], edges[1], values.T, norm=norm, cmap="cividis", edgecolors="white", lw=0.4)
            figure.colorbar(mesh, ax=axis, label=words, format=shown)
            if (of["missing"] > 0).any():
                left = np.where(of["missing"] > 0, 1.0, np.nan).T
                axis.pcolor(edges[0], edges[1], left, hatch="///", alpha=0.0)
            axis.set(xlabel="VIF scale 3", ylabel="ADM")
        figure.suptitle(
            f"{name}: {found.status} within {found.bound:g} points of {teacher.id}, {found.boxes:,} boxes", color=LINE
        )
        save(figure, out, dpi=110)


def main() -> None:
    """Prove, and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default="tinyvmaf_nano")
    parser.add_argument("--bound", type=float)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--out", type=Path, default=home() / "docs/images/proof.png")
    options = parser.parse_args()
    with opened(options.model) as subject, proof_bar(options.model) as tell:
        teacher = load_built_in(find_ffmpeg(None), subject.teacher_id)
        bound = options.bound or proofs.bound_of(subject)
        found = prove(
            subject.data,
            teacher,
            bound,
            subject.features,
            jobs=options.jobs,
            journal=proofs.journal_of(proofs.claim_of(subject, teacher, bound)),
            progress=tell,
            seconds=options.seconds,
        )
    draw(subject.id, teacher, found, options.out)
    print(f"{options.out}: {found.status}, {found.boxes:,} boxes")


if __name__ == "__main__":
    main()
