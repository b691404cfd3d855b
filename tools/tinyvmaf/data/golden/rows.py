"""Feature rows of the golden pairs, frozen: models are judged on them without video or FFmpeg.

Golden rows judge; they are never trained on. `is_golden_file` and `is_golden_row` tell them apart.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyvmaf.data.golden.files import GoldenFiles, NotAtHandError
from tinyvmaf.data.golden.published import Pair, golden_folder, load_files, load_pairs
from tinyvmaf.errors import GoldenError
from tinyvmaf.files import write_atomic
from tinyvmaf.vmaf.features import CANONICAL
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.libvmaf import FrameTable, Model, motion_epoch, score_pair
from tinyvmaf.vmaf.patterns import git_blob_id
from tinyvmaf.vmaf.teacher import DEFAULT, load_built_in

_DECIMALS = 12  # of a probed feature; scores have the 6 of libvmaf's log
# A row from anybody's 6-decimal log, or stored as float32, is still recognised.
_SAME_ROW = 2e-6


@dataclass(frozen=True)
class FrozenPair:
    """One golden pair as the libvmaf that froze it sees it."""

    id: str
    features: NDArray[np.float64]
    """float64 `[T, 6]`, canonical-6, 12 decimals."""
    scores: NDArray[np.float64]
    """float64 `[T]`, `vmaf_v0.6.1`, VMAF points, 6 decimals."""


@dataclass(frozen=True)
class GoldenRows:
    """The frozen rows and where they come from. Never to be trained on."""

    provenance: Mapping[str, Any]
    pairs: Mapping[str, FrozenPair]


def rows_path() -> Path:
    """The file of the frozen rows."""
    return golden_folder() / "rows.json"


def load_rows(path: Path | None = None) -> GoldenRows:
    """The frozen rows.

    Raises:
        GoldenError: missing, damaged, without provenance, no pair, or a value that is not finite.
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
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise GoldenError(f"{path}: {error!r}", hint="write it anew: tinyvmaf golden freeze") from error
    if not pairs:
        raise GoldenError(f"{path}: no pair")
    return GoldenRows(provenance, pairs)


def _pair(name: str, entry: list[list[float]]) -> FrozenPair:
    table = np.array(entry, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] != len(CANONICAL) + 1 or not np.isfinite(table).all():
        raise ValueError(f"{name}: rows must be finite and of {len(CANONICAL)} features and a score")
    return FrozenPair(name, table[:, :-1], table[:, -1])


def measure(pair: Pair, files: GoldenFiles, ffmpeg: FFmpeg) -> FrameTable:
    """Score a golden pair with the libvmaf here.

    Raises:
        NotAtHandError: one of its files is not here.
    """
    return score_pair(
        files.path(pair.ref),
        files.path(pair.dis),
        size=pair.size,
        pix_fmt=pair.pix_fmt,
        models=[Model(DEFAULT)],
        ffmpeg=ffmpeg,
    )


def freeze(files: GoldenFiles, ffmpeg: FFmpeg, path: Path | None = None) -> tuple[list[str], list[str]]:
    """Extract the rows of every golden pair that is at hand and write them with their provenance.

    Pairs that are not at hand keep the rows they have if the libvmaf here is the one that froze them.

    Returns:
        The pairs written, and the pairs left out.

    Raises:
        GoldenError: the libvmaf here does not give a published value: its rows are not golden.
    """
    path = path or rows_path()
    teacher = load_built_in(ffmpeg)
    epoch, version = motion_epoch(ffmpeg)
    provenance = {
        "libvmaf": version,
        "ffmpeg": ffmpeg.version,
        "motion_epoch": epoch,
        "teacher": teacher.id,
        "teacher_sha256": teacher.sha256,
        "command": "tinyvmaf golden freeze",
        "use": "judging only: never train on these rows",
    }
    before = load_rows(path) if path.is_file() else None
    kept = before.pairs if before is not None and before.provenance == provenance else {}
    pairs: dict[str, list[list[float]]] = {}
    left_out = []
    for pair in load_pairs().values():
        try:
            table = measure(pair, files, ffmpeg)
        except NotAtHandError:
            if pair.id in kept:
                pairs[pair.id] = np.column_stack([kept[pair.id].features, kept[pair.id].scores]).tolist()
            else:
                left_out.append(pair.id)
            continue
        rows = np.column_stack([table.features(CANONICAL), table.column(DEFAULT)])
        published = pair.values(epoch)
        for name, mean in zip((*CANONICAL, "vmaf"), rows.mean(axis=0), strict=True):
            if published is not None and round(abs(mean - published[name]), pair.places) != 0:
                raise GoldenError(
                    f"{pair.id}: libvmaf {version} gives {name} {mean:.6f}, published {published[name]:.6f}: "
                    "these rows are not golden"
                )
        pairs[pair.id] = np.round(rows, _DECIMALS).tolist()
    if not pairs:
        raise GoldenError("no golden pair is at hand")
    write_atomic(path, _dump(provenance, pairs))
    return list(pairs), left_out


def _dump(provenance: dict[str, str], pairs: dict[str, list[list[float]]]) -> str:
    head = {"provenance": provenance, "features": list(CANONICAL), "row": [*CANONICAL, DEFAULT]}
    blocks = []
    for name, rows in pairs.items():
        body = ",\n".join("      " + json.dumps(row) for row in rows)
        blocks.append(f"    {json.dumps(name)}: [\n{body}\n    ]")
    # One row of numbers a line: a change shows as the frame it is in.
    return json.dumps(head, indent=2)[:-2] + ',\n  "pairs": {\n' + ",\n".join(blocks) + "\n  }\n}\n"


def is_golden_file(path: Path) -> bool:
    """Whether a file's content is that of a file of the golden set, whatever it is called."""
    size = path.stat().st_size
    candidates = {file.blob for file in load_files().values() if file.bytes == size}
    return bool(candidates) and git_blob_id(path.read_bytes()) in candidates


def is_golden_row(features: ArrayLike) -> NDArray[np.bool_]:
    """Which feature rows are golden.

    Args:
        features: `[N, 6]`, canonical-6; float32 or float64.

    Returns:
        bool `[N]`. The row of a lossless still frame (adm2 and all vif 1, motion2 0), which the flat pair has, is not
        counted: any corpus may have it, and it tells nothing of the golden set.
    """
    rows = np.asarray(features, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != len(CANONICAL):
        raise ValueError(f"features must be [N, {len(CANONICAL)}], not {list(rows.shape)}")
    golden = np.concatenate([pair.features for pair in load_rows().pairs.values()])
    lossless_still = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 0.0])
    golden = golden[np.abs(golden - lossless_still).max(axis=1) > _SAME_ROW]
    found = np.zeros(len(rows), dtype=np.bool_)
    for row in golden:
        found |= np.abs(rows - row).max(axis=1) <= _SAME_ROW
    return found
