"""What the tools answer with. Scores and errors are in VMAF points."""

from typing import Any

from pydantic import BaseModel, Field


class Pooled(BaseModel):
    """A per-frame score over a clip, pooled as libvmaf does."""

    mean: float
    harmonic_mean: float
    min: float
    max: float


class TeacherScore(BaseModel):
    """What a VMAF model says of the clip."""

    id: str
    sha256: str = Field(description="of the model's JSON text")
    pooled: Pooled


class TinyScore(BaseModel):
    """What a tiny ONNX model says of the clip."""

    id: str
    sha256: str = Field(description="of the ONNX file")
    feature_order: list[str]
    pooled: Pooled
    max_abs_difference: float = Field(description="of a frame, to the first teacher listed")


class Frame(BaseModel):
    """A frame."""

    frame: int
    scores: dict[str, float] = Field(description="by teacher or model")
    features: dict[str, float] = Field(description="canonical-6, by name")


class Score(BaseModel):
    """A scored pair."""

    ffmpeg: str
    libvmaf: str
    frames: int
    teachers: list[TeacherScore]
    tiny_model: TinyScore | None
    per_frame: list[Frame] | None = Field(description="null unless per_frame was asked for")


class WorstFrames(BaseModel):
    """Frames of a pair, the worst first."""

    frames: int = Field(description="of the clip")
    by: str
    worst: list[Frame]
    differences: list[float] | None = Field(description="|model - teacher| of each; null without a model")


class ModelRow(BaseModel):
    """A registered model."""

    id: str
    kind: str
    tier: str
    bytes: int
    sha256: str
    teacher: str
    feature_order: list[str]
    exact: str = Field(description="certified (float32), in float64, or no")
    as_registered: bool = Field(description="whether files and sidecar have the registered hashes")


class Models(BaseModel):
    """The registry."""

    models: list[ModelRow]


class Certificate(BaseModel):
    """What is proven of a model's arithmetic now, from its graph."""

    certified: bool
    exact_in_float64: bool
    flush_to_zero_safe: bool
    accumulator_bits: int | None
    explanation: str


class Described(BaseModel):
    """A model: what it is, what is proven, what was measured."""

    id: str
    sidecar: dict[str, Any]
    card: str = Field(description="Markdown; empty if there is none")
    faults: list[str] = Field(description="in which the file breaks the model contract or the registry; empty if none")
    certificate: Certificate | None = Field(description="null for what is no ONNX file")
    measured: dict[str, float] = Field(description="by name, the unit at its end")
    promised: dict[str, float] = Field(description="bounds that it holds itself to, beside those of gates.toml")


class EngineRow(BaseModel):
    """An inference engine."""

    name: str
    here: bool
    version: str
    device: str = Field(description="what it runs on, or why it does not")
    settings: str


class Engines(BaseModel):
    """Every engine that is known; the others are held to the first."""

    engines: list[EngineRow]


class TeacherRow(BaseModel):
    """A published VMAF model."""

    id: str
    sha256: str
    here: bool = Field(description="whether the libvmaf in use carries it")
    default: bool
    support_vectors: int | None
    features: list[str]
    bootstrap: bool


class Teachers(BaseModel):
    """The published VMAF models."""

    ffmpeg: str
    teachers: list[TeacherRow]


class Fault(BaseModel):
    """Something wrong with a corpus."""

    code: str
    path: str
    text: str
    spoils: bool = Field(description="whether results would be wrong, or only fewer")


class Source(BaseModel):
    """A source of a corpus."""

    reference: str
    clips: int
    frames: int | None
    geometry: str | None


class CorpusReport(BaseModel):
    """The findings of a corpus check."""

    root: str
    clips: int
    sources: dict[str, Source]
    faults: list[Fault]
    spoils: bool


class Agreement(BaseModel):
    """Values of a model held against its teacher's; a correlation is null where one of the two is constant."""

    n: int
    plcc: float | None
    srocc: float | None
    krocc: float | None
    rmse: float
    max_error: float
    bias: float
    slope: float | None


class Compared(BaseModel):
    """A model against its teacher."""

    id: str
    teacher: str
    bytes: int
    frames: Agreement
    clips: Agreement | None = Field(description="means of clips; null where there is only one")


class Comparison(BaseModel):
    """Models on the same frames, the smallest RMSE of a frame first."""

    data: str
    models: list[Compared]


class Verdict(BaseModel):
    """What a suite of gates found."""

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
