"""Kinds of models that take pictures: a metric without a reference, and a filter behind the decoder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tinyvmaf.judge.kinds.base import OF_FILTERS, OF_PICTURES, OF_SCORES, Material, Truth
from tinyvmaf.measure.engine_agreement import Arrays, PictureInputs, pictures_for
from tinyvmaf.measure.latency import BASELINE, FLOOR, LIBVMAF, pictures_to_time
from tinyvmaf.model import contract
from tinyvmaf.model.card import CardSummary
from tinyvmaf.model.contract import luma
from tinyvmaf.model.subject import Subject

_TAKES: Final = (
    f"{luma.LUMA}: float32 [N, 1, H, W], samples / 255 without range expansion, or uint8, samples of 8 bits; "
    f"any size from {luma.SMALLEST}x{luma.SMALLEST} up"
)
_OF_ANY_FILE: Final = (
    "contract.the_file_keeps_the_contract",
    "contract.files_are_the_registered_ones",
    "contract.the_sidecar_names_the_size_tier_of_the_file",
    "contract.the_sidecar_names_features_of_its_teacher",
    "contract.the_sidecar_names_the_engines_of_the_file",
    "golden.files_are_the_registered_ones",
)
_OF_ROWS: Final = (
    "!contract.the_adopted_file_is_the_original",
    "!contract.a_teacher_is_that_teacher",
    "!contract.the_batch_is_symbolic_in_truth",
    "!contract.any_finite_input_gives_a_finite_score_in_range",
    "!contract.extreme_features_give_a_finite_score_in_range",
    "!contract.what_is_proven_is_proven_again",
)
"""Tests of `contract` that hand rows of features to a model. Each has its sibling among those of pictures."""
_CARD_INPUT: Final = (
    f"`{luma.LUMA}`, float32 `[N, 1, H, W]`, or uint8: luma of a frame as it was decoded, samples / 255; any size "
    f"from {luma.SMALLEST}x{luma.SMALLEST} up"
)


@dataclass(frozen=True)
class LumaKind:
    """Any kind of model that takes pictures of luma."""

    name: str
    summary: str
    output: str
    """Of the graph: `score` or `picture`."""
    gives: str
    card: CardSummary
    own: tuple[str, ...]
    """Tests of this kind alone, by their full names."""
    raced_against: tuple[str, ...]
    takes: str = _TAKES

    @property
    def asked(self) -> tuple[str, ...]:
        """Tests of files, of pictures, and of its own."""
        return (*_OF_ANY_FILE, *OF_PICTURES, *self.own)

    @property
    def asked_of_strangers(self) -> tuple[str, ...]:
        """The same; of `contract`, all but the tests of rows."""
        return (*self.asked, *_OF_ROWS)

    def file_faults(self, file: Path) -> list[str]:
        """The contract of pictures of docs/candidates.md."""
        return luma.picture_file_faults(file, self.output)

    def truth(self, subject: Subject, material: Material) -> Truth | None:  # noqa: ARG002 - as the protocol says
        """None: what is right for a picture stands with the clip that it is of."""
        return None

    def engine_inputs(self, subject: Subject, material: Material) -> PictureInputs:
        """Noise, patterns, flat and extreme pictures, and crops of real frames where they are here."""
        real = None if material.pictures is None else material.pictures()
        return pictures_for(subject.sidecar.inputs[0].dtype, real)

    def latency_inputs(self, subject: Subject, material: Material) -> Arrays:  # noqa: ARG002 - as the protocol says
        """A frame of 1080p that libvmaf is timed on too, and noise."""
        return {luma.LUMA: pictures_to_time(subject.sidecar.inputs[0].dtype)}


NO_REFERENCE: Final = LumaKind(
    "no_reference",
    "a metric without a reference: a decoded picture in, an estimate of its VMAF out",
    contract.OUTPUT,
    f"{contract.OUTPUT}: float32 [N, 1], VMAF points, an estimate",
    CardSummary(
        takes=_CARD_INPUT,
        gives=f"`{contract.OUTPUT}`, float32 `[N, 1]`, VMAF points: an estimate without the reference",
        measured={
            "loso_frame_rmse_points": ("RMSE of frames, held-out sources", "VMAF points"),
            "loso_clip_rmse_points": ("RMSE of clips, held-out sources", "VMAF points"),
            "loso_clip_plcc": ("PLCC of clips, held-out sources", ""),
            "loso_clip_srocc": ("SROCC of clips, held-out sources", ""),
            "loso_clip_srocc_within": ("least SROCC of clips within a held-out source", ""),
        },
    ),
    OF_SCORES,
    (LIBVMAF, BASELINE),
)
FILTER: Final = LumaKind(
    "filter",
    "a filter behind the decoder: a decoded picture in, a picture of the same size out",
    luma.PICTURE,
    f"{luma.PICTURE}: of the input's type and shape",
    CardSummary(
        takes=_CARD_INPUT,
        gives=f"`{luma.PICTURE}`, of the input's type and shape: the filtered luma",
        measured={
            "gain_vmaf_points": ("mean gain of VMAF over the decoded clips", "VMAF points"),
            "gain_vmaf_neg_points": ("mean gain of VMAF NEG over the decoded clips", "VMAF points"),
            "gain_psnr_db": ("mean gain of PSNR of luma over the decoded clips", "dB"),
        },
    ),
    OF_FILTERS,
    (FLOOR, BASELINE),
)
