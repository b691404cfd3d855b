"""The column that a fit aims at: a teacher's scores, from the corpus or computed from its features."""

import numpy as np
import pyarrow as pa

from tinyvmaf.data.dataset import Dataset
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.vmaf.teacher import KNOWN, Teacher, own_teacher_ids


def with_target(data: Dataset, teacher: Teacher) -> Dataset:
    """The corpus with this teacher's scores: its own where it has them, else computed from the features in float64.

    Raises:
        TinyvmafError: a column of this name is not of this teacher; or the corpus lacks a feature of the teacher in
            every row, or in some where it lacks the score too.
    """
    known = data.provenance["teachers"].get(teacher.id)
    if teacher.id in data.table.column_names and known != teacher.sha256:
        raise TinyvmafError(
            f"column {teacher.id} of the corpus is of sha256 {known}, not of the teacher {teacher.sha256}",
            hint="rename the JSON file of your teacher: its name is the id",
        )
    own = (
        data.table[teacher.id].to_numpy() if teacher.id in data.table.column_names else np.full(len(data.table), np.nan)
    )
    missing = ~np.isfinite(own)
    lacks = [name for name in teacher.feature_names if name not in data.table.column_names]
    if lacks:
        known_here = teacher.id in (*KNOWN, *own_teacher_ids())
        extract = f"extract with it: tinyvmaf extract --teacher {teacher.id}; or " if known_here else ""
        raise TinyvmafError(
            f"the corpus has no {', '.join(lacks)}, which teacher {teacher.id} takes",
            hint=f"{extract}import logs that have it: tinyvmaf import; then --features FILE",
        )
    if not missing.any():
        return data
    rows = Dataset(data.table.filter(pa.array(missing)), data.provenance).columns(*teacher.feature_names)
    scores = own.copy()
    scores[missing] = teacher.predict(rows)
    table = data.table.drop_columns([teacher.id]) if teacher.id in data.table.column_names else data.table
    teachers = {teacher.id: teacher.sha256} | dict(data.provenance["teachers"])
    return Dataset(table.append_column(teacher.id, pa.array(scores)), dict(data.provenance) | {"teachers": teachers})
