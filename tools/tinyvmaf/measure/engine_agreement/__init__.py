"""Whether a score depends on the engine: test rows, runs in all settings, and a search for rows that differ."""

from tinyvmaf.measure.engine_agreement.inputs import Arrays, Inputs, rows_for, sole
from tinyvmaf.measure.engine_agreement.pictures import PictureInputs, pictures_for
from tinyvmaf.measure.engine_agreement.rows import Rows, boundaries, extremes, inside, mixed, outside
from tinyvmaf.measure.engine_agreement.runs import BATCHES, Sessions, in_batches, odd_one_out, settings_of, threads_of
from tinyvmaf.measure.engine_agreement.search import Disagreement, search

__all__ = [
    "BATCHES",
    "Arrays",
    "Disagreement",
    "Inputs",
    "PictureInputs",
    "Rows",
    "Sessions",
    "boundaries",
    "extremes",
    "in_batches",
    "inside",
    "mixed",
    "odd_one_out",
    "outside",
    "pictures_for",
    "rows_for",
    "search",
    "settings_of",
    "sole",
    "threads_of",
]
