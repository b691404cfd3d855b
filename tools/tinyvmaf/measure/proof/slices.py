"""A teacher that corrects silent chroma, or has a polynomial behind its SVR: plain teachers on slices of its domain.

- **Chroma.** A chroma feature of exactly 0 counts as `factor (1 - luma feature)`. So there are two slices: chroma from
  0 on, without the correction; and silent rows, which have one feature less. There, chroma is linear in luma: rows
  lie on a line in the plane of both. A Gaussian on a line is a Gaussian, lower by its distance from the line:
  `|z - s|^2 = (u - e s)^2 + d^2`, with `e` the line's direction. So the SVR is a sum of Gaussians here too.
- **Polynomial.** `p0 + p1 y` is an SVR with another offset and scale. A quadratic stays behind (`transformed`).
"""

from dataclasses import dataclass, replace

import numpy as np

from tinyvmaf.measure.proof.pieces import NoProofError, Quadratic
from tinyvmaf.measure.proof.polynomials import Floats
from tinyvmaf.vmaf.teacher import Teacher
from tinyvmaf.vmaf.teacher.svr import ChromaFromLuma, Svr


@dataclass(frozen=True)
class Slice:
    """Rows of a teacher's domain on which it is a sum of Gaussians, with perhaps a quadratic behind it."""

    teacher: Teacher
    """With the features that vary here, and neither correction nor polynomial."""
    columns: tuple[int, ...]
    """Where these features are in the whole teacher's rows; any other one is 0."""
    behind: Quadratic | None = None
    """`p0 + p1 y + p2 y^2` of the slice's teacher before its clip."""

    def whole(self, rows: Floats, width: int) -> Floats:
        """Rows of the whole teacher, `[N, width]`."""
        out = np.zeros((len(rows), width))
        out[:, self.columns] = rows
        return out


def slices_of(teacher: Teacher) -> list[Slice]:
    """Slices that cover the domain.

    Raises:
        NoProofError: a score transform that is more than a polynomial, or constant.
    """
    svr, behind = teacher.svr, None
    if (transform := svr.transform) is not None:
        if transform.at_least_input or transform.at_most_input or not transform.p1:
            raise NoProofError(f"the score transform of {teacher.id} is not a polynomial with a slope")
        if transform.p2:
            behind = transform.p0, transform.p1, transform.p2
        else:
            scale = svr.slopes.copy()
            scale[0] /= transform.p1
            svr = replace(svr, slopes=scale, rho=svr.rho - transform.p0 * scale[0])
        svr = replace(svr, transform=None)
    plain = replace(teacher, svr=replace(svr, chroma=None))
    found = [Slice(plain, tuple(range(len(teacher.features))), behind)]
    if svr.chroma is not None:
        left = [column for column in range(len(teacher.features)) if column != svr.chroma.chroma]
        features = tuple(teacher.features[column] for column in left)
        found.append(Slice(replace(plain, features=features, svr=_silent(svr, svr.chroma, left)), tuple(left), behind))
    return found


def _silent(svr: Svr, rule: ChromaFromLuma, left: list[int]) -> Svr:
    """The SVR of silent rows, of the features that are left."""
    both = [rule.luma, rule.chroma]
    luma, chroma = svr.slopes[1:][both]
    # Where luma is 0, and how both normalised features move with luma.
    start = svr.intercepts[1:][both] + np.array([0.0, chroma * rule.factor])
    way = np.array([luma, -chroma * rule.factor])
    length = float(np.hypot(*way))
    along = way / length
    across = np.array([-along[1], along[0]])
    slopes, intercepts, points = svr.slopes.copy(), svr.intercepts.copy(), svr.support_vectors.copy()
    slopes[1 + rule.luma], intercepts[1 + rule.luma] = length, start @ along
    points[:, rule.luma] = svr.support_vectors[:, both] @ along
    distance = svr.support_vectors[:, both] @ across - start @ across
    kept = [0, *(1 + column for column in left)]
    return replace(
        svr,
        coefficients=svr.coefficients * np.exp(-svr.gamma * np.square(distance)),
        support_vectors=points[:, left],
        slopes=slopes[kept],
        intercepts=intercepts[kept],
        chroma=None,
    )
