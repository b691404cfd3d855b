"""A scored pair: its table, the scores of its teachers, and those of a tiny model."""

from tinyvmaf.measure.scoring.pair import ScoredPair, scored_pair
from tinyvmaf.measure.scoring.teachers import pooled, teacher_scores
from tinyvmaf.measure.scoring.tiny import NOTICED, TinyScores, run, tiny_scores

__all__ = ["NOTICED", "ScoredPair", "TinyScores", "pooled", "run", "scored_pair", "teacher_scores", "tiny_scores"]
