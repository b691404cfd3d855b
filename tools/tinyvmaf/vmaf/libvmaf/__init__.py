"""The real libvmaf, through FFmpeg's filter: scores a pair and returns a table with one row per frame."""

from tinyvmaf.vmaf.libvmaf.epoch import EPOCHS, motion_epoch
from tinyvmaf.vmaf.libvmaf.log import FrameTable
from tinyvmaf.vmaf.libvmaf.score import VmafModel, score_pair

__all__ = ["EPOCHS", "FrameTable", "VmafModel", "motion_epoch", "score_pair"]
