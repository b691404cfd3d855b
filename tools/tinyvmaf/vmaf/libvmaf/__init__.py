"""The real libvmaf, through FFmpeg's filter: one pair in, one per-frame table out."""

from tinyvmaf.vmaf.libvmaf.epoch import EPOCHS, motion_epoch
from tinyvmaf.vmaf.libvmaf.log import FrameTable
from tinyvmaf.vmaf.libvmaf.score import Model, score_pair

__all__ = ["EPOCHS", "FrameTable", "Model", "motion_epoch", "score_pair"]
