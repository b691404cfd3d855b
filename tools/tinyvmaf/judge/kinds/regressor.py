"""A small network, grid or formula from a frame's features to its score: it stands in for a teacher."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.errors import ModelError, TinyvmafError
from tinyvmaf.judge.kinds.base import Material, Truth
from tinyvmaf.measure.engine_agreement import Arrays, Inputs, rows_for
from tinyvmaf.measure.latency import BASELINE, BATCHES, FLOOR, TEACHER
from tinyvmaf.model import contract
from tinyvmaf.model.card import CardSummary
from tinyvmaf.model.subject import Subject
from tinyvmaf.vmaf.domain import Domain

GOLDEN: Final = {
    "golden_frame_max_abs_error_points": ("largest error of a frame against libvmaf, golden pairs", "VMAF points"),
    "golden_clip_max_abs_error_points": ("largest error of a clip mean against libvmaf, golden pairs", "VMAF points"),
}
"""Measured values of any kind that scores frames of the golden pairs."""
CARD: Final = CardSummary(
    takes="`features`, float32 `[N, {count}]`: {features}",
    gives="`score`, float32 `[N, 1]`, VMAF points, clipped to the teacher's range",
    measured={
        "loso_frame_rmse_points": ("RMSE of frames, held-out sources", "VMAF points"),
        "loso_frame_max_abs_error_points": ("largest error of a frame, held-out sources", "VMAF points"),
        "loso_frame_plcc": ("PLCC of frames, held-out sources, mean of the sources", ""),
        "loso_frame_srocc": ("SROCC of frames, held-out sources, mean of the sources", ""),
        "loso_clip_rmse_points": ("RMSE of clips, held-out sources", "VMAF points"),
        "loso_clip_plcc": ("PLCC of clips, held-out sources, mean of the sources", ""),
        "loso_clip_srocc": ("SROCC of clips, held-out sources, mean of the sources", ""),
        "domain_worst_difference_points": ("largest difference from the teacher found in its domain", "VMAF points"),
        **GOLDEN,
    },
)


@dataclass(frozen=True)
class FeatureRows:
    """Any kind of model that takes rows of its teacher's features."""

    name: str
    summary: str
    asked: tuple[str, ...]
    asked_of_strangers: tuple[str, ...]
    takes: str = f"{contract.INPUT}: float32 [N, F], a frame a row, the features in the sidecar's order"
    gives: str = f"{contract.OUTPUT}: float32 [N, 1], VMAF points"
    card: CardSummary = CARD
    outputs: tuple[str, ...] = (contract.OUTPUT,)
    """Of the graph, in order."""
    raced_against: tuple[str, ...] = (FLOOR, TEACHER, BASELINE)

    def file_faults(self, file: Path) -> list[str]:
        """The model contract of docs/candidates.md."""
        return contract.file_faults(file, self.outputs)

    def truth(self, subject: Subject, material: Material) -> Truth | None:
        """Its teacher's scores."""
        teacher = material.teacher(subject.teacher_id)
        order = [subject.features.index(name) for name in teacher.feature_names]

        def predict(arrays: Arrays) -> NDArray[np.float64]:
            return teacher.predict(arrays[contract.INPUT][:, order].astype(np.float64))

        return predict

    def engine_inputs(self, subject: Subject, material: Material) -> Inputs:
        """Rows of the corpus, of the golden pairs, extreme ones, on boundaries, inside and outside of the domain."""
        return rows_for(subject, Domain(material.teacher(subject.teacher_id).features), material.corpus)

    def latency_inputs(self, subject: Subject, material: Material) -> Arrays:
        """Rows of the corpus."""
        names = material.teacher(subject.teacher_id).feature_names
        if subject.features != names:
            raise ModelError(f"{subject.file}: its features are not in its teacher's order")
        rows = material.corpus.columns(*names).astype(np.float32)
        if len(rows) < BATCHES[-1]:
            raise TinyvmafError(f"{len(rows)} rows, and the largest batch has {BATCHES[-1]}")
        # In an order of their own: neighbours of one clip are alike.
        return {contract.INPUT: np.ascontiguousarray(rows[np.random.default_rng(0).permutation(len(rows))])}


_NOT_ASKED: Final = ("!contract.a_teacher_is_that_teacher",)

REGRESSOR: Final = FeatureRows(
    "regressor",
    "a small model that stands in for its teacher: a frame's features in, its score out",
    asked=("*", *_NOT_ASKED),
    asked_of_strangers=("*", *_NOT_ASKED),
)
