"""The teacher as a source of examples: its domain, samples of it, and where a student is furthest off."""

from tinyvmaf.vmaf.domain.region import Domain
from tinyvmaf.vmaf.domain.search import SEARCH_SEEDS, Found, search, worst_difference

__all__ = ["SEARCH_SEEDS", "Domain", "Found", "search", "worst_difference"]
