"""Agreement of two series of scores, with confidence intervals, and clip means: pure functions on arrays."""

from tinyvmaf.measure.agreement.bootstrap import Interval, cluster_bootstrap, rmse_difference
from tinyvmaf.measure.agreement.metrics import (
    AgreementMetrics,
    ConstantError,
    agreement,
    clip_means,
    krocc,
    plcc,
    srocc,
)

__all__ = [
    "AgreementMetrics",
    "ConstantError",
    "Interval",
    "agreement",
    "clip_means",
    "cluster_bootstrap",
    "krocc",
    "plcc",
    "rmse_difference",
    "srocc",
]
