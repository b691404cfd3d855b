"""The frames of a set that have all features of a teacher, and that teacher's float64 scores."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, overload

import numpy as np
import pyarrow as pa
from blake3 import blake3
from numpy.typing import NDArray

from tinyvmaf.data.external import code_sha256
from tinyvmaf.data.imported import Imported
from tinyvmaf.data.store import Store, key_of
from tinyvmaf.errors import CouldNotRunError, TeacherError, TinyvmafError
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.teacher import Teacher

Floats = NDArray[np.float64]
CODE: Final = ("vmaf/teacher", "data/imported/precision.py")
"""What computes the values that are kept."""
_LARGEST: Final = 1e6
"""The size of a feature; those of teachers stay below 1,000."""


class LacksError(TinyvmafError):
    """A set has no values of a feature."""


@dataclass(frozen=True)
class SetRows:
    """Frames of a set, and what a teacher says of them."""

    name: str
    """Of the set."""
    teacher: Teacher
    rows: Floats
    """`[N, F]`, in the order of the teacher's features."""
    clips: tuple[str, ...]
    """`[C]`, sorted."""
    clip: NDArray[np.intp]
    """`[N]`, each frame's clip."""
    frame: NDArray[np.int64]
    """`[N]`."""
    index: NDArray[np.intp]
    """`[N]`, each frame's row in the set."""
    left_out: int
    """Frames without a value of some feature."""
    store: Store

    @cached_property
    def expected(self) -> Floats:
        """The teacher's scores, `[N]`, VMAF points."""
        fields = {
            "kind": "external truth",
            "teacher": self.teacher.sha256,
            "code": code_sha256(*CODE),
            "numpy": np.__version__,
        }
        return self.stored(fields, lambda: self.teacher.predict(self.rows))

    @cached_property
    def distance(self) -> Floats:
        """How far each row is outside of the teacher's domain, `[N]`; 0 inside, and where no domain is known."""
        try:
            return Domain(self.teacher.features).distance(self.rows)
        except TeacherError:
            return np.zeros(len(self.rows))

    @cached_property
    def digest(self) -> str:
        """Of the rows."""
        return blake3(self.rows.tobytes()).hexdigest()

    def stored(self, fields: Mapping[str, Any], compute: Callable[[], Floats]) -> Floats:
        """Values `[N]` that depend on the rows and on these fields (JSON values): computed once."""
        key = key_of({**fields, "rows": self.digest})
        table = self.store.get(key)
        if table is None or table.num_rows != len(self.rows):
            table = pa.table({"value": compute().astype(np.float64)})
            self.store.put(key, table, fields)
        values: Floats = table["value"].to_numpy()
        return values

    def clip_means(self, values: Floats) -> Floats:
        """The mean over each clip, `[C]`."""
        means: Floats = np.bincount(self.clip, values) / np.bincount(self.clip)
        return means

    @property
    def labels(self) -> Sequence[str]:
        """Each frame with its features, `[N]`; made when asked for."""
        return _Labels(self)

    def label(self, row: int) -> str:
        """A frame with its features."""
        features = zip(self.teacher.feature_names, self.rows[row], strict=True)
        outside = f", {self.distance[row]:.2g} outside the domain" if self.distance[row] > 0 else ""
        values = ", ".join(f"{name} {value:.7g}" for name, value in features)
        return f"{self.clips[self.clip[row]]} frame {self.frame[row]}: {values}{outside}"


class _Labels(Sequence[str]):
    def __init__(self, of: SetRows) -> None:
        self._of = of

    def __len__(self) -> int:
        return len(self._of.rows)

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> Sequence[str]: ...
    def __getitem__(self, row: int | slice) -> str | Sequence[str]:
        if isinstance(row, slice):
            return [self._of.label(i) for i in range(len(self))[row]]
        return self._of.label(row)


def rows_of(found: Imported, teacher: Teacher, store: Store, name: str | None = None) -> SetRows:
    """The frames of a set for a teacher.

    Raises:
        LacksError: the set has no values of one of its features.
        CouldNotRunError: a value is one that no libvmaf gives: the set is damaged.
    """
    names, table = teacher.feature_names, found.data.table
    name = name or found.name
    columns = {one: table[one].to_numpy().astype(np.float64) for one in names if one in table.column_names}
    lacking = [one for one in names if one not in columns or not np.isfinite(columns[one]).any()]
    if lacking:
        raise LacksError(f"{name} has no {', '.join(lacking)}, which {teacher.id} takes")
    rows = np.column_stack([columns[one] for one in names])
    index = np.flatnonzero(np.isfinite(rows).all(axis=1))
    if not len(index):
        raise LacksError(f"{name} has no frame with all features of {teacher.id}")
    if (absurd := np.argwhere(np.abs(rows[index]) > _LARGEST)).size:
        row, column = index[absurd[0, 0]], absurd[0, 1]
        at = f"clip {table['clip'][int(row)]} frame {table['frame'][int(row)]}"
        raise CouldNotRunError(f"{name}: {names[column]} of {at} is {rows[row, column]:g}, which no libvmaf gives")
    encoded = table["clip"].combine_chunks().dictionary_encode().take(pa.array(index))
    names_of, codes = np.array(encoded.dictionary.to_pylist()), encoded.indices.to_numpy()
    used, clip = np.unique(codes, return_inverse=True)
    order = np.argsort(names_of[used])
    place = np.empty(len(used), dtype=np.intp)
    place[order] = np.arange(len(used))
    return SetRows(
        name,
        teacher,
        rows[index],
        tuple(names_of[used][order].tolist()),
        place[clip],
        table["frame"].to_numpy()[index].astype(np.int64),
        index,
        len(rows) - len(index),
        store,
    )
