"""`tinyvmaf corpus check F.parquet`: what an imported set has, and what is odd about it."""

import json
import math
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinyvmaf.app.cli.common import print_table
from tinyvmaf.terminal import say

if TYPE_CHECKING:
    from tinyvmaf.data.imported import Imported, SetFindings


def check_imported(path: Path, ffmpeg: str | None, *, as_json: bool) -> int:
    """Examine a set, or those of a folder, and print them; returns 1 if something makes results wrong.

    Raises:
        TinyvmafError: one cannot be read, or there is no set.
    """
    from tinyvmaf.data.imported import check_set, load, set_files  # imported here: slow
    from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
    from tinyvmaf.vmaf.teacher import load_built_in

    teacher_of = cache(partial(load_built_in, find_ffmpeg(ffmpeg)))
    status, contents = 0, []
    for number, file in enumerate(set_files(path)):
        found = load(file, teacher_of=teacher_of)
        findings = check_set(found, teacher_of)
        status |= int(findings.spoils)
        if as_json:
            content = asdict(findings) | {"set": found.name, "scores": [asdict(score) for score in found.scores]}
            contents.append(_finite(content | {"notes": list(found.notes), "spoils": findings.spoils}))
        else:
            print("\n" * (number > 0), end="")
            _print(found, findings, file)
    if as_json:
        print(json.dumps(contents[0] if len(contents) == 1 else contents, indent=2, allow_nan=False))
    return status


def _finite(value: Any) -> Any:
    """For JSON, which has no NaN: None."""
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _print(found: "Imported", findings: "SetFindings", path: Path) -> None:
    from tinyvmaf.app.cli.import_ import print_set

    print_set(found, str(path))
    print_table(["source", "clips", "frames"], [[s, str(c), str(f)] for s, (c, f) in findings.sources.items()])
    say()
    rows = [
        [c.name, "" if c.decimals is None else str(c.decimals), f"{c.low:.6g}", f"{c.high:.6g}", str(c.missing)]
        for c in findings.columns
    ]
    print_table(["column", "decimals", "lowest", "highest", "missing"], rows)
    say()
    for outside in findings.outside:
        what = f"rows are outside the domain of {outside.teacher}"
        if outside.count:
            say(
                f"note   {outside.count} {what}, the furthest by {outside.furthest:.4g} in {outside.feature} "
                f"({outside.clip}, frame {outside.frame})"
            )
        else:
            say(f"       no {what}")
    for note in found.notes:
        say(f"note   {note}")
    for fault in findings.faults:
        say(f"{'FAULT' if fault.spoils else 'note '}  {fault.text}")
    spoiling = sum(fault.spoils for fault in findings.faults)
    notes = len(found.notes) + len(findings.faults) - spoiling
    say(f"{spoiling} faults that make results wrong, {notes} notes")
