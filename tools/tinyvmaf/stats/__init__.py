"""Pure functions on arrays: pooling over a clip, agreement of two models, and how sure that agreement is."""

from tinyvmaf.stats.agreement import Agreement, ConstantError, agreement, clip_means, krocc, plcc, srocc
from tinyvmaf.stats.bootstrap import Interval, cluster_bootstrap
from tinyvmaf.stats.pooling import Pooled, pool

__all__ = [
    "Agreement",
    "ConstantError",
    "Interval",
    "Pooled",
    "agreement",
    "clip_means",
    "cluster_bootstrap",
    "krocc",
    "plcc",
    "pool",
    "srocc",
]
