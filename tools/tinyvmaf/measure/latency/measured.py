"""What was measured of one model, test by test."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tinyvmaf.measure.latency.contest import Opponents
from tinyvmaf.measure.latency.footprints import Footprint
from tinyvmaf.measure.latency.lanes import BATCHES
from tinyvmaf.measure.latency.pictures import PictureOpponents
from tinyvmaf.measure.latency.race import Race, RatioVerdict
from tinyvmaf.measure.latency.ratio import Ratio


@dataclass
class Measured:
    """What was measured so far."""

    data: bytes
    """The model file."""
    against: Opponents
    footprint: Footprint | None = None
    batches: dict[int, Race] = field(default_factory=dict)
    """Races by batch size."""
    judged: list[RatioVerdict] = field(default_factory=list)

    @property
    def every_batch(self) -> bool:
        """Whether every batch size was timed."""
        return set(self.batches) == set(BATCHES)

    @property
    def unresolved(self) -> int:
        """How many bounds noise left undecided."""
        return sum(one.verdict == "unresolved" for one in self.judged)


@dataclass(frozen=True)
class PictureTimes:
    """What a race on pictures of 1080p showed; the race itself holds sessions, which hold much memory."""

    ns_a_picture: float
    """The median over passes."""
    fastest_ns: float
    """The least."""
    ratios: Mapping[str, Ratio]
    """Of the model's times to those of each other lane."""
    creation_ms: float
    """To make a session, milliseconds."""


@dataclass
class MeasuredPictures:
    """What was measured so far of a model that takes pictures."""

    data: bytes
    """The model file."""
    against: PictureOpponents
    times: PictureTimes | None = None
    judged: list[RatioVerdict] = field(default_factory=list)

    @property
    def unresolved(self) -> int:
        """How many bounds noise left undecided."""
        return sum(one.verdict == "unresolved" for one in self.judged)
