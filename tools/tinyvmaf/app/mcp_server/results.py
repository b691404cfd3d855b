"""The results of the tools. Scores and errors are in VMAF points."""

from typing import Any

from pydantic import BaseModel, Field


class PooledResult(BaseModel):
    """Per-frame scores of a clip, pooled as libvmaf does."""

    mean: float
    harmonic_mean: float
    min: float
    max: float


class TeacherScoreResult(BaseModel):
    """The score of a clip by a teacher (a VMAF model)."""

    id: str
    sha256: str = Field(description="sha256 of the teacher's JSON text")
    pooled: PooledResult


class IntervalResult(BaseModel):
    """A model's standard deviation and 95 % interval, score -+ 1.96 stddev: means over the frames."""

    stddev: float = Field(description="clipped frames count as 0, as in libvmaf")
    low: float | None = Field(description="null if a frame is clipped: it has no interval, so the clip has none")
    high: float | None
    teacher_low: float | None = Field(description="of its teacher's score and stddev, by the same formula")
    teacher_high: float | None
    clipped: int = Field(description="frames with a stddev of 0, which means clipped, not certain")


class TinyScoreResult(BaseModel):
    """The score of a clip by a tiny ONNX model."""

    id: str
    sha256: str = Field(description="sha256 of the ONNX file")
    teacher: str = Field(description="the teacher that it stands in for, which is among `teachers`")
    feature_order: list[str]
    pooled: PooledResult
    interval: IntervalResult | None = Field(description="null if the model gives no standard deviation")
    max_abs_difference: float = Field(description="largest |model - its teacher| of a frame")
    outside_domain: int = Field(description="frames outside the domain, where nothing is promised of the model")
    furthest_outside: str = Field(
        description="which features of the furthest of them are beyond their limits; else empty"
    )


class NoReferenceScoreResult(BaseModel):
    """The score of a clip by a model that sees its decoded pictures alone: an estimate, not VMAF."""

    id: str
    sha256: str = Field(description="sha256 of the ONNX file")
    fitted_to: str = Field(description="the VMAF model whose scores it was fitted to")
    pooled: PooledResult


class FrameResult(BaseModel):
    """The scores and features of one frame."""

    frame: int
    scores: dict[str, float | None] = Field(
        description="by id of teacher or model; `_ci_p95_lo`, `_ci_p95_hi`: percentiles of the teacher's models; "
        "`_lo95`, `_hi95`: score -+ 1.96 stddev, null if clipped"
    )
    features: dict[str, float] = Field(description="those of the teachers, by name")


class ScoreResult(BaseModel):
    """The scores of a pair of videos."""

    ffmpeg: str
    libvmaf: str
    frames: int
    decided: list[str] = Field(description="choices that were made of how the inputs are read")
    warnings: list[str] = Field(description="why the scores may not be what you want")
    teachers: list[TeacherScoreResult]
    tiny_models: list[TinyScoreResult] = Field(description="those that take features")
    no_reference_models: list[NoReferenceScoreResult] = Field(
        description="those that see the distorted video alone, at its own size: estimates, not VMAF"
    )
    per_frame: list[FrameResult] | None = Field(description="null unless per_frame is true")


class EstimatedFrameResult(BaseModel):
    """The estimates of one frame."""

    frame: int
    scores: dict[str, float] = Field(description="by id of the model")


class EstimateResult(BaseModel):
    """The scores of a video without a reference."""

    ffmpeg: str
    format: str = Field(description="size and pixel format of the decoded frames")
    frames: int
    note: str = Field(description="what these scores are, and what they are not: show it beside them")
    decided: list[str] = Field(description="choices that were made of how the video is read")
    warnings: list[str] = Field(description="why the scores may not be what you want")
    models: list[NoReferenceScoreResult]
    per_frame: list[EstimatedFrameResult] | None = Field(description="null unless per_frame is true")


class WorstFramesResult(BaseModel):
    """The worst frames of a pair, worst first."""

    frames: int = Field(description="number of frames in the clip")
    by: str = Field(description="what the frames are sorted by")
    worst: list[FrameResult]
    differences: list[float] | None = Field(description="|model - teacher| of each frame; null without a model")


