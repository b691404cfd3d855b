"""The domain of a teacher: all feature rows that its features can take together, as a map from the unit cube.

The map makes sampling easy (uniform in the cube) and searching too (an ascent in the cube cannot leave the domain).
The limits come from libvmaf's definitions, and from what it measures on extremes of natural frames (docs/students.md).

- VIF is the ratio of the information in a picture to that in its reference: 0 if nothing is left, 1 for the reference,
  more after sharpening. Coarser scales lose less: each is at least the finer one, or 1, less its entry of `VIF_DROP`.
- ADM measures detail of about the same size as VIF scale 3: it is at least that less `ADM_BELOW`, and at most
  `ADM_ABOVE` plus `ADM_SLOPE` times it. Amplified detail of another place counts for ADM and not for VIF.
- Pictures without limit, such as a nearly flat reference amplified 60 times, take ADM to 16 and VIF to 9. The teachers
  say 100 there. So the cube ends at `ADM_END` and `VIF_END`, and a row beyond an end counts as the row at it.
- With an enhancement gain limit of 1 (the NEG teachers), neither exceeds 1, and `NO_GAIN_END` is the end.
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

ADM_END: Final = 1.35
VIF_END: Final = 1.3
VIF_DROP: Final = {"vif_scale1": 0.1, "vif_scale2": 0.05, "vif_scale3": 0.1}
ADM_BELOW: Final = 0.5
ADM_ABOVE: Final = 0.6
ADM_SLOPE: Final = 5.0
# 1 by definition, and a little more: the NEG teachers took their support vectors from teachers with gain.
NO_GAIN_END: Final = 1.05
MOST_MOTION: Final = 30.0
# A row may have a VIF beyond its end if ADM is beyond its own, or if ADM and the mean of the three coarser VIF, at
# most at their ends, sum up to this: then every teacher says 100.
_AMPLIFIED: Final = 2.15
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

    def cube(self, rows: ArrayLike) -> Rows:
        """Points of the cube, float64 `[N, F]`, that `rows` maps to the given rows, or near them if they are outside.

        A feature that a row leaves no room for is at 0.
        """
        x = np.array(rows, dtype=np.float64)
        u = np.zeros_like(x)
        for column in self._order():
            low, high = self._limits(x, column)
            x[:, column] = np.clip(x[:, column], low, high)
            room = np.where(high > low, high - low, 1.0)
            u[:, column] = np.where(high > low, (x[:, column] - low) / room, 0.0)
        return u

    def shrunk(self, low: ArrayLike, high: ArrayLike) -> tuple[Rows, Rows]:
        """Boxes without what no row of the domain in them can have; a low corner above its high one is an empty box.

        Args:
            low, high: the corners, `[N, F]`.
        """
        least, most = np.array(low, dtype=np.float64), np.array(high, dtype=np.float64)
        for column in self._order():  # each limit rises with the features before it
            least[:, column] = np.maximum(least[:, column], self._limits(least, column)[0])
            most[:, column] = np.minimum(most[:, column], self._limits(most, column)[1])
        return least, most

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
        given = np.asarray(rows, dtype=np.float64)
        x = self.at_the_ends(np.where(np.isfinite(given), given, 0.0))
        out = np.zeros_like(x)
        for column in self._order():
            low, high = self._limits(x, column)
            value = x[:, column]
            below, above = value < low - _SLACK, value > high + _SLACK
            out[:, column] = np.where(below, value - low, np.where(above, value - high, 0.0))
        out[~np.isfinite(given)] = np.inf
        return out

    def at_the_ends(self, rows: ArrayLike) -> Rows:
        """The rows, with ADM and VIF beyond their ends moved to the end where every teacher says 100 on the way.

        Returns:
            float64 `[N, F]`.
        """
        x = np.array(rows, dtype=np.float64)
        columns = {f.base: i for i, f in enumerate(self.features) if f.base in (*_VIF, "adm2") and not _no_gain(f)}
        if not {"adm2", *_VIF} <= columns.keys():
            return x
        adm, vif = x[:, columns["adm2"]], x[:, [columns[base] for base in _VIF]]
        np.copyto(adm, ADM_END, where=np.isfinite(adm) & (adm > ADM_END))
        ends = np.where(np.isfinite(vif), np.minimum(vif, VIF_END), vif)
        amplified = (adm >= ADM_END) | (adm + ends[:, 1:].mean(axis=1) >= _AMPLIFIED)
        x[:, [columns[base] for base in _VIF]] = np.where(amplified[:, None], ends, vif)
        return x

    def may_meet(self, low: ArrayLike, high: ArrayLike) -> NDArray[np.bool_]:
        """Which boxes of rows may contain a row of the domain, bool `[N]`: False only of a box that has none.

        Args:
            low, high: the smallest and the largest value of each feature in each box, float64 `[N, F]`.
        """
        lowest, highest = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
        out = np.ones(len(lowest), dtype=np.bool_)
        for column in self._order():
            # Each limit rises with the features that it depends on.
            least, most = self._limits(lowest, column)[0], self._limits(highest, column)[1]
            out &= (highest[:, column] >= least - 2.0 * _SLACK) & (lowest[:, column] <= most + 2.0 * _SLACK)
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
            low = np.maximum(low, np.minimum(rows[:, columns[before]], 1.0) - VIF_DROP[feature.base])
        if feature.base == "adm2" and _VIF[3] in columns:
            near = rows[:, columns[_VIF[3]]]
            low, high = np.maximum(low, near - ADM_BELOW), np.minimum(high, ADM_ABOVE + ADM_SLOPE * near)
        return low, high


def _no_gain(feature: Feature) -> bool:
    """Whether libvmaf limits the enhancement gain of this feature to 1, which keeps it from exceeding 1."""
    return any(float(str(feature.options.get(f"{kind}_enhn_gain_limit", 100.0))) <= 1.0 for kind in ("adm", "vif"))


def _range(feature: Feature) -> tuple[float, float]:
    def option(name: str, default: float) -> float:
        return float(str(feature.options.get(name, default)))

    if feature.base in _VIF or feature.base == "adm2":
        end = ADM_END if feature.base == "adm2" else VIF_END
        return 0.0, NO_GAIN_END if _no_gain(feature) else end
    if feature.base == "adm3":
        return option("adm_min_val", 0.0), NO_GAIN_END
    if feature.base.startswith("motion"):
        return 0.0, option("motion_max_val", MOST_MOTION)
    ends = {"cambi": "cambi_max_val", "speed_chroma_uv": "speed_max_val"}.get(feature.base)
    if ends is None or ends not in feature.options:
        raise TeacherError(
            f"the range of feature {feature.name} is not known", hint="add it to tinyvmaf/vmaf/domain/teacher_domain.py"
        )
    return 0.0, option(ends, 0.0)
