"""Freezes the golden rows: scores the golden pairs with libvmaf and writes `fixtures/golden/rows.json`."""

import json
from pathlib import Path

import numpy as np

from tinyvmaf.data.golden.files import GoldenFileMissingError, GoldenFiles
from tinyvmaf.data.golden.published import Pair, load_pairs
from tinyvmaf.data.golden.rows import load_rows, rows_path
from tinyvmaf.errors import GoldenError
from tinyvmaf.files import write_atomic
from tinyvmaf.vmaf.features import CANONICAL
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.libvmaf import FrameTable, VmafModel, motion_epoch, score_pair
from tinyvmaf.vmaf.media import both
from tinyvmaf.vmaf.teacher import DEFAULT, load_built_in

_DECIMALS = 12  # of features; scores have the 6 decimals of libvmaf's log


def score_golden_pair(pair: Pair, files: GoldenFiles, ffmpeg: FFmpeg) -> FrameTable:
    """Score a golden pair with the installed libvmaf.

    Raises:
        GoldenFileMissingError: one of its files is not on this machine.
    """
    return score_pair(
        files.path(pair.ref),
        files.path(pair.dis),
        options=both(size=pair.size, pix_fmt=pair.pix_fmt),
        models=[VmafModel(DEFAULT)],
        ffmpeg=ffmpeg,
    )


def freeze(files: GoldenFiles, ffmpeg: FFmpeg, path: Path | None = None) -> tuple[list[str], list[str]]:
    """Extract the rows of every golden pair on this machine and write them with their provenance.

    A pair with missing files keeps its rows if the same libvmaf and FFmpeg froze them.

    Returns:
        The ids of the pairs written and of those left out.

    Raises:
        GoldenError: libvmaf does not reproduce a published value, or no pair is on this machine.
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
            table = score_golden_pair(pair, files, ffmpeg)
        except GoldenFileMissingError:
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
        raise GoldenError("the files of all golden pairs are missing", hint="tinyvmaf golden fetch --to DIR")
    write_atomic(path, _to_json(provenance, pairs))
    return list(pairs), left_out


def _to_json(provenance: dict[str, str], pairs: dict[str, list[list[float]]]) -> str:
    head = {"provenance": provenance, "features": list(CANONICAL), "row": [*CANONICAL, DEFAULT]}
    blocks = []
    for name, rows in pairs.items():
        body = ",\n".join("      " + json.dumps(row) for row in rows)
        blocks.append(f"    {json.dumps(name)}: [\n{body}\n    ]")
    # One line per frame, so that a diff shows which frames changed.
    return json.dumps(head, indent=2)[:-2] + ',\n  "pairs": {\n' + ",\n".join(blocks) + "\n  }\n}\n"
