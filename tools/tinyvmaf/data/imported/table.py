"""An imported set: a `Dataset` whose provenance tells whose scores the columns are, and what viewers thought."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tinyvmaf.data import dataset
from tinyvmaf.data.dataset import Dataset
from tinyvmaf.data.imported.layouts import ClipPlace
from tinyvmaf.data.opinions import Opinions
from tinyvmaf.errors import TinyvmafError

KIND = "imported"
How = Literal["declared", "detected", "unknown", "unchecked"]


@dataclass(frozen=True)
class PublishedScore:
    """A column of published scores."""

    column: str
    """Its name in the table: the teacher's id, or the published name where no teacher was found."""
    published: str
    """Its name in the log."""
    teacher: str | None
    """The teacher that gives these scores again."""
    how: How
    """`declared`: the layout names the teacher, and the rows agree. `detected`: the rows tell. `unknown`: no teacher
    gives these scores again. `unchecked`: the layout names it, but the log lacks its features."""
    worst: float | None = None
    """The largest difference from the teacher (of an unknown model: from the nearest) on the rows looked at."""
    share: float | None = None
    """The largest difference as a share of what the log's decimals allow: at most 1 where the teacher was found."""
    nearest: str | None = None
    """Of an unknown model: the teacher that comes nearest."""
    declared: str | None = None
    """The teacher that the layout, or the column's own name, says it is by, whatever the rows say."""


@dataclass(frozen=True)
class Opinion:
    """What viewers thought of a clip, on the set's own scale."""

    clip: str
    """As in the table; unique."""
    source: str
    test: str | None
    mos: float
    ci: float | None
    """Half-width of the 95 % interval, as published: it may be 0. None: not published."""


@dataclass(frozen=True)
class Imported:
    """A set that others measured."""

    data: Dataset
    """`source`, `clip` (`test/clip` where there are several tests), `frame`, features and scores. A value that the log
    lacks is NaN."""

    @property
    def name(self) -> str:
        """The set's name."""
        return str(self.data.provenance["set"])

    @property
    def scores(self) -> tuple[PublishedScore, ...]:
        """The columns of published scores."""
        return tuple(PublishedScore(**entry) for entry in self.data.provenance["scores"])

    @property
    def decimals(self) -> Mapping[str, int | None]:
        """How many decimals each column was written with; None: it was not rounded."""
        found: Mapping[str, int | None] = self.data.provenance["decimals"]
        return found

    @property
    def scale(self) -> tuple[float, float] | None:
        """The opinions that stand for the worst and the best quality; None without opinions."""
        ends = self.data.provenance.get("scale")
        return None if ends is None else (float(ends[0]), float(ends[1]))

    @property
    def notes(self) -> tuple[str, ...]:
        """What the import merged, left out or assumed, one sentence each."""
        return tuple(self.data.provenance.get("notes", ()))

    @property
    def opinions(self) -> tuple[Opinion, ...]:
        """The opinions, by clip; empty if none were given."""
        columns: Mapping[str, list[Any]] = self.data.provenance.get("opinions") or {"clip": []}
        rows = zip(*columns.values(), strict=True)
        return tuple(Opinion(**dict(zip(columns, row, strict=True))) for row in rows)

    def ci_floor(self) -> float | None:
        """What stands for a `ci` of 0: the smallest one above 0 of this set.

        Where all viewers agreed, one viewer more might not have: that gives about the smallest interval of a test. None
        if no clip has a `ci` above 0.
        """
        above = [opinion.ci for opinion in self.opinions if opinion.ci is not None and opinion.ci > 0]
        return min(above, default=None)

    def on_scale(self, scale: tuple[float, float]) -> Opinions:
        """`weighed` on another scale, worst and best: what a recipe's `[mos]` with that scale takes."""
        if self.scale is None:
            return {}
        (worst, best), (low, high) = self.scale, scale
        factor = (high - low) / (best - worst)
        return {
            clip: (low + (mos - worst) * factor, weight / factor**2) for clip, (mos, weight) in self.weighed().items()
        }

    def weighed(self) -> Opinions:
        """The opinions on the set's own scale, each with its weight 1 / ci^2, as `data.opinions` has them.

        A ci of 0 is taken as `ci_floor`. All weights are 1 if a clip has no `ci`.
        """
        floor = self.ci_floor()
        known = floor is not None and all(opinion.ci is not None for opinion in self.opinions)
        return {o.clip: (o.mos, 1.0 / max(o.ci or 0.0, floor or 1.0) ** 2 if known else 1.0) for o in self.opinions}


