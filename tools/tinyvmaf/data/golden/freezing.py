"""Freezes the golden rows: scores the golden pairs with libvmaf and writes `fixtures/golden/rows.json`."""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.data.golden.files import GoldenFileMissingError, GoldenFiles
from tinyvmaf.data.golden.published import Pair, load_pairs
from tinyvmaf.data.golden.rows import FrozenPair, load_rows, own_rows_path, rows_path
from tinyvmaf.errors import GoldenError
from tinyvmaf.files import write_atomic
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.libvmaf import FrameTable, motion_epoch, score_pair
from tinyvmaf.vmaf.media import both
from tinyvmaf.vmaf.teacher import KNOWN, Teacher, load_carried

_DECIMALS: Final = 12  # of features
_SCORE_DECIMALS: Final = 6  # of libvmaf's log
_COMPUTED: Final = (
    "FFmpeg's libvmaf filter does not run bootstrap collections: their scores and intervals are those of "
    "tinyvmaf's SVR in float64 on the features"
)
_BAGGING: Final = ("bagging", "stddev", "ci_p95_lo", "ci_p95_hi")  # libvmaf's suffixes, in the order of `Bagging`


def score_golden_pair(pair: Pair, files: GoldenFiles, ffmpeg: FFmpeg, teachers: Iterable[Teacher]) -> FrameTable:
    """Score a golden pair with the installed libvmaf, with all teachers that its filter runs in one pass.

    Raises:
        GoldenFileMissingError: one of its files is not on this machine.
    """
    return score_pair(
        files.path(pair.ref),
        files.path(pair.dis),
        options=both(size=pair.size, pix_fmt=pair.pix_fmt),
        models=[teacher.model() for teacher in teachers if not teacher.bootstrap],
        ffmpeg=ffmpeg,
    )


def frozen_columns(table: FrameTable, teachers: Iterable[Teacher]) -> dict[str, NDArray[np.float64]]:
    """What is frozen of a golden pair: each teacher's features and scores, float64 `[T]`, rounded, by name."""
    features: dict[str, NDArray[np.float64]] = {}
    scores: dict[str, NDArray[np.float64]] = {}
    for teacher in teachers:
        rows = table.features(teacher.feature_names)
        features |= dict(zip(teacher.feature_names, rows.T, strict=True))
        if teacher.bootstrap:
            scores[teacher.id] = teacher.predict(rows)
            scores |= {
                f"{teacher.id}_{name}": values for name, values in zip(_BAGGING, teacher.bagging(rows), strict=True)
            }
        else:
            scores[teacher.id] = table.column(teacher.id)
    return {name: np.round(values, _DECIMALS) for name, values in features.items()} | {
        name: np.round(values, _SCORE_DECIMALS) for name, values in scores.items()
    }


def freeze(
    files: GoldenFiles, ffmpeg: FFmpeg, path: Path | None = None, own: Teacher | None = None
) -> tuple[list[str], list[str]]:
    """Extract the rows of every golden pair on this machine and write them with their provenance.

    A pair with missing files keeps its rows if the same libvmaf and FFmpeg froze them.

    Args:
        own: freeze the rows of this teacher of the project's own; None: those of every published one.

    Returns:
        The ids of the pairs written and of those left out.

    Raises:
        GoldenError: this libvmaf lacks a published teacher or does not reproduce a published value, or no pair is on
            this machine.
    """
    path = path or (rows_path() if own is None else own_rows_path(own.id))
    teachers = _published(ffmpeg) if own is None else [own]
    epoch, version = motion_epoch(ffmpeg)
    provenance = {
        "libvmaf": version,
        "ffmpeg": ffmpeg.version,
        "motion_epoch": epoch,
        "command": "tinyvmaf golden freeze",
        "use": "judging only: never train on these rows",
        "teachers": {one.id: {"sha256": one.sha256, "features": list(one.feature_names)} for one in teachers},
        "computed": {one.id: _COMPUTED for one in teachers if one.bootstrap},
    }
    kept: Mapping[str, FrozenPair] = {}
    with suppress(GoldenError):  # missing, damaged or of an older form: written anew
        before = load_rows(path)
        kept = before.pairs if before.provenance == provenance else {}
    pairs: dict[str, Mapping[str, NDArray[np.float64]]] = {}
    left_out = []
    for pair in load_pairs().values():
        try:
            columns = frozen_columns(score_golden_pair(pair, files, ffmpeg, teachers), teachers)
        except GoldenFileMissingError:
            if pair.id in kept:
                pairs[pair.id] = kept[pair.id].columns
            else:
                left_out.append(pair.id)
            continue
        for name, expected in (pair.values(epoch) or {}).items():
            if own is not None and name not in columns:
                continue
            mean = float(columns[name].mean())
            if round(abs(mean - expected), pair.places) != 0:
                raise GoldenError(
                    f"{pair.id}: libvmaf {version} gives {name} {mean:.6f}, published {expected:.6f}: "
                    "these rows are not golden"
                )
        pairs[pair.id] = columns
    if not pairs:
        raise GoldenError("the files of all golden pairs are missing", hint="tinyvmaf golden fetch --to DIR")
    write_atomic(path, _to_json(provenance, pairs))
    return list(pairs), left_out


def _published(ffmpeg: FFmpeg) -> list[Teacher]:
    found = load_carried(ffmpeg, KNOWN)
    if lacking := [name for name in KNOWN if name not in found]:
        raise GoldenError(
            f"the libvmaf of {ffmpeg} lacks {', '.join(lacking)}, and the golden rows are those of every teacher",
            hint="freeze them with a newer FFmpeg: --ffmpeg PATH",
        )
    return [found[name] for name in KNOWN]


def _to_json(provenance: dict[str, Any], pairs: Mapping[str, Mapping[str, NDArray[np.float64]]]) -> str:
    blocks = []
    for pair, columns in pairs.items():
        lines = [f"      {json.dumps(name)}: {json.dumps(values.tolist())}" for name, values in columns.items()]
        blocks.append(f"    {json.dumps(pair)}: {{\n" + ",\n".join(lines) + "\n    }")
    # One line per column, so that a diff shows which feature changed.
    head = json.dumps({"provenance": provenance}, indent=2)[:-2]
    return head + ',\n  "pairs": {\n' + ",\n".join(blocks) + "\n  }\n}\n"
