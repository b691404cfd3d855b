"""A recipe as read: how a student is fitted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from tinyvmaf.data.opinions import Opinions
from tinyvmaf.train.students import ARCHITECTURES, Architecture, Grid
from tinyvmaf.validation import Items, Strict, one_of

Method = Literal["B1", "B1f", "B2", "B3"]
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
MOST_POOLING: Final = 50.0
"""Beyond, the best or the worst frame alone would count."""

_ENTRIES: Final[Mapping[str, tuple[set[str], set[str]]]] = {
    "adam": ({"batch", "learning_rate"}, {"schedule", "weight_decay"}),
    "levenberg_marquardt": ({"batch"}, {"searches", "decay"}),
    "least_squares": (set(), set()),
}
"""What each optimiser needs and may have beside `name` and `steps`."""


class Optimiser(Strict):
    """How the parameters are found."""

    name: Literal["adam", "levenberg_marquardt", "least_squares"]
    """`adam` (all folds and seeds at once), `levenberg_marquardt` (one after another, few and large steps), or
    `least_squares` (SciPy's, for a handful of parameters)."""
    steps: Count
    batch: Count = 0
    """Rows a step; of a fit per clip, clips a step."""
    learning_rate: Positive = 0.0
    """Of Adam, at its highest."""
    schedule: Literal["cosine", "constant"] = "cosine"
    """`cosine`: down to 0 at the last step."""
    weight_decay: NotNegative = 0.0
    searches: Count = 0
    """Levenberg-Marquardt: how often an adversarial search adds what it finds to the rows."""
    decay: Annotated[Items[NotNegative], Field(min_length=1)] = ()
    """Levenberg-Marquardt: for each layer, the weight of the squared weights in the loss; none if empty."""

    @model_validator(mode="after")
    def _has_its_entries(self) -> Self:
        needs, may = _ENTRIES[self.name]
        written = self.model_fields_set - {"name", "steps"}
        if missing := needs - written:
            raise ValueError(f"{self.name} needs {', '.join(sorted(missing))}")
        if foreign := written - needs - may:
            raise ValueError(f"{self.name} has no {', '.join(sorted(foreign))}")
        return self


def _two_ends(scale: tuple[float, ...]) -> tuple[float, ...]:
    if scale[0] == scale[1]:
        raise ValueError("both ends are the same")
    return scale


class Mos(Strict):
    """How a student is fitted to opinions."""

    scale: Annotated[tuple[float, float], Field(strict=False), AfterValidator(_two_ends)]
    """The opinions that stand for 0 and for 100 VMAF points; the first may be the larger (DMOS)."""
    start: Literal["B1", "B1f"] = "B1f"
    """B3: how it begins."""
    steps: Count = 500
    learning_rate: Positive = 1e-3
    penalty: NotNegative = 0.1
    """B3: weight of the squared distance from the teacher, against that from the opinions."""
    weights: Literal["ci", "equal"] = "ci"
    """Of the opinions in the fit: 1 / ci^2, or all the same."""
    pooling: Literal["fitted"] | Annotated[float, Field(ge=-MOST_POOLING, le=MOST_POOLING)] = 0.0
    """Of a `pooled` student: a frame weighs `exp(pooling * score / 100)`."""

    def points(self, opinions: Any) -> Any:
        """Opinions in VMAF points."""
        worst, best = self.scale
        return 100.0 * (opinions - worst) / (best - worst)

    def in_points(self, opinions: Opinions) -> dict[str, tuple[float, float]]:
        """Opinions of clips in VMAF points, each with its weight in the fit."""
        return {
            clip: (float(self.points(mos)), weight if self.weights == "ci" else 1.0)
            for clip, (mos, weight) in opinions.items()
        }


class Validation(Strict):
    """Early stop on a source of the training part, which is then not trained on."""

    every: Count
    """Steps between looks."""
    patience: Count
    """Looks without a better error until the fit stops."""


class IntervalNetwork(Strict):
    """One of the networks of a student with an interval."""

    architecture: Annotated[str, one_of(ARCHITECTURES)]
    optimiser: Optimiser

    @property
    def layers(self) -> Architecture:
        """Its architecture."""
        return ARCHITECTURES[self.architecture]


class IntervalNetworks(Strict):
    """The networks that give the standard deviation over the teacher's bootstrap models; docs/students.md."""

    stddev: IntervalNetwork
    low: IntervalNetwork
    high: IntervalNetwork


@dataclass(frozen=True)
class Recipe:
    """A recipe, as read."""

    id: str
    """The name of its file."""
    sha256: str
    """Of its content."""
    summary: str
    teacher: str
    method: Method
    """B1: distil on a corpus' teacher scores. B1f: distil on samples of the teacher's domain. B2: fit opinions.
    B3: B1 or B1f, then opinions."""
    architecture: Architecture
    seeds: tuple[int, ...]
    optimiser: Optimiser
    teacher_sha256: str | None = None
    """Of the teacher's JSON, if Netflix did not publish it."""
    per: Literal["frame", "clip"] = "frame"
    """What is held against a target: each frame's score, or the mean over a clip."""
    frames: int = 16
    """Per clip: how many of its frames a step looks at."""
    precision: Literal["float32", "float64"] = "float32"
    """Of the fit."""
    arithmetic: Literal["float32", "float64"] = "float32"
    """Of the ONNX graph."""
    soft_labels_temperature: float | None = None
    """B1: in VMAF points; the loss is then the cross entropy of `sigmoid(score / temperature)`, both ways."""
    samples: int = 0
    """B1f: rows of the domain."""
    validation: Validation | None = None
    grid: Grid | None = None
    """The grid that the fitted student is put on."""
    mos: Mos | None = None
    interval: IntervalNetworks | None = None
    """What gives a second output, the standard deviation."""
    promises: Mapping[str, float] | None = None
    """The bounds that a model by this recipe holds itself to, by `PROMISES`."""

    @property
    def sees_clips(self) -> bool:
        """Whether a corpus takes part in the fit; if none does, one fit serves every fold."""
        return self.method in ("B1", "B2", "B3")

    def parameters(self, features: int) -> int:
        """The number of fitted parameters."""
        more = [self.interval.stddev, self.interval.low, self.interval.high] if self.interval else []
        return sum(one.parameters(features) for one in (self.architecture, *(network.layers for network in more)))

    @property
    def needs_mos(self) -> bool:
        """Whether it takes a file of opinions."""
        return self.method in ("B2", "B3")
