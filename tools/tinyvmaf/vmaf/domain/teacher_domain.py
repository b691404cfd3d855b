"""The domain of a teacher: all feature rows that its features can take together, as a map from the unit cube.

The map makes sampling easy (uniform in the cube) and searching too (an ascent in the cube cannot leave the domain).
The bounds are wider than any corpus, on purpose.

- VIF is the ratio of the information in a picture to that in its reference: 0 if nothing is left, 1 for the reference,
  up to `ABOVE_ONE` after sharpening. Coarser scales lose less: each is at least the finer one less `VIF_DROP`.
- ADM measures detail of about the same size as VIF scale 3: the two differ by at most `ADM_APART`.
- Motion is a mean absolute difference of luma: 0 for a still picture, at most `MOST_MOTION` in real video, or the
  limit that the feature's own option sets.
- Options also set the limits of CAMBI and of chroma SpEED.
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
# Largest logarithm of the power in `cube_sample`: e^2.3 is about 10.
_MAX_LOG_POWER: Final = 2.3
# Rows may have been rounded to float32 or to a log's 6 decimals.
_SLACK: Final = 1e-5

Rows = NDArray[np.float64]


@dataclass(frozen=True)
class Domain:
    """All feature rows that a teacher with these features can meet.

    Raises:
        TeacherError: a feature without a known range.
    """

    features: tuple[Feature, ...]

    def __post_init__(self) -> None:
        self.bounds()

    @property
    def names(self) -> tuple[str, ...]:
        """tinyvmaf's names of the features, in the teacher's order."""
        return tuple(feature.name for feature in self.features)

    def bounds(self) -> tuple[Rows, Rows]:
        """The smallest and the largest value of each feature, float64 `[F]` each."""
        low, high = zip(*map(_range, self.features), strict=True)
        return np.array(low), np.array(high)

    def extent(self) -> tuple[float, float]:
        """The smallest and the largest value of any feature."""
        low, high = self.bounds()
        return float(low.min()), float(high.max())

    def rows(self, cube: ArrayLike) -> Rows:
        """Map points of the unit cube to feature rows.

        Args:
            cube: `[N, F]`, in [0, 1]; values outside are clipped.

        Returns:
            float64 `[N, F]`, features in the teacher's order.
        """
        u = np.clip(np.asarray(cube, dtype=np.float64), 0.0, 1.0)
        out = np.empty_like(u)
        for column in self._order():
            low, high = self._limits(out, column)
            out[:, column] = low + (high - low) * u[:, column]
        return out

    def contains(self, rows: ArrayLike) -> NDArray[np.bool_]:
        """Which rows lie inside the domain or on its edge, bool `[N]`."""
        inside: NDArray[np.bool_] = np.all(self.excess(rows) == 0.0, axis=1)
        return inside

    def distance(self, rows: ArrayLike) -> Rows:
        """How far each row is outside: the largest of its features' `excess`, float64 `[N]`; 0 inside.

        NaN and infinity are infinitely far.
        """
        furthest: Rows = np.abs(self.excess(rows)).max(axis=1)
        return furthest

    def excess(self, rows: ArrayLike) -> Rows:
        """How far each feature is beyond its limits, which may depend on the row's other features.

        Returns:
            float64 `[N, F]`, in units of the feature: negative below the lower limit, positive above the upper one, 0
            between them; infinite for NaN and infinity.
        """
        x = np.asarray(rows, dtype=np.float64)
        out = np.zeros_like(x)
        for column in self._order():
            low, high = self._limits(x, column)
            value = x[:, column]
            below, above = value < low - _SLACK, value > high + _SLACK
            out[:, column] = np.where(below, value - low, np.where(above, value - high, 0.0))
        out[~np.isfinite(x)] = np.inf
        return out

    def excess_in_words(self, row: ArrayLike) -> str:
        """Which features of a row, `[F]`, are beyond their limits, and by how much; empty inside."""
        values = np.asarray(row, dtype=np.float64)
        found = zip(self.names, values, self.excess(values[None])[0], strict=True)
        words = [
            f"{name} {value:g} is {abs(by):.4g} too {'high' if by > 0 else 'low'}" for name, value, by in found if by
        ]
        return ", ".join(words)

    def cube_sample(self, count: int, seed: int) -> Rows:
        """Random points of the cube, which cover every part of the domain.

        Uniform points hardly ever have all VIF low, since each scale is drawn above the finer one. So three quarters of
        the points have their VIF coordinates raised to a power between 1 and 10, one power per row. Half of the points
        prefer still and slow pictures. A quarter have a chroma feature of exactly 0, like a picture without colour.

        Returns:
            float64 `[count, F]`; the same seed gives the same points.
        """
        rng = np.random.default_rng(seed)
        u = rng.uniform(size=(count, len(self.features)))
        power = np.where(rng.uniform(size=count) < 0.25, 1.0, np.exp(rng.uniform(0.0, _MAX_LOG_POWER, count)))
        rises = [i for i, feature in enumerate(self.features) if feature.base in _VIF]
        u[:, rises] **= power[:, None]
        for column, feature in enumerate(self.features):
            if feature.base.startswith("motion"):
                u[: count // 2, column] **= 3
            if feature.base == "speed_chroma_uv":
                u[: count // 4, column] = 0.0
        return u

    def sample(self, count: int, seed: int) -> Rows:
        """The rows of `cube_sample`, float64 `[count, F]`."""
        return self.rows(self.cube_sample(count, seed))

    def _order(self) -> list[int]:
        # A feature comes after the one that bounds it: VIF from fine to coarse, then ADM.
        rank = {base: place for place, base in enumerate((*_VIF, "adm2"))}
        return sorted(range(len(self.features)), key=lambda i: rank.get(self.features[i].base, len(rank)))

    def _limits(self, rows: Rows, column: int) -> tuple[Rows, Rows]:
        """The limits of a column in each row, given the columns before it in `_order`."""
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
            f"the range of feature {feature.name} is not known", hint="add it to tinyvmaf/vmaf/domain/teacher_domain.py"
        )
    return 0.0, option(ends, 0.0)
