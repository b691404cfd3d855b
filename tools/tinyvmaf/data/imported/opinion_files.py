"""Tables of clips with opinions, as sets publish them: CSV files with many names for the same columns."""

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tinyvmaf.data.imported.layouts import clip_name
from tinyvmaf.errors import TinyvmafError

# By what a column holds: its names in public sets, in order of preference, compared without case and separators.
_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "clip": (
        "clip",
        "videoname",
        "video",
        "filename",
        "file",
        "pvs",
        "stimulus",
        "name",
        "distorted",
        "flickrid",
        "id",
    ),
    "mos": ("mos", "dmos", "meanopinionscore", "vmos", "mosvideo", "mosvp", "mosmean", "rating", "opinion"),
    "ci": ("ci", "ci95", "mosci", "ci95mos", "confidenceinterval", "dmosci"),
    "std": ("std", "sd", "mosstd", "stdmos", "sos", "mossd"),
    "count": ("n", "count", "ratings", "nratings", "numratings", "numvotes", "votes"),
    "source": ("src", "source", "ref", "reference", "content", "refname", "srcname"),
    "test": ("test", "testid", "session", "database", "experiment"),
}
_BEYOND: Final = "\0beyond"
"""The key of a line's values that have no column."""
_TEST_FOLDER: Final = re.compile(r"test[_-]?(\d+)$", re.IGNORECASE)


@dataclass(frozen=True)
class ClipRow:
    """A line of a table of clips."""

    clip: str
    test: str | None
    source: str | None
    mos: float | None
    ci: float | None
    other: Mapping[str, str]
    """All of the line."""


@dataclass(frozen=True)
class ClipTable:
    """A table of clips."""

    rows: tuple[ClipRow, ...]
    mos_column: str | None
    """The name of the column that the opinions came from."""


def read_clip_table(path: Path) -> ClipTable:
    """Read a table of clips; separators are commas, semicolons or tabs.

    The interval is `ci`, or 1.96 std / sqrt(n) where a table has a standard deviation and a number of ratings.

    Raises:
        TinyvmafError: it cannot be read, has no column of clips, or a value is no number; names the line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        first = text.partition("\n")[0]
        separator = max(",;\t", key=first.count)
        reader = csv.DictReader(io.StringIO(text), delimiter=separator, restkey=_BEYOND)
        columns = _columns(reader.fieldnames or ())
        lines = [(reader.line_num, line) for line in reader]
    except UnicodeDecodeError as error:
        raise TinyvmafError(f"{path}: not in UTF-8", hint="save it as CSV in UTF-8") from error
    except (OSError, csv.Error) as error:
        raise TinyvmafError(f"{path}: {error}") from error
    if "clip" not in columns:
        among = f"no column of clips among {', '.join(reader.fieldnames)}" if reader.fieldnames else "no columns"
        raise TinyvmafError(
            f"{path}: {among}",
            hint="the first line must name a column clip, and for opinions mos and, where known, ci",
        )
    folder = _TEST_FOLDER.match(path.absolute().parent.name)
    rows = []
    for number, line in lines:
        if any(line.pop(_BEYOND, ())):
            raise TinyvmafError(
                f"{path}, line {number}: more values than the first line has columns",
                hint="decimals must follow a point, and text with a comma be in quotes",
            )
        name = line.get(columns["clip"]) or ""
        if not name.strip():
            continue

        def value(what: str, line: Mapping[str, str] = line, number: int = number) -> float | None:
            text = (line.get(columns.get(what, "")) or "").strip()
            if text.lower() in ("", "nan", "na", "n/a", "none", "null"):
                return None
            try:
                found = float(text)
            except ValueError as error:
                raise TinyvmafError(
                    f"{path}, line {number}: {columns[what]} is {text!r}, which is no number",
                    hint="decimals must follow a point" if "," in text else None,
                ) from error
            if not math.isfinite(found):
                raise TinyvmafError(f"{path}, line {number}: {columns[what]} is {text}, which is not finite")
            return found

        interval, std, count = value("ci"), value("std"), value("count")
        if interval is None and std is not None and count:
            interval = 1.96 * std / math.sqrt(count)
        if interval is not None and interval < 0:
            raise TinyvmafError(f"{path}, line {number}: the interval is {interval}, below 0")
        test = (line.get(columns.get("test", "")) or "").strip() or (folder[1] if folder else None)
        source = (line.get(columns.get("source", "")) or "").strip() or None
        rows.append(ClipRow(clip_name(name.strip()), test, source, value("mos"), interval, line))
    return ClipTable(tuple(rows), columns.get("mos"))


def scale_of(mos: Sequence[float]) -> tuple[float, float]:
    """The scale that opinions seem to be on: 0 to 1, 1 to 5, 0 to 10, 0 to 100 or -3 to 0; the first that holds all."""
    low, high = min(mos), max(mos)
    for worst, best in ((0.0, 1.0), (1.0, 5.0), (0.0, 10.0), (0.0, 100.0), (-3.0, 0.0)):
        if worst <= low and high <= best:
            return worst, best
    return low, high


def _columns(names: Sequence[str]) -> dict[str, str]:
    plain = {re.sub(r"[^a-z0-9]", "", name.lower()): name for name in reversed(names) if name}
    found: dict[str, str] = {}
    for what, known in _NAMES.items():
        match = next((plain[name] for name in known if name in plain), None)
        if match is not None and match not in found.values():
            found[what] = match
    return found
