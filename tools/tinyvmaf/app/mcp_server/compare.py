"""Tiny models held against their teachers, on the rows of a corpus or of one pair."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.app.mcp_server.results import Agreement, Compared
from tinyvmaf.app.mcp_server.scored import Scored
from tinyvmaf.data import dataset
from tinyvmaf.data.dataset import Dataset
from tinyvmaf.errors import TeacherError, TinyvmafError
from tinyvmaf.files import home
from tinyvmaf.measure import agreement
from tinyvmaf.measure.agreement import ConstantError
from tinyvmaf.measure.scoring import TinyModel

Floats = NDArray[np.float64]
_FEWEST = 3
"""Values; of fewer there is no correlation."""


class Rows(Protocol):
    """Frames with features and teachers' scores."""

    @property
    def name(self) -> str:
        """What they are of."""

    def features(self, names: Sequence[str]) -> Floats:
        """`[N, F]`."""

    def teacher(self, teacher_id: str) -> Floats:
        """`[N]`, VMAF points."""

    def clips(self) -> Sequence[str] | None:
        """`[N]`, the clip of each; None if there is only one."""


@dataclass(frozen=True)
class PairRows:
    """Those of a scored pair."""

    pair: Scored
    name: str

    def features(self, names: Sequence[str]) -> Floats:
        """As `Rows`."""
        return self.pair.table.features(names)

    def teacher(self, teacher_id: str) -> Floats:
        """As `Rows`."""
        return self.pair.scores[teacher_id]

    def clips(self) -> None:
        """As `Rows`."""


@dataclass(frozen=True)
class CorpusRows:
    """Those of a dataset."""

    data: Dataset
    name: str

    def features(self, names: Sequence[str]) -> Floats:
        """As `Rows`."""
        return self.data.columns(*names)

    def teacher(self, teacher_id: str) -> Floats:
        """As `Rows`.

        Raises:
            TeacherError: it has none of that teacher.
        """
        if teacher_id not in self.data.provenance["teachers"]:
            raise TeacherError(f"{self.name} has no scores of {teacher_id}", hint="compare on a pair of videos")
        return self.data.columns(teacher_id)[:, 0]

    def clips(self) -> Sequence[str]:
        """As `Rows`."""
        labels: list[str] = self.data.table["clip"].to_pylist()
        return labels


def embedded() -> CorpusRows:
    """The embedded corpus."""
    return CorpusRows(dataset.read(home() / "fixtures" / "corpus" / "features.parquet"), "the embedded corpus")


def compare(model: TinyModel, rows: Rows) -> Compared:
    """A model on rows.

    Raises:
        TinyvmafError: too few rows, or a teacher's scores that do not vary: there is nothing to correlate.
    """
    teacher = model.sidecar.teacher.id
    truth, scores, clips = rows.teacher(teacher), model.run(rows.features(model.features)), rows.clips()
    return Compared(
        id=model.id,
        teacher=teacher,
        bytes=len(model.data),
        frames=_agreement(truth, scores),
        clips=None if clips is None else _agreement(*(agreement.clip_means(clips, v)[1] for v in (truth, scores))),
    )


def _agreement(truth: Floats, scores: Floats) -> Agreement:
    if len(truth) < _FEWEST:
        raise TinyvmafError(f"{len(truth)} values are too few to compare models on", hint="worst_frames lists them")
    if not np.isfinite(scores).all():
        raise TinyvmafError("the model gives scores that are not finite")
    try:
        return Agreement.model_validate(agreement.agreement(truth, scores, constant_got="nan").as_dict())
    except ConstantError as error:
        raise TinyvmafError("the teacher scores every frame alike, so there is nothing to correlate") from error
