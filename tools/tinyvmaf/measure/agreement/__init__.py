"""Pure functions on arrays: pooling over a clip, agreement of two models, and how sure that agreement is."""

from tinyvmaf.measure.agreement.bootstrap import Interval, cluster_bootstrap
from tinyvmaf.measure.agreement.metrics import Agreement, ConstantError, agreement, clip_means, krocc, plcc, srocc

__all__ = [
    "Agreement",
    "ConstantError",
    "Interval",
    "agreement",
    "clip_means",
    "cluster_bootstrap",
    "krocc",
    "plcc",
    "srocc",
]
