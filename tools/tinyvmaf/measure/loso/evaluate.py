"""What a recipe's models say of the sources that they have not seen, held against the truth.

Frames and clips are judged apart. Of a clip there are two readings: predict, then pool (the mean of its frames' scores,
as libvmaf pools), and pool, then predict (the score of its mean features). The truth is the teacher's score; for a
recipe that fits opinions it is the clip's opinion, and there is none of a frame.
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.data.dataset import Dataset
from tinyvmaf.data.opinions import Opinions
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.measure.agreement import Agreement, ConstantError, Interval, agreement, cluster_bootstrap
from tinyvmaf.model.engines import OnnxRuntimeCpu
from tinyvmaf.train.folds import FoldModel
from tinyvmaf.train.recipes import Recipe
from tinyvmaf.vmaf.teacher import Teacher

Array = NDArray[np.float64]

READINGS: Final = ("frame", "clip", "clip_pooled_first")
"""`clip` is predict, then pool."""
METRICS: Final = ("plcc", "srocc", "krocc", "rmse", "max_error", "bias", "slope")


class LosoError(TinyvmafError):
    """A fold cannot be judged: too few rows or clips, or a truth that does not vary."""


@dataclass(frozen=True)
class FoldResult:
    """One source, scored by a model that has not seen it."""

    held_out: str
    seed: int
    sources: tuple[str, ...]
    """What the model was trained on, as its file says."""
    agreements: Mapping[str, Agreement]
    """By `READINGS`; a reading that the model does not have is missing."""


@dataclass(frozen=True)
class Frames:
    """Every frame with its score by the models that have not seen its source, `[N]` each, in VMAF points."""

    source: NDArray[np.str_]
    clip: NDArray[np.str_]
    frame: NDArray[np.int64]
    expected: Array
    got: Array

    def of(self, source: str) -> "Frames":
        """Those of one source."""
        mine = self.source == source
        return Frames(self.source[mine], self.clip[mine], self.frame[mine], self.expected[mine], self.got[mine])


@dataclass(frozen=True)
class Report:
    """Every fold of a subject, and what they say together."""

    subject: str
    folds: tuple[FoldResult, ...]
    pooled: Mapping[str, Agreement]
    """By reading: all held-out sources and seeds in one heap."""
    intervals: Mapping[str, Mapping[str, Interval]]
    """By reading and metric: 95 %, clips drawn with replacement. A reading of which too few clips vary has none."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Where it comes from: recipe, corpus, libvmaf; for the record."""
    frames: Frames | None = None
    """By the models of the first seed; None where there are no scores of frames."""

    def mean(self, reading: str, metric: str) -> float:
        """The mean over folds and seeds."""
        return float(np.mean(self._values(reading, metric)))

    def std(self, reading: str, metric: str) -> float:
        """The standard deviation over folds and seeds (of a sample; 0 for a single one)."""
        values = self._values(reading, metric)
        return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0

    def worst(self, reading: str) -> FoldResult:
        """The fold with the largest RMSE."""
        return max(self.folds, key=lambda fold: fold.agreements[reading].rmse)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: NaN is null."""
        summary: dict[str, Any] = {}
        for reading, pooled in self.pooled.items():
            worst = self.worst(reading)
            summary[reading] = {
                "mean": {m: _number(self.mean(reading, m)) for m in METRICS},
                "std": {m: _number(self.std(reading, m)) for m in METRICS},
                "pooled": pooled.as_dict(),
                "interval95": {m: [i.low, i.high] for m, i in self.intervals.get(reading, {}).items()},
                "worst_source": worst.held_out,
                "worst_source_rmse": worst.agreements[reading].rmse,
            }
        folds = [
            {
                "held_out": fold.held_out,
                "seed": fold.seed,
                "sources": list(fold.sources),
                **{reading: found.as_dict() for reading, found in fold.agreements.items()},
            }
            for fold in self.folds
        ]
        return {"schema": 1, "subject": self.subject, **self.facts, "summary": summary, "folds": folds}

    def _values(self, reading: str, metric: str) -> list[float]:
        return [getattr(fold.agreements[reading], metric) for fold in self.folds]


@dataclass(frozen=True)
class _Heap:
    """Scores of one reading with their truth."""

    clip: NDArray[np.str_]
    expected: Array
    got: Array


def evaluate(
    subject: str,
    models: Sequence[FoldModel],
    data: Dataset,
    features: Sequence[str],
    teacher: str,
    *,
    per_clip: bool = False,
    opinions: Mapping[str, float] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Report:
    """Score every source by the models that have not seen it.

    Args:
        models: one a fold and seed; one without a held-out source is judged on every source.
        features: the columns that they take, in their order.
        teacher: the column of the truth.
        per_clip: they take the frames of one clip a run.
        opinions: of clips, in VMAF points: the truth instead of the teacher's.

    Raises:
        LosoError: no model, a source without rows, too few clips with a truth, or a truth that does not vary.
        ModelError: a model cannot be run, or gives a value that is not finite.
    """
    if not models:
        raise LosoError(f"{subject}: no fold to judge")
    table = data.columns(*features, teacher)
    source, clip = (np.array(data.table[name].to_pylist()) for name in ("source", "clip"))
    number = data.table["frame"].to_numpy()
    frames: list[Frames] = []
    folds: list[FoldResult] = []
    heaps: dict[str, list[_Heap]] = {}
    for model in models:
        engine = OnnxRuntimeCpu(model.data)
        for held_out in sorted(set(source.tolist())) if model.held_out is None else [model.held_out]:
            mine = source == held_out
            if not mine.any():
                raise LosoError(f"{subject}: the corpus has no row of source {held_out}")
            found = _readings(engine, table[mine, :-1], table[mine, -1], clip[mine], per_clip, opinions)
            agreements = {r: _agreement(f"{subject}, {r}, source {held_out}", heap) for r, heap in found.items()}
            folds.append(FoldResult(held_out, model.seed, model.sources, agreements))
            if "frame" in found and model.seed == models[0].seed:
                heap = found["frame"]
                frames.append(Frames(source[mine], clip[mine], number[mine], heap.expected, heap.got))
            for reading, heap in found.items():
                heaps.setdefault(reading, []).append(heap)
    pooled: dict[str, Agreement] = {}
    intervals: dict[str, Mapping[str, Interval]] = {}
    for reading, parts in heaps.items():
        whole = _Heap(*(np.concatenate([getattr(p, name) for p in parts]) for name in ("clip", "expected", "got")))
        pooled[reading] = _agreement(f"{subject}, {reading}, pooled", whole)
        if np.isfinite(pooled[reading].plcc):
            with contextlib.suppress(ValueError):  # too few clips vary
                intervals[reading] = cluster_bootstrap(whole.clip.tolist(), whole.expected, whole.got)
    together = (
        [np.concatenate([getattr(part, name.name) for part in frames]) for name in fields(Frames)] if frames else []
    )
    return Report(subject, tuple(folds), pooled, intervals, facts or {}, Frames(*together) if frames else None)


def evaluate_recipe(
    subject: str,
    recipe: Recipe,
    teacher: Teacher,
    models: Sequence[FoldModel],
    data: Dataset,
    *,
    features: Sequence[str] | None = None,
    opinions: Opinions | None = None,
) -> Report:
    """`evaluate` for a recipe's models, with what they come from put down in the report.

    Args:
        features: the columns that the models take, in their order; None for the teacher's.
        opinions: on the recipe's own scale; of no account for a recipe that does not fit them.

    Raises:
        LosoError, ModelError: as `evaluate`.
    """
    points = None
    if recipe.mos is not None and opinions is not None:
        points = {clip: value for clip, (value, _) in recipe.mos.in_points(opinions).items()}
    facts = {
        "recipe": recipe.id,
        "recipe_sha256": recipe.sha256,
        "teacher": teacher.id,
        "teacher_sha256": teacher.sha256,
        "fits": len(models),
        "sees_clips": recipe.sees_clips,
        **{name: data.provenance[name] for name in ("corpus_sha256", "libvmaf", "motion_epoch")},
    }
    return evaluate(
        subject,
        models,
        data,
        features or teacher.feature_names,
        teacher.id,
        per_clip=recipe.architecture.per_clip,
        opinions=points,
        facts=facts,
    )


def _readings(
    engine: OnnxRuntimeCpu,
    rows: Array,
    scores: Array,
    clip: NDArray[np.str_],
    per_clip: bool,
    opinions: Mapping[str, float] | None,
) -> dict[str, _Heap]:
    names, index = np.unique(clip, return_inverse=True)
    frames = np.bincount(index)

    def mean(values: Array) -> Array:
        return np.bincount(index, values) / frames

    truth = mean(scores)
    judged = np.ones(len(names), dtype=np.bool_)
    if opinions is not None:
        truth = np.array([opinions.get(name, np.nan) for name in names.tolist()])
        judged = np.isfinite(truth)
    means = np.column_stack([mean(column) for column in rows.T])
    if per_clip:
        clips = np.array([engine.run_clip(rows[index == i]) for i in range(len(names))])
        return {"clip": _Heap(names[judged], truth[judged], clips[judged])}
    got = engine.run(rows).astype(np.float64)
    found = {
        "clip": _Heap(names[judged], truth[judged], mean(got)[judged]),
        "clip_pooled_first": _Heap(names[judged], truth[judged], engine.run(means).astype(np.float64)[judged]),
    }
    return found if opinions is not None else {"frame": _Heap(clip, scores, got), **found}


def _agreement(where: str, heap: _Heap) -> Agreement:
    try:
        # A constant model has failed; a constant truth says nothing of any model.
        return agreement(heap.expected, heap.got, constant_got="nan")
    except ConstantError as error:
        raise LosoError(f"{where}: {error}", hint="a source needs clips of different quality") from error
    except ValueError as error:
        raise LosoError(f"{where}: {error}") from error


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def shown(correlation: float) -> str:
    """A correlation in words that tell very good from perfect: near 1, what it lacks."""
    return f"1 - {1.0 - correlation:.1e}" if 0.9995 < correlation < 1.0 else f"{correlation:.4f}"
