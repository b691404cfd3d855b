"""The domain of a teacher: every feature row that its features could take together, as a map from the unit cube.

A map makes three things easy: sampling (uniform in the cube), searching (ascent in the cube never leaves the domain)
and saying what "the whole domain" is. The bounds are wider than anything that a corpus shows, on purpose.

- VIF is the information left in a picture over that in its reference: 0 when nothing is left, 1 for the reference
  itself, a little above when sharpened (`ABOVE_ONE`). Coarser scales lose less: each scale rises from the one before,
  or falls short of it by at most `VIF_DROP`.
- ADM looks at detail of about the size that VIF scale 3 does: the two stay within `ADM_APART`.
- Motion is a mean absolute difference of luma: 0 for a still picture, and no video that people watch exceeds
  `MOST_MOTION`; a feature whose own option says where it ends, ends there.
- CAMBI and the chroma SpEED end where their options say.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyvmaf.errors import TeacherError
from tinyvmaf.vmaf.features import Feature

ABOVE_ONE: Final = 1.05
VIF_DROP: Final = 0.02
ADM_APART: Final = 0.45
MOST_MOTION: Final = 30.0
_VIF: Final = ("vif_scale0", "vif_scale1", "vif_scale2", "vif_scale3")
# Of the cube's VIF coordinates, as a logarithm: e^2.3 is about 10.
_MOST_POWER: Final = 2.3
# Rows may have been through float32 or a log of 6 decimals before they are held against an edge.
_SLACK: Final = 1e-5

Rows = NDArray[np.float64]


@dataclass(frozen=True)
class Domain:
    """The feature rows that a teacher with these features may meet.

    Raises:
        TeacherError: a feature whose range is not known.
    """

    features: tuple[Feature, ...]

    def __post_init__(self) -> None:
        self.bounds()

    @property
    def names(self) -> tuple[str, ...]:
        """The features by our names, in the teacher's order."""
        return tuple(feature.name for feature in self.features)

    def bounds(self) -> tuple[Rows, Rows]:
        """The least and the largest value of each feature, float64 `[F]` each."""
        low, high = zip(*map(_range, self.features), strict=True)
        return np.array(low), np.array(high)

    def extent(self) -> tuple[float, float]:
        """The least and the largest value that any feature takes."""
        low, high = self.bounds()
        return float(low.min()), float(high.max())

    def rows(self, cube: ArrayLike) -> Rows:
        """The rows at points of the unit cube.

        Args:
            cube: `[N, F]`, each in [0, 1]; a point outside is taken to the nearest one inside.

        Returns:
            float64 `[N, F]`, in the teacher's order of features.
        """
        u = np.clip(np.asarray(cube, dtype=np.float64), 0.0, 1.0)
        out = np.empty_like(u)
        for column in self._order():
            low, high = self._limits(out, column)
            out[:, column] = low + (high - low) * u[:, column]
        return out

    def contains(self, rows: ArrayLike) -> NDArray[np.bool_]:
        """Which rows lie inside, bool `[N]`; the edge belongs to it."""
        x = np.asarray(rows, dtype=np.float64)
        inside = np.ones(len(x), dtype=np.bool_)
        for column in self._order():
            low, high = self._limits(x, column)
            inside &= (x[:, column] >= low - _SLACK) & (x[:, column] <= high + _SLACK)
        return inside

    def cube_sample(self, count: int, seed: int) -> Rows:
        """Points of the cube, such that no part of the domain is rare.

        Uniform points would hardly ever have all VIF low: each scale is drawn above the one before. So three quarters
        have their VIF coordinates raised to a power between 1 and 10, the same for all scales of a row. Half have still
        and slow pictures more often. A quarter has a chroma feature of exactly 0, as a picture without colour has.

        Returns:
            float64 `[count, F]`; the same for the same seed.
        """
        rng = np.random.default_rng(seed)
        u = rng.uniform(size=(count, len(self.features)))
        power = np.where(rng.uniform(size=count) < 0.25, 1.0, np.exp(rng.uniform(0.0, _MOST_POWER, count)))
        rises = [i for i, feature in enumerate(self.features) if feature.base in _VIF]
        u[:, rises] **= power[:, None]
        for column, feature in enumerate(self.features):
            if feature.base.startswith("motion"):
                u[: count // 2, column] **= 3
            if feature.base == "speed_chroma_uv":
                u[: count // 4, column] = 0.0
        return u

    def sample(self, count: int, seed: int) -> Rows:
        """Rows at the points of `cube_sample`, float64 `[count, F]`."""
        return self.rows(self.cube_sample(count, seed))

    def _order(self) -> list[int]:
        # A feature is drawn behind the one that bounds it: VIF from fine to coarse, then ADM.
        rank = {base: place for place, base in enumerate((*_VIF, "adm2"))}
        return sorted(range(len(self.features)), key=lambda i: rank.get(self.features[i].base, len(rank)))

    def _limits(self, rows: Rows, column: int) -> tuple[Rows, Rows]:
        """Where a column of these rows may lie, given those that are drawn before it."""
        feature = self.features[column]
        low, high = (np.full(len(rows), bound) for bound in _range(feature))
        columns = {other.base: i for i, other in enumerate(self.features)}
        before = dict(zip(_VIF[1:], _VIF, strict=False)).get(feature.base)
        if before in columns:
            low = np.maximum(low, rows[:, columns[before]] - VIF_DROP)
        if feature.base == "adm2" and _VIF[3] in columns:
            near = rows[:, columns[_VIF[3]]]
            low, high = np.maximum(low, near - ADM_APART), np.minimum(high, near + ADM_APART)
        return low, high


def _range(feature: Feature) -> tuple[float, float]:
    def option(name: str, default: float) -> float:
        return float(str(feature.options.get(name, default)))

    if feature.base in _VIF or feature.base == "adm2":
        return 0.0, ABOVE_ONE
    if feature.base == "adm3":
        return option("adm_min_val", 0.0), ABOVE_ONE
    if feature.base.startswith("motion"):
        return 0.0, option("motion_max_val", MOST_MOTION)
    ends = {"cambi": "cambi_max_val", "speed_chroma_uv": "speed_max_val"}.get(feature.base)
    if ends is None or ends not in feature.options:
        raise TeacherError(
            f"the range of feature {feature.name} is not known", hint="add it to tinyvmaf/vmaf/domain/region.py"
        )
    return 0.0, option(ends, 0.0)