class RegisteredModelResult(BaseModel):
    """A registered model."""

    id: str
    kind: str = Field(
        description="regressor, interval and teacher take features of a pair of videos; no_reference takes decoded "
        "pictures and gives an estimate; filter gives pictures, and no score"
    )
    tier: str
    bytes: int
    sha256: str
    teacher: str
    feature_order: list[str] = Field(description="empty if it takes pictures")
    outputs: list[str] = Field(description="score, and stddev if the model states an interval; or picture")
    exact: str = Field(description="certified (float32), in float64, or no")
    as_registered: bool = Field(description="whether model file and sidecar have the registered hashes")


class ModelsResult(BaseModel):
    """The registered models."""

    models: list[RegisteredModelResult]


class CertificateResult(BaseModel):
    """What is proven about the model's arithmetic, computed now from its graph."""

    certified: bool
    exact_in_float64: bool
    flush_to_zero_safe: bool
    accumulator_bits: int | None
    explanation: str


class ModelDescriptionResult(BaseModel):
    """A model: sidecar, card, proof and measurements."""

    id: str
    sidecar: dict[str, Any]
    card: str = Field(description="Markdown; empty if the model has no card")
    faults: list[str] = Field(description="breaches of the model contract or the registry; empty if there are none")
    certificate: CertificateResult | None = Field(description="null if the file is not a valid ONNX model")
    measured: dict[str, float] = Field(description="by name, which ends with the unit")
    promised: dict[str, float] = Field(description="the model's own bounds, in addition to those of gates.toml")


class EngineResult(BaseModel):
    """An inference engine."""

    name: str
    here: bool
    version: str
    device: str = Field(description="the device it runs on, or why it cannot run")
    settings: str


class EnginesResult(BaseModel):
    """Every known engine. The first is the reference for the others."""

    engines: list[EngineResult]


class TeacherResult(BaseModel):
    """A published VMAF model."""

    id: str
    sha256: str
    here: bool = Field(description="whether the libvmaf in use contains it")
    default: bool
    support_vectors: int | None
    features: list[str]
    bootstrap: bool


class TeachersResult(BaseModel):
    """The published VMAF models."""

    ffmpeg: str
    teachers: list[TeacherResult]


class FaultResult(BaseModel):
    """Something wrong with a corpus."""

    code: str
    path: str
    text: str
    spoils: bool = Field(description="true: results would be wrong; false: a note")


class SourceResult(BaseModel):
    """A source of a corpus."""

    reference: str
    clips: int
    frames: int | None
    geometry: str | None


class CorpusResult(BaseModel):
    """The findings of a corpus check."""

    root: str
    clips: int
    sources: dict[str, SourceResult]
    faults: list[FaultResult]
    spoils: bool


class AgreementResult(BaseModel):
    """Agreement of a model with its teacher. A correlation is null if the model's scores are constant."""

    n: int
    plcc: float | None
    srocc: float | None
    krocc: float | None
    rmse: float
    max_error: float
    bias: float
    slope: float | None


class ModelAgreementResult(BaseModel):
    """A model and its agreement with its teacher."""

    id: str
    teacher: str
    bytes: int
    frames: AgreementResult
    clips: AgreementResult | None = Field(description="agreement of clip means; null for a single clip")


class ComparisonResult(BaseModel):
    """Models on the same frames, smallest per-frame RMSE first."""

    data: str
    models: list[ModelAgreementResult]
    left_out: list[str] = Field(description="registered models that cannot score this pair, if none was named")


class GateResult(BaseModel):
    """The verdict of one suite of gates."""

    suite: str
    model: str | None
    verdict: str = Field(description="PASS, FAIL or COULD NOT RUN; of the model, if one was named")
    summary: str
    seconds: float
    outcomes: int
    values: int
    failures: list[str]
    could_not_run: list[str]
    not_checked: list[str]
    notes: list[str]
