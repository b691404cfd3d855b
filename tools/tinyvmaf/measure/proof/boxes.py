"""Differences of |model - teacher| on boxes of feature rows, and how the domain is cut into boxes."""

from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.measure.proof.gaussians import Gaussians, TaylorOfBoxes
from tinyvmaf.measure.proof.layers import Network
from tinyvmaf.measure.proof.network import Enclosures, NetworkOnBoxes
from tinyvmaf.measure.proof.pieces import NoProofError
from tinyvmaf.measure.proof.polynomials import Basis, Floats, basis
from tinyvmaf.vmaf.domain import Domain

# Half width of a first box, at most, in normalised features: the teacher's rest is about 0.2 points there.
_FIRST_RADIUS: Final = 0.2


class OnBoxes(Protocol):
    """A model on boxes of one size."""

    def enclose(self, z: Floats) -> Enclosures:
        """The model on boxes about centres `[N, F]`."""


class Provable(Protocol):
    """A model that proofs exist for."""

    is_teacher: bool
    """Whether the polynomials are the teacher's own: then both leave out the same."""

    @property
    def clip(self) -> tuple[float, float]:
        """Of the score."""

    def reach(self, teacher: Gaussians) -> Floats:
        """How far a row may be from the row that the model takes in its place, `[F]`, in normalised features."""

    def on_boxes(self, teacher: Gaussians, radius: Floats, largest: Floats) -> OnBoxes:
        """The model on boxes of these half widths."""


@dataclass(frozen=True)
class ProvableNetwork:
    """A network of layers. A feature that it floors counts as the middle of its step."""

    network: Network
    is_teacher = False

    @property
    def clip(self) -> tuple[float, float]:
        """Of the score."""
        return self.network.clip

    def reach(self, teacher: Gaussians) -> Floats:
        """Half a step."""
        steps = self.network.steps
        return np.zeros(teacher.width) if steps is None else np.abs(teacher.slopes) * 0.5 / steps

    def on_boxes(self, teacher: Gaussians, radius: Floats, largest: Floats) -> OnBoxes:
        """See `Provable`."""
        if (self.network.ceiling < largest).any():
            raise NoProofError("the model clips a feature inside of the domain")
        return NetworkOnBoxes(self.network, teacher.slopes, teacher.intercepts, radius, largest)


class Differences(NamedTuple):
    """Of N boxes."""

    above: Floats
    """The largest model - teacher, at most, `[N]`, in points."""
    below: Floats
    """The largest teacher - model."""
    cut: NDArray[np.intp]
    """Along which feature to split a box: where it moves the bound most."""
    middle: Floats
    """About model - teacher at the centre."""


class BoxBounds:
    """Differences on boxes of one size, half widths `radius` `[F]` in normalised features."""

    def __init__(self, model: Provable, teacher: Gaussians, radius: Floats, largest: Floats) -> None:
        """Prepare what all boxes of this size share."""
        self._clip, self._teacher_clip = model.clip, teacher.clip
        self._is_teacher = model.is_teacher
        reach = model.reach(teacher)
        self._share = reach / (radius + reach)
        wide = radius + reach  # the row that the model takes may lie a little outside of the box
        self._reach = reach
        self._basis: Basis = basis(teacher.width)
        self._taylor = TaylorOfBoxes(teacher, wide)
        self._model = model.on_boxes(teacher, wide, largest)

    def bounds(self, z: Floats) -> Differences:
        """Differences on boxes about centres `[N, F]`.

        With `a` the model and `b` the teacher before their clips, the clipped scores differ by at most `a - b` if both
        have one clip, and by at most what their ranges allow.
        """
        b = self._basis
        teacher, rest = self._taylor.polynomials(z), self._taylor.rest
        model = self._model.enclose(z)
        # The teacher moves on the way from a row to the middle of its step.
        moves = self._share @ b.steepness(teacher) + self._reach.sum() * self._taylor.rest_of_slope
        apart = model.polynomials - teacher
        down, up = b.spread(apart)
        more = model.errors + moves + (0.0 if self._is_teacher else rest)
        most, least = apart[0] + up + more, apart[0] - down - more
        teacher_down, teacher_up = b.spread(teacher)
        model_down, model_up = b.spread(model.polynomials)
        slack = rest + moves
        teacher_low, teacher_high = teacher[0] - teacher_down - slack, teacher[0] + teacher_up + slack
        own = model.errors + (rest if self._is_teacher else 0.0)
        model_low = np.maximum(model.polynomials[0] - model_down - own, teacher_low + least)
        model_high = np.minimum(model.polynomials[0] + model_up + own, teacher_high + most)
        ranges = [np.clip(end, *self._clip) for end in (model_low, model_high)]
        others = [np.clip(end, *self._teacher_clip) for end in (teacher_low, teacher_high)]
        above, below = ranges[1] - others[0], others[1] - ranges[0]
        if self._clip == self._teacher_clip:
            above, below = np.minimum(above, np.maximum(most, 0.0)), np.minimum(below, np.maximum(-least, 0.0))
        cut = (b.steepness(apart) + model.blame).argmax(axis=0)
        middle = np.clip(model.polynomials[0], *self._clip) - np.clip(teacher[0], *self._teacher_clip)
        return Differences(above, below, cut, middle)


def first_boxes(domain: Domain, teacher: Gaussians) -> tuple[Floats, Floats]:
    """Boxes of one size that cover the domain: centres `[N, F]` and half widths `[F]`, in normalised features.

    Raises:
        NoProofError: a domain of more than 100,000 boxes.
    """
    low, high = (teacher.to_z(one[None])[0] for one in domain.bounds())
    low, high = np.minimum(low, high), np.maximum(low, high)
    counts = np.ceil((high - low) / (2.0 * _FIRST_RADIUS)).astype(np.intp)
    if counts.prod() > 1_000_000:
        raise NoProofError(f"the domain of {teacher.width} features is too large")
    radius = (high - low) / (2.0 * counts)
    places = np.indices(counts).reshape(len(counts), -1).T
    centres = low + (2.0 * places + 1.0) * radius
    return centres[meets(domain, teacher, centres, radius)], radius


def meets(domain: Domain, teacher: Gaussians, centres: Floats, radius: Floats) -> NDArray[np.bool_]:
    """Which boxes may contain a row of the domain, bool `[N]`; False only of those that do not."""
    one, other = teacher.to_rows(centres - radius), teacher.to_rows(centres + radius)
    return domain.may_meet(np.minimum(one, other), np.maximum(one, other))
