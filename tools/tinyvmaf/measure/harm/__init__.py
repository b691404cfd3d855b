"""What a filter of pictures does to decoded frames of real encodes: PSNR, VMAF and VMAF NEG, before and after."""

from tinyvmaf.measure.harm.applied import Filter, apply, filter_of
from tinyvmaf.measure.harm.clips import FilterClip, filter_clips
from tinyvmaf.measure.harm.found import BANDS, METRICS, ClipHarm, HarmFound, band_of
from tinyvmaf.measure.harm.gain import gain_interval
from tinyvmaf.measure.harm.measured import measure_harm, scores_of
from tinyvmaf.measure.harm.stored import stored_harm

__all__ = [
    "BANDS",
    "METRICS",
    "ClipHarm",
    "Filter",
    "FilterClip",
    "HarmFound",
    "apply",
    "band_of",
    "filter_clips",
    "filter_of",
    "gain_interval",
    "measure_harm",
    "scores_of",
    "stored_harm",
]
