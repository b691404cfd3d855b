"""Whether a score depends on the engine: test rows, runs in all settings, and a search for rows that differ."""

from tinyvmaf.measure.engine_agreement.float64_reference import in_float64
from tinyvmaf.measure.engine_agreement.rows import boundaries, extremes, inside, mixed, outside
from tinyvmaf.measure.engine_agreement.runs import BATCHES, in_batches, settings_of, threads_of
from tinyvmaf.measure.engine_agreement.search import Disagreement, search

__all__ = [
    "BATCHES",
    "Disagreement",
    "boundaries",
    "extremes",
    "in_batches",
    "in_float64",
    "inside",
    "mixed",
    "outside",
    "search",
    "settings_of",
    "threads_of",
]
