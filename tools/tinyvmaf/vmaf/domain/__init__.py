"""The teacher as a source of examples: its domain, samples of the domain, and the worst rows of a student."""

from tinyvmaf.vmaf.domain.search import Scores, WorstRows, worst_difference
from tinyvmaf.vmaf.domain.teacher_domain import Domain

__all__ = ["Domain", "Scores", "WorstRows", "worst_difference"]
