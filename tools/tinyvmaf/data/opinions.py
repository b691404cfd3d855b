"""Viewers' opinions (MOS) from a CSV file: `clip,mos` or `clip,mos,ci`."""

import csv
from collections.abc import Mapping
from pathlib import Path

from tinyvmaf.errors import TinyvmafError

Opinions = Mapping[str, tuple[float, float]]
"""By clip: the opinion on its own scale, and its weight, which is relative to the other weights of the same fit."""


def read_opinions(path: Path) -> dict[str, tuple[float, float]]:
    """Read opinions.

    The optional column `ci` is the half-width of the confidence interval, on the same scale; the weight is 1 / ci^2, as
    in weighted least squares. If one line has a `ci`, all must.

    Raises:
        TinyvmafError: the file or a column is missing, a clip appears twice, or a value is no number; gives the line.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if not {"clip", "mos"} <= set(reader.fieldnames or ()):
                raise TinyvmafError(f"{path}: columns {reader.fieldnames}", hint="the first line must be clip,mos[,ci]")
            lines = [(reader.line_num, line) for line in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TinyvmafError(f"{path}: {error}") from error
    found: dict[str, tuple[float, float]] = {}
    weighed = any(line.get("ci") for _, line in lines)
    for number, line in lines:
        try:
            mos, interval = float(line["mos"]), float(line["ci"]) if weighed else 1.0
        except (TypeError, ValueError) as error:
            raise TinyvmafError(f"{path}, line {number}: {error}") from error
        if not (abs(mos) < 1e100 and 1e-100 < interval < 1e100):  # squares must be finite too
            raise TinyvmafError(f"{path}, line {number}: mos {mos}, ci {interval}: both must be finite, and ci above 0")
        if line["clip"] in found:
            raise TinyvmafError(f"{path}, line {number}: clip {line['clip']!r} appears twice")
        found[line["clip"]] = mos, 1.0 / interval**2
    if not found:
        raise TinyvmafError(f"{path}: no opinions")
    return found
