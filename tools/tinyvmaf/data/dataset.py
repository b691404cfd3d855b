"""The parquet file with the features of a corpus: one row per frame. A file without provenance is refused."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tinyvmaf.errors import CouldNotRunError, TinyvmafError
from tinyvmaf.files import write_atomic

INDEX: Final = ("source", "clip", "frame")
_KEY: Final = b"tinyvmaf"
_REQUIRED: Final = {
    "extracted": ("libvmaf", "motion_epoch", "ffmpeg", "teachers", "corpus_sha256", "geometry", "command"),
    "imported": ("set", "files", "decimals", "corpus_sha256", "libvmaf", "command"),
}
"""What the provenance must have, by its `kind`; `extracted` if it has none."""


@dataclass(frozen=True)
class Dataset:
    """Features and teacher scores of a corpus."""

    table: pa.Table
    """`source`, `clip` (strings), `frame` (int32), features and teacher scores (float64); sorted by the first three."""
    provenance: Mapping[str, Any]

    def columns(self, *names: str) -> NDArray[np.float64]:
        """The columns as one array, float64 `[N, len(names)]`.

        Raises:
            TinyvmafError: no such column, or a value is missing or not finite; names clip and frame.
        """
        for name in names:
            if name not in self.table.column_names:
                raise TinyvmafError(f"no column {name!r}", hint=f"the columns are {', '.join(self.table.column_names)}")
        out = np.column_stack([self.table[name].to_numpy() for name in names]).astype(np.float64)
        if not np.isfinite(out).all():
            row, column = map(int, np.argwhere(~np.isfinite(out))[0])
            clip, frame = self.table["clip"][row], self.table["frame"][row]
            raise TinyvmafError(
                f"{names[column]} of clip {clip}, frame {frame} is {out[row, column]}",
                hint="leave the frame out, or measure it again",
            )
        return out

    def check_has(self, clip_ids: Iterable[str], root: Path) -> None:
        """Hold that no clip of a corpus is missing.

        Raises:
            CouldNotRunError: some are; names the first ten.
        """
        if missing := sorted(set(clip_ids) - set(self.table["clip"].to_pylist())):
            raise CouldNotRunError(f"{root}: no features of {', '.join(missing[:10])}")

    def clip_means(self, name: str) -> dict[str, float]:
        """The mean of a column over each clip, by clip id, sorted."""
        grouped = self.table.group_by("clip").aggregate([(name, "mean")]).sort_by("clip")
        return dict(zip(grouped["clip"].to_pylist(), grouped[f"{name}_mean"].to_pylist(), strict=True))


def write(path: Path, table: pa.Table, provenance: Mapping[str, Any]) -> None:
    """Write a dataset, whole or not at all. The same content gives the same bytes.

    Raises:
        TinyvmafError: a required entry is missing from the provenance.
    """
    _check(provenance, path)
    table = table.replace_schema_metadata({_KEY: json.dumps(provenance, sort_keys=True)})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", use_dictionary=list(INDEX[:2]), write_page_checksum=True)
    write_atomic(path, sink.getvalue().to_pybytes())


def read(path: Path) -> Dataset:
    """Read a dataset.

    Raises:
        TinyvmafError: the file is missing or damaged, or has no provenance, no index columns or no rows.
    """
    try:
        table = pq.read_table(path, page_checksum_verification=True)
        provenance = json.loads((table.schema.metadata or {})[_KEY])
    except KeyError as error:
        raise TinyvmafError(
            f"{path}: no provenance in its metadata", hint="make the file with: tinyvmaf extract, or tinyvmaf import"
        ) from error
    except OSError as error:
        raise TinyvmafError(f"{path}: {'no such file' if not path.exists() else error.strerror or error}") from error
    except (pa.ArrowException, ValueError) as error:
        raise TinyvmafError(f"{path}: {error}") from error
    _check(provenance, path)
    if tuple(table.column_names[:3]) != INDEX or not table.num_rows:
        raise TinyvmafError(
            f"{path}: {table.num_rows} rows of {table.column_names}; expected rows, and first {', '.join(INDEX)}"
        )
    return Dataset(table, provenance)


def _check(provenance: Mapping[str, Any], path: Path) -> None:
    kind = provenance.get("kind", "extracted")
    if kind not in _REQUIRED:
        raise TinyvmafError(f"{path}: its provenance is of an unknown kind, {kind!r}")
    missing = [name for name in _REQUIRED[kind] if not provenance.get(name)]
    if missing:
        raise TinyvmafError(f"{path}: its provenance lacks {', '.join(missing)}")
