"""What was measured of one model, test by test."""

from dataclasses import dataclass, field

from tinyvmaf.measure.latency.contest import Opponents
from tinyvmaf.measure.latency.footprints import Footprint
from tinyvmaf.measure.latency.lanes import BATCHES
from tinyvmaf.measure.latency.race import Race, RatioVerdict


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
