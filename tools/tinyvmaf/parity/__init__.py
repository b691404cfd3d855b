"""Whether a score depends on what computed it: rows to try, runs in every setting, a search for rows that differ."""

from tinyvmaf.parity.rows import boundaries, extremes, inside, mixed, outside
from tinyvmaf.parity.runs import BATCHES, in_batches, settings_of, threads_of
from tinyvmaf.parity.search import Disagreement, search
from tinyvmaf.parity.truth import in_float64

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
