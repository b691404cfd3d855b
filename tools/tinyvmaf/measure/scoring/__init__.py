"""A scored pair: its table, the scores of its teachers, and those of tiny models."""

from tinyvmaf.measure.scoring.pair import ENDS, ScoredPair, scored_pair
from tinyvmaf.measure.scoring.teachers import own_teacher, pooled, teacher_scores, with_their_teachers
from tinyvmaf.measure.scoring.tiny import NOTICED, TinyScores, run, tiny_scores

__all__ = [
    "ENDS",
    "NOTICED",
    "ScoredPair",
    "TinyScores",
    "own_teacher",
    "pooled",
    "run",
    "scored_pair",
    "teacher_scores",
    "tiny_scores",
    "with_their_teachers",
]
