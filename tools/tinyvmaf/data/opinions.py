"""Opinions of viewers, from a CSV: `clip,mos` or `clip,mos,ci`."""

import csv
import math
from collections.abc import Mapping
from pathlib import Path

from tinyvmaf.errors import TinyvmafError

Opinions = Mapping[str, tuple[float, float]]
"""Of each clip the opinion, on its own scale, and its weight, which counts against those of the same fit only."""


def read_opinions(path: Path) -> dict[str, tuple[float, float]]:
    """Read opinions.

    The optional third column is the half-width of a confidence interval, on the same scale; an opinion weighs by
    the inverse of its square, as in weighted least squares. If one has it, all must.

    Raises:
        TinyvmafError: missing, without its columns, a clip twice, or a value that is not a number; says the line.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if not {"clip", "mos"} <= set(reader.fieldnames or ()):
                raise TinyvmafError(f"{path}: columns {reader.fieldnames}", hint="the first line is clip,mos[,ci]")
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
        if not (math.isfinite(mos) and 1e-100 < interval < 1e100):  # its square must be a number too
            raise TinyvmafError(f"{path}, line {number}: mos {mos}, ci {interval}: finite, and ci above 0")
        if line["clip"] in found:
            raise TinyvmafError(f"{path}, line {number}: clip {line['clip']!r} stands there twice")
        found[line["clip"]] = mos, 1.0 / interval**2
    if not found:
        raise TinyvmafError(f"{path}: no opinion")
    return found
