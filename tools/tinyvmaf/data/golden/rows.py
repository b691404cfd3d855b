"""The frozen feature rows of the golden pairs. They judge models without video or FFmpeg; never train on them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyvmaf.data.golden.published import golden_folder
from tinyvmaf.errors import GoldenError
from tinyvmaf.vmaf.features import CANONICAL

# Recognises rows from a 6-decimal log, or stored as float32.
_ROW_TOLERANCE = 2e-6


@dataclass(frozen=True)
class FrozenPair:
    """The features and scores of a golden pair, from the libvmaf that froze them."""

    id: str
    features: NDArray[np.float64]
    """float64 `[T, 6]`, canonical-6, 12 decimals."""
    scores: NDArray[np.float64]
    """float64 `[T]`, `vmaf_v0.6.1`, VMAF points, 6 decimals."""


@dataclass(frozen=True)
class GoldenRows:
    """The frozen rows and their provenance. Never train on them."""

    provenance: Mapping[str, Any]
    pairs: Mapping[str, FrozenPair]


def rows_path() -> Path:
    """The file with the frozen rows."""
    return golden_folder() / "rows.json"


def load_rows(path: Path | None = None) -> GoldenRows:
    """The frozen rows.

    Raises:
        GoldenError: the file is missing or damaged, or has no provenance or no pair, or a value is not finite.
    """
    path = path or rows_path()
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if tuple(content["features"]) != CANONICAL:
            raise ValueError(f"features {content['features']}, not {list(CANONICAL)}")
        provenance = content["provenance"]
        missing = {"libvmaf", "motion_epoch", "teacher", "teacher_sha256", "command"} - set(provenance)
        if missing:
            raise ValueError(f"provenance without {sorted(missing)}")
        pairs = {name: _pair(name, entry) for name, entry in content["pairs"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise GoldenError(f"{path}: {error!r}", hint="write it again: tinyvmaf golden freeze") from error
    if not pairs:
        raise GoldenError(f"{path}: no pairs", hint="write it again: tinyvmaf golden freeze")
    return GoldenRows(provenance, pairs)


def _pair(name: str, entry: list[list[float]]) -> FrozenPair:
    table = np.array(entry, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] != len(CANONICAL) + 1 or not np.isfinite(table).all():
        raise ValueError(f"{name}: rows must be {len(CANONICAL)} features and a score, all finite")
    return FrozenPair(name, table[:, :-1], table[:, -1])


def is_golden_row(features: ArrayLike, *, rounded_by: float = 0.0) -> NDArray[np.bool_]:
    """Which feature rows are golden.

    Args:
        features: `[N, 6]`, canonical-6; float32 or float64.
        rounded_by: how far rounding may have moved a feature, as by a log with few decimals.

    Returns:
        bool `[N]`. The row of a lossless still frame (adm2 and all vif 1, motion2 0) does not count: the flat pair has
        it, but so can any corpus.
    """
    rows = np.asarray(features, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != len(CANONICAL):
        raise ValueError(f"features must be [N, {len(CANONICAL)}], not {list(rows.shape)}")
    golden = np.concatenate([pair.features for pair in load_rows().pairs.values()])
    lossless_still = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 0.0])
    near = _ROW_TOLERANCE + rounded_by
    golden = golden[np.abs(golden - lossless_still).max(axis=1) > near]
    found = np.zeros(len(rows), dtype=np.bool_)
    for row in golden:
        found |= np.abs(rows - row).max(axis=1) <= near
    return found
