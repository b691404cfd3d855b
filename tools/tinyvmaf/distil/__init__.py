"""The teacher as a source of examples: its domain, samples of it, and where a student is furthest off."""

from tinyvmaf.distil.domain import Domain
from tinyvmaf.distil.search import Found, worst_difference

__all__ = ["Domain", "Found", "worst_difference"]
