"""The real libvmaf, through FFmpeg's filter: scores a pair and returns a table with one row per frame."""

from tinyvmaf.vmaf.libvmaf.epoch import EPOCHS, motion_epoch
from tinyvmaf.vmaf.libvmaf.log import FrameTable
from tinyvmaf.vmaf.libvmaf.request import LibvmafRequest, VmafModel
from tinyvmaf.vmaf.libvmaf.score import score_opened, score_pair
from tinyvmaf.vmaf.media import OpenedPair, open_pair

__all__ = [
    "EPOCHS",
    "FrameTable",
    "LibvmafRequest",
    "OpenedPair",
    "VmafModel",
    "motion_epoch",
    "open_pair",
    "score_opened",
    "score_pair",
]
