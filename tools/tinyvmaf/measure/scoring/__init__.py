"""A scored pair: its table, the scores of its teachers, and those of tiny models; or a video scored alone."""

from tinyvmaf.measure.scoring.decoded import (
    NOTE,
    PictureScores,
    ScoredVideo,
    pair_scores,
    require_scores,
    score_video,
)
from tinyvmaf.measure.scoring.pair import ENDS, ScoredPair, scored_pair
from tinyvmaf.measure.scoring.teachers import own_teacher, pooled, teacher_scores, with_their_teachers
from tinyvmaf.measure.scoring.tiny import NOTICED, TinyScores, run, tiny_scores

__all__ = [
    "ENDS",
    "NOTE",
    "NOTICED",
    "PictureScores",
    "ScoredPair",
    "ScoredVideo",
    "TinyScores",
    "own_teacher",
    "pair_scores",
    "pooled",
    "require_scores",
    "run",
    "score_video",
    "scored_pair",
    "teacher_scores",
    "tiny_scores",
    "with_their_teachers",
]
