"""Leave-one-source-out: score each source by models that did not see it, and compare the scores with the truth.

There are three readings: frames; clips, predict then pool (the mean of the frame scores, as libvmaf pools); and clips,
pool then predict (the score of the mean features). The truth is the teacher's score. For a recipe that fits opinions,
the truth is the clip's opinion, and frames have no truth.
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.data.dataset import Dataset
from tinyvmaf.data.opinions import Opinions
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.measure.agreement import AgreementMetrics, ConstantError, Interval, agreement, cluster_bootstrap
from tinyvmaf.measure.loso.opinions import ClipScores, opinion_report
from tinyvmaf.measure.loso.report import FoldResult, FrameScores, LosoReport
from tinyvmaf.model.engines import OnnxRuntimeCpu, all_scores
from tinyvmaf.train.folds import FoldModel
from tinyvmaf.train.recipes import Recipe
from tinyvmaf.vmaf.teacher import Teacher

Array = NDArray[np.float64]


class LosoError(TinyvmafError):
    """A fold cannot be evaluated: too few rows or clips, or the truth does not vary."""


@dataclass(frozen=True)
class _Scores:
    """Scores of one reading with the truth, `[N]` each."""

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
    score_range: tuple[float, float] = (0.0, 100.0),
    facts: Mapping[str, Any] | None = None,
) -> LosoReport:
    """Score every source by the models that did not see it.

    Args:
        models: one per fold and seed; a model without a held-out source is evaluated on every source.
        features: the input columns of the models, in order.
        teacher: the column with the truth.
        per_clip: whether the models take the frames of one clip per run.
        opinions: the truth by clip, in VMAF points; None: the teacher's scores are the truth.
        score_range: the teacher's, for its cubic, which opinion models are compared with.

    Raises:
        LosoError: no model, a source without rows, too few clips with a truth, or a truth that does not vary.
        ModelError: a model cannot be run, or gives no finite score of a clip or where opinions are the truth.
    """
    if not models:
        raise LosoError(f"{subject}: there is no fold to evaluate")
    table = data.columns(*features, teacher)
    source, clip = (np.array(data.table[name].to_pylist()) for name in ("source", "clip"))
    number = data.table["frame"].to_numpy()
    frames: list[FrameScores] = []
    folds: list[FoldResult] = []
    by_reading: dict[str, list[_Scores]] = {}
    for model in models:
        engine = OnnxRuntimeCpu(model.data)
        for held_out in sorted(set(source.tolist())) if model.held_out is None else [model.held_out]:
            mine = source == held_out
            if not mine.any():
                raise LosoError(f"{subject}: the corpus has no row of source {held_out}")
            found = _readings(engine, table[mine, :-1], table[mine, -1], clip[mine], per_clip, opinions)
            agreements = {r: _agreement(f"{subject}, {r}, source {held_out}", scored) for r, scored in found.items()}
            folds.append(FoldResult(held_out, model.seed, model.sources, agreements))
            if "frame" in found and model.seed == models[0].seed:
                scored = found["frame"]
                frames.append(FrameScores(source[mine], clip[mine], number[mine], scored.expected, scored.got))
            for reading, scored in found.items():
                by_reading.setdefault(reading, []).append(scored)
    pooled: dict[str, AgreementMetrics] = {}
    intervals: dict[str, Mapping[str, Interval]] = {}
    for reading, parts in by_reading.items():
        whole = _Scores(*(np.concatenate([getattr(p, name) for p in parts]) for name in ("clip", "expected", "got")))
        pooled[reading] = _agreement(f"{subject}, {reading}, pooled", whole)
        if np.isfinite(pooled[reading].plcc):
            with contextlib.suppress(ValueError):  # too few clips vary, or a score is not finite
                intervals[reading] = cluster_bootstrap(whole.clip.tolist(), whole.expected, whole.got)
    together = None
    if frames:
        names = [field.name for field in fields(FrameScores)]
        together = FrameScores(*(np.concatenate([getattr(part, name) for part in frames]) for name in names))
    against = None
    if opinions is not None:
        rated = [np.concatenate([getattr(p, name) for p in by_reading["clip"]]) for name in ("clip", "expected", "got")]
        source_of = dict(zip(clip.tolist(), source.tolist(), strict=True))
        scores = ClipScores(np.array([source_of[name] for name in rated[0].tolist()]), *rated)
        against = opinion_report(subject, teacher, scores, data.clip_means(teacher), score_range)
    return LosoReport(subject, tuple(folds), pooled, intervals, facts or {}, together, against)


def evaluate_recipe(
    subject: str,
    recipe: Recipe,
    teacher: Teacher,
    models: Sequence[FoldModel],
    data: Dataset,
    *,
    features: Sequence[str] | None = None,
    opinions: Opinions | None = None,
) -> LosoReport:
    """`evaluate` for a recipe's models, with provenance in the report.

    Args:
        features: the input columns of the models, in order; None: the teacher's.
        opinions: on the recipe's scale; ignored if the recipe does not fit opinions.

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
        score_range=teacher.svr.score_range,
        facts=facts,
    )


def _readings(
    engine: OnnxRuntimeCpu,
    rows: Array,
    scores: Array,
    clip: NDArray[np.str_],
    per_clip: bool,
    opinions: Mapping[str, float] | None,
) -> dict[str, _Scores]:
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
        return {"clip": _Scores(names[judged], truth[judged], clips[judged])}
    # Without frames to fail, one score that is not finite fails them all.
    run = partial(all_scores, engine) if opinions is None else engine.run
    got = run(rows).astype(np.float64)
    found = {
        "clip": _Scores(names[judged], truth[judged], mean(got)[judged]),
        "clip_pooled_first": _Scores(names[judged], truth[judged], run(means).astype(np.float64)[judged]),
    }
    return found if opinions is not None else {"frame": _Scores(clip, scores, got), **found}


def _agreement(where: str, scored: _Scores) -> AgreementMetrics:
    """Of the finite scores; if there are others, the largest error is NaN."""
    finite = np.isfinite(scored.got)
    try:
        # A constant model has failed; with a constant truth, no model can be evaluated.
        found = agreement(scored.expected[finite], scored.got[finite], constant_got="nan")
        return found if finite.all() else replace(found, max_error=np.nan)
    except ValueError as error:
        if not finite.all():
            return AgreementMetrics(int(finite.sum()), *[np.nan] * 7)
        hint = "a source needs clips of different quality" if isinstance(error, ConstantError) else None
        raise LosoError(f"{where}: {error}", hint=hint) from error
