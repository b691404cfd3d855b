"""What the teachers say beyond the ends of ADM and VIF: python domain_ends.py [--rows N].

Searches rows that count as inside though ADM or VIF is beyond its end, for the least unclipped score: at the row, and
at the row moved to the ends. Above 100, a student that clips its inputs is right. Exits with 1 if it is not.
"""

import argparse
import sys
from functools import partial

import numpy as np

from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
from tinyvmaf.vmaf.teacher import KNOWN, Teacher, load_built_in

LARGEST = np.array([100.0, 13.0, 13.0, 13.0, 13.0, 0.0])
"""How far ADM and VIF can go beyond their ends by libvmaf's definitions; `motion2` has an end."""
ROUNDS, KEPT, CHILDREN = 8, 200, 100


def beyond(domain: Domain, points: np.ndarray) -> np.ndarray:
    """Rows of the domain, whose features at an end go beyond it: `[N, F]` of points of the cube, `[N, 2 F]`."""
    width = len(domain.features)
    at_ends = domain.rows(np.minimum(points[:, :width] * 1.3, 1.0))  # so that many are at an end
    further = points[:, width:] ** 4 * LARGEST
    return np.where(at_ends == domain.bounds()[1], at_ends + further, at_ends)


def least(teacher: Teacher, count: int, rng: np.random.Generator) -> tuple[float, np.ndarray]:
    """The least unclipped score found, at rows or at their ends, and its row."""
    domain = Domain(teacher.features)
    score = partial(teacher.svr.predict, finish=False)
    best, where = np.inf, np.zeros(len(domain.features))
    points = rng.uniform(size=(count, 2 * len(domain.features)))
    for number in range(ROUNDS):
        rows = beyond(domain, points)
        moved = domain.at_the_ends(rows)
        valid = (moved != rows).any(axis=1) & domain.contains(rows)
        points, rows, moved = points[valid], rows[valid], moved[valid]
        lower = np.minimum(score(rows), score(moved))
        order = np.argsort(lower)[:KEPT]
        if lower[order[0]] < best:
            best, where = float(lower[order[0]]), rows[order[0]]
        step = rng.normal(0.0, 0.2 * 0.6**number, (len(order) * CHILDREN, points.shape[1]))
        points = np.clip(np.repeat(points[order], CHILDREN, axis=0) + step, 0.0, 1.0)
    return best, where


def main() -> int:
    """Search and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000, help="rows of the first round (default 200000)")
    count = parser.parse_args().rows
    ffmpeg, failed = find_ffmpeg(), False
    for name in KNOWN:
        teacher = load_built_in(ffmpeg, name)
        if "adm2" in teacher.feature_names[0] and "egl" not in teacher.feature_names[0]:
            score, row = least(teacher, count, np.random.default_rng(0))
            failed |= score < 100.0
            print(f"{name}: least score beyond an end {score:.2f}, at {row.round(4).tolist()}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
