"""Whether scores may stand in for a teacher's: errors by band of its scores, order, direction along paths, fineness."""

from tinyvmaf.measure.standing_in.errors import (
    BANDS,
    EVERYTHING,
    TOP,
    Band,
    BandErrors,
    errors,
    worst_rows,
)
from tinyvmaf.measure.standing_in.order import LEAST_ROWS, Reversals, rank_correlations, reversals
from tinyvmaf.measure.standing_in.paths import Against, against
from tinyvmaf.measure.standing_in.probes import Probed, Probes, probes_of
from tinyvmaf.measure.standing_in.resolution import scores_a_point
from tinyvmaf.measure.standing_in.scored import Scored

__all__ = [
    "BANDS",
    "EVERYTHING",
    "LEAST_ROWS",
    "TOP",
    "Against",
    "Band",
    "BandErrors",
    "Probed",
    "Probes",
    "Reversals",
    "Scored",
    "against",
    "errors",
    "probes_of",
    "rank_correlations",
    "reversals",
    "scores_a_point",
    "worst_rows",
]
