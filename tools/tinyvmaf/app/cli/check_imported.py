"""`tinyvmaf corpus check F.parquet`: what an imported set has, and what is odd about it."""

import json
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path

from tinyvmaf.app.cli.common import print_table


def check_imported(path: Path, ffmpeg: str | None, *, as_json: bool) -> int:
    """Examine a set and print it; returns 1 if something makes results wrong.

    Raises:
        TinyvmafError: it cannot be read, or is no set.
    """
    from tinyvmaf.app.cli.import_ import print_set
    from tinyvmaf.data.imported import check_set, load  # imported here: slow
    from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
    from tinyvmaf.vmaf.teacher import load_built_in

    teacher_of = cache(partial(load_built_in, find_ffmpeg(ffmpeg)))
    found = load(path, teacher_of=teacher_of)
    findings = check_set(found, teacher_of)
    if as_json:
        content = asdict(findings) | {"set": found.name, "scores": [asdict(score) for score in found.scores]}
        content |= {"notes": list(found.notes), "spoils": findings.spoils}
        print(json.dumps(content, indent=2).replace("NaN", "null"))
        return int(findings.spoils)
    print_set(found, str(path))
    print_table(["source", "clips", "frames"], [[s, str(c), str(f)] for s, (c, f) in findings.sources.items()])
    print()
    rows = [
        [c.name, "" if c.decimals is None else str(c.decimals), f"{c.low:.6g}", f"{c.high:.6g}", str(c.missing)]
        for c in findings.columns
    ]
    print_table(["column", "decimals", "lowest", "highest", "missing"], rows)
    print()
    for outside in findings.outside:
        what = f"rows are outside the domain of {outside.teacher}"
        if outside.count:
            print(
                f"note   {outside.count} {what}, the furthest by {outside.furthest:.4g} in {outside.feature} "
                f"({outside.clip}, frame {outside.frame})"
            )
        else:
            print(f"       no {what}")
    for note in found.notes:
        print(f"note   {note}")
    for fault in findings.faults:
        print(f"{'FAULT' if fault.spoils else 'note '}  {fault.text}")
    spoiling = sum(fault.spoils for fault in findings.faults)
    print(f"{spoiling} faults that make results wrong, {len(findings.faults) - spoiling} notes")
    return int(findings.spoils)
