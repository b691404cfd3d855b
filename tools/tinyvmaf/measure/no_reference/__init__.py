"""How well a metric without a reference follows VMAF on sources that it has not seen."""

from tinyvmaf.measure.no_reference.held_out import score_held_out, scored_by
from tinyvmaf.measure.no_reference.summary import ClipEstimates, HeldOutReport, summarised

__all__ = ["ClipEstimates", "HeldOutReport", "score_held_out", "scored_by", "summarised"]
