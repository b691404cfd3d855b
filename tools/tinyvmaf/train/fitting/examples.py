"""The rows that a fit may see: those of its own part of a corpus."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.data.corpus.splits import Fold, hash_sample
from tinyvmaf.data.dataset import Dataset
from tinyvmaf.data.golden import golden_among, load_rows
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.vmaf.teacher import Teacher

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


class FitError(TinyvmafError):
    """The data for a fit is missing, not finite, or must not be trained on."""


@dataclass(frozen=True)
class Examples:
    """The rows of a corpus with their targets."""

    names: tuple[str, ...]
    """Names of the features."""
    rows: Array
    """`[N, F]`, after `corrected`."""
    scores: Array
    """`[N]`, the teacher's scores, VMAF points."""
    source: NDArray[np.str_]
    """`[N]`."""
    clip: NDArray[np.str_]
    """`[N]`."""
    opinion: Array | None = None
    """`[N]`, the opinion of the clip, VMAF points; NaN where there is none."""
    opinion_weight: Array | None = None
    """`[N]`, above 0; NaN where there is no opinion. Only ratios of weights matter."""

    @cached_property
    def clip_number(self) -> Indices:
        """`[N]`, the clip of each row as a number that rises with the clip's name."""
        return np.unique(self.clip, return_inverse=True)[1]

    @property
    def sources(self) -> list[str]:
        """All sources, sorted."""
        return sorted(set(self.source.tolist()))

    def part(self, fold: Fold | None, *, validate: bool) -> "Part":
        """The rows that a fold trains on: all of its sources, or all but one for validation."""
        names = self.sources if fold is None else list(fold.train)
        if fold is not None and fold.held_out in names:
            raise FitError(f"source {fold.held_out} is both held out and trained on")
        validation = None
        if validate:
            if len(names) < 2:
                raise FitError("training and validation need two sources or more")
            validation = hash_sample(names, 1)[0]
            names.remove(validation)
        usable = np.ones(len(self.rows), dtype=np.bool_) if self.opinion is None else np.isfinite(self.opinion)
        train = np.flatnonzero(np.isin(self.source, names) & usable)
        if not len(train):
            raise FitError(f"no row to train on in sources {', '.join(names)}")
        validation_rows = np.flatnonzero((self.source == validation) & usable) if validate else None
        if validation_rows is not None and not len(validation_rows):
            raise FitError(f"no row to validate on in source {validation}")
        return Part(self, train, validation_rows, validation)


@dataclass(frozen=True)
class Part:
    """The rows of one fold, as indices."""

    whole: Examples
    train: Indices
    validation: Indices | None
    validation_source: str | None

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources of the training rows, taken from the rows; sorted."""
        return tuple(sorted(set(self.whole.source[self.train].tolist())))

    def normalisation(self) -> tuple[Array, Array]:
        """Mean and standard deviation of the training rows, `[F]` each; the latter is 1 for a constant feature."""
        rows = self.whole.rows[self.train]
        std = rows.std(axis=0)
        return rows.mean(axis=0), np.where(std > 1e-12, std, 1.0)

    def mean_weight(self) -> float:
        """The mean weight of the opinions of the training clips; 1 without opinions."""
        weights = self.whole.opinion_weight
        return 1.0 if weights is None else float(np.mean([weights[rows[0]] for rows in self.clips()]))

    def clips(self) -> list[Indices]:
        """The rows of each training clip, by clip name."""
        return _by_clip(self.whole.clip_number, self.train)

    def validation_clips(self) -> list[Indices]:
        """The rows of each validation clip, by clip name."""
        assert self.validation is not None
        return _by_clip(self.whole.clip_number, self.validation)


def examples(teacher: Teacher, data: Dataset, opinions: Mapping[str, tuple[float, float]] | None = None) -> Examples:
    """The examples of a corpus for a teacher.

    Args:
        opinions: opinion in VMAF points and its weight, by clip.

    Raises:
        FitError: a row is golden, the golden rows lack a feature, the scores are of another
            teacher with this name, an opinion is of a clip that the corpus lacks, or there is no opinion.
        TinyvmafError: a feature or the teacher's score is missing or not finite.
    """
    known = data.provenance["teachers"].get(teacher.id)
    if known != teacher.sha256:
        raise FitError(f"these features have scores of {teacher.id} with sha256 {known}, not {teacher.sha256}")
    table = data.columns(*teacher.feature_names, teacher.id)
    rows, scores = table[:, :-1], table[:, -1]
    source = np.array(data.table["source"].to_pylist())
    clip = np.array(data.table["clip"].to_pylist())
    order = np.lexsort((data.table["frame"].to_numpy(), clip))
    rows, scores, source, clip = rows[order], scores[order], source[order], clip[order]
    _refuse_golden(data, order, clip)
    rows = corrected(teacher, rows)
    if opinions is None:
        return Examples(teacher.feature_names, rows, scores, source, clip)
    unknown = sorted(set(opinions) - set(clip.tolist()))
    if unknown:
        raise FitError(f"opinions of clips that the corpus lacks: {', '.join(unknown[:10])}")
    if not opinions:
        raise FitError("there is no opinion")
    found = [opinions.get(name, (np.nan, np.nan)) for name in clip.tolist()]
    opinion, weight = np.array(found, dtype=np.float64).T
    return Examples(teacher.feature_names, rows, scores, source, clip, opinion, weight)


def corrected(teacher: Teacher, rows: Array) -> Array:
    """Rows after the teacher's chroma correction, float64 `[N, F]`: the input of a student's layers."""
    rule = teacher.svr.chroma
    return rows if rule is None else rule(rows)


def _refuse_golden(data: Dataset, order: Indices, clip: NDArray[np.str_]) -> None:
    there = [name for name in load_rows().feature_names() if name in data.table.column_names]
    columns = dict(zip(there, data.columns(*there).T, strict=True)) if there else {}
    golden = golden_among(columns, data.provenance.get("decimals"))
    if golden is None:
        raise FitError(
            "the corpus has all features of no teacher of the golden rows, by which golden rows are told",
            hint="rows of golden pairs must not be trained on: extract or import all features of a published teacher",
        )
    golden = golden[order]
    if golden.any():
        names = sorted(set(clip[golden].tolist()))
        raise FitError(
            f"{int(golden.sum())} golden rows, in {', '.join(names[:10])}",
            hint="golden pairs must not be trained on: remove them from the corpus",
        )


def _by_clip(clip: Indices, rows: Indices) -> list[Indices]:
    rows = rows[np.argsort(clip[rows], kind="stable")]
    return np.split(rows, np.flatnonzero(np.diff(clip[rows])) + 1)
