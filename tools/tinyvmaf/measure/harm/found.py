"""What was measured of a filter: by clip, by band of scores, by source."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np

from tinyvmaf.measure.standing_in import Band

BANDS: Final = (
    Band("below 40", -np.inf, 40.0),
    Band("40 to 60", 40.0, 60.0),
    Band("60 to 80", 60.0, 80.0),
    Band("80 to 95", 80.0, 95.0),
    Band("above 95", 95.0, np.inf),
)
"""Of the VMAF of the clip before the filter."""
METRICS: Final = {"psnr": "dB", "vmaf": "points", "neg": "points"}
"""What is compared before and after, and its unit."""


def band_of(vmaf: float) -> str:
    """The name of the band of a score."""
    return next(band.name for band in BANDS if band.low <= vmaf < band.high)


@dataclass(frozen=True)
class ClipHarm:
    """One clip before and after the filter. PSNR is of luma, in dB; VMAF and NEG are in points, of stills."""

    id: str
    source: str
    vmaf_of_clip: float
    """Of the whole clip with its motion; it decides the band."""
    psnr: tuple[float, float]
    """Before and after."""
    vmaf: tuple[float, float]
    neg: tuple[float, float]
    psnr_twice: float
    """After a second application."""

    @property
    def band(self) -> str:
        """The name of its band."""
        return band_of(self.vmaf_of_clip)

    def gain(self, metric: str) -> float:
        """After less before, of a name of `METRICS`."""
        before, after = getattr(self, metric)
        return float(after - before)

    @property
    def drift(self) -> float:
        """PSNR after the second application less that after the first, dB."""
        return self.psnr_twice - self.psnr[1]


@dataclass(frozen=True)
class HarmFound:
    """A filter on clips and on clean input."""

    clips: tuple[ClipHarm, ...]
    clean: dict[str, float]
    """PSNR of clean pictures behind the filter, dB: of flat ones, and the worst frame of each source's reference."""
    unchanged: bool
    """Whether the filter gives back every sample of every clip and reference as it was."""

    @property
    def sources(self) -> list[str]:
        """The sources of the clips, sorted."""
        return sorted({clip.source for clip in self.clips})

    def mean(self, value: Callable[[ClipHarm], float], clips: Iterable[ClipHarm]) -> float:
        """The mean over clips."""
        return float(np.mean([value(clip) for clip in clips]))

    def by_band(self) -> dict[str, list[ClipHarm]]:
        """The clips of each band that has any, in the order of `BANDS`."""
        found = {band.name: [clip for clip in self.clips if clip.band == band.name] for band in BANDS}
        return {name: clips for name, clips in found.items() if clips}

    def by_source(self) -> dict[str, list[ClipHarm]]:
        """The clips of each source, sorted."""
        return {name: [clip for clip in self.clips if clip.source == name] for name in self.sources}

    @classmethod
    def of(cls, content: dict[str, Any]) -> Self:
        """The inverse of `dataclasses.asdict`, through JSON."""
        clips = [ClipHarm(**one | {name: (one[name][0], one[name][1]) for name in METRICS}) for one in content["clips"]]
        return cls(tuple(clips), dict(content["clean"]), bool(content["unchanged"]))