def opinions_in(data: Dataset, scale: tuple[float, float]) -> Opinions | None:
    """The opinions that came with an imported set, on a scale (`Imported.on_scale`); None if it has none."""
    if data.provenance.get("kind") != KIND or not data.provenance.get("opinions"):
        return None
    return Imported(data).on_scale(scale)


def write_imported(path: Path, table: pa.Table, provenance: Mapping[str, Any]) -> None:
    """Write a set, whole or not at all; the same content gives the same bytes."""
    dataset.write(path, table, provenance)


def read_imported(path: Path) -> Imported:
    """Read what `write_imported` wrote.

    Raises:
        TinyvmafError: as `dataset.read`, or the rows were not imported but extracted here.
    """
    data = dataset.read(path)
    if data.provenance.get("kind") != KIND:
        raise TinyvmafError(f"{path}: its rows were extracted, not imported", hint="pass it to --features")
    return Imported(data)


def provenance_of(
    name: str,
    *,
    files: list[dict[str, Any]],
    corpus_sha256: str,
    libvmaf: str,
    layout: str,
    decimals: Mapping[str, int | None],
    scores: list[PublishedScore],
    teachers: Mapping[str, str],
    opinions: list[Opinion],
    scale: tuple[float, float] | None,
    notes: list[str],
    command: list[str],
) -> dict[str, Any]:
    """The provenance of a set, as `Dataset` and `Imported` read it.

    Args:
        files: by file `name`, `sha256`, and of a log `clip` and libvmaf's `version`.
        corpus_sha256: of all files together.
        teachers: sha256 of the teachers that the scores were found to be of.
    """
    columns = {key: [getattr(opinion, key) for opinion in opinions] for key in Opinion.__dataclass_fields__}
    return {
        "kind": KIND,
        "set": name,
        "files": files,
        "corpus_sha256": corpus_sha256,
        "libvmaf": libvmaf,
        "motion_epoch": "not told",
        "layout": layout,
        "decimals": dict(decimals),
        "scores": [asdict(score) for score in scores],
        "teachers": dict(teachers),
        "opinions": columns if opinions else None,
        "scale": None if scale is None else list(scale),
        "notes": notes,
        "command": command,
    }


def as_table(
    places: Sequence[ClipPlace],
    of: NDArray[np.int64],
    frame: NDArray[np.int64],
    columns: Mapping[str, NDArray[np.float64]],
) -> pa.Table:
    """The table of a set, sorted by source, clip and frame.

    Args:
        places: of the clips.
        of: `[N]`, the index of each row's clip in `places`.
        frame: `[N]`.
        columns: `[N]` each.
    """
    ranks = np.empty(len(places), dtype=np.int64)
    ranks[sorted(range(len(places)), key=lambda i: (places[i].canonical, places[i].key))] = np.arange(len(places))
    order = np.lexsort((frame, ranks[of]))
    rows = pa.array(of[order])
    content: dict[str, Any] = {
        "source": pa.array([place.canonical for place in places]).take(rows),
        "clip": pa.array([place.key for place in places]).take(rows),
        "frame": pa.array(frame[order].astype(np.int32)),
    }
    content |= {name: pa.array(values[order]) for name, values in columns.items()}
    return pa.table(content)
