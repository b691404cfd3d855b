"""Reads logs of libvmaf as they exist: JSON, XML and CSV of all versions, and what other tools wrap around them.

- libvmaf 1: JSON with `params`, XML with `<fyi aggregateVMAF=...>`; values that are not finite are bare `nan`, `inf`.
- libvmaf 2 and 3: JSON with `pooled_metrics`, where `null` stands for a value that is not finite; XML; CSV whose lines
  end with a comma. Release candidates named a column of XML by the model's path, which is not XML.
- Netflix's Python runner: JSON whose frames hold their values themselves.
- ffmpeg-quality-metrics: JSON with a list of frames for each metric, and CSV; it counts frames from 1.
"""

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.data.imported.names import role_of
from tinyvmaf.errors import LogError
from tinyvmaf.vmaf.features import may_be_taken

PARSER: Final = 3
"""Counts the changes of what is read from a log; stored logs of another parser are read again."""
_LISTED: Final = 4
"""Frames that a note names."""
_MOST_FRAMES: Final = 2**31 - 1
_NOT_JSON: Final = re.compile(
    r"([:\[,]\s*)[-+]?(?:(nan|1\.#(?:IND|QNAN))|(inf(?:inity)?|1\.#INF))(?:\([^)]*\))?(?=\s*[,}\]])", re.I
)
_FRAME_TAG: Final = re.compile(r"<frame\b([^<>]*?)(/?)>")
_ATTRIBUTE: Final = re.compile(r"""([^\s=<>"']+)\s*=\s*"([^"<>]*)\"""")
_FRAME_NAMES: Final = ("frameNum", "Frame", "frame", "frame_num", "n")
_COUNTED_FROM_1: Final = "n"
_ENTRY: Final = re.compile(r'\{\s*"frameNum"')


class NotALogError(LogError):
    """The file is nothing that libvmaf wrote."""


@dataclass(frozen=True)
class LogRows:
    """What a log says of its frames, sorted by frame."""

    frame: NDArray[np.int64]
    columns: Mapping[str, NDArray[np.float64]]
    """By the log's own names; NaN where a value is missing or not finite."""
    version: str | None = None
    model: str | None = None
    """The model's file, where libvmaf 1 tells it."""
    cut_off: bool = False
    """The log ends in the middle: later frames are missing."""
    notes: tuple[str, ...] = ()
    """What is odd about the frames, one sentence each."""

    @property
    def step(self) -> int:
        """1, or n of a log with every n-th frame (`n_subsample`)."""
        return _step(self.frame)


def parse_any(data: bytes) -> LogRows:
    """Read a log of any kind.

    Raises:
        NotALogError: not a log of libvmaf at all.
        LogError: a log without a frame that can be read, or one frame with two different contents.
    """
    text = _decoded(data).lstrip("\ufeff \t\r\n")
    if not text:
        raise LogError("is empty")
    if text.startswith("version https://git-lfs"):
        raise LogError("is a pointer of Git LFS, not the log: run git lfs pull")
    if text.startswith(("{", "[")):
        return _json(text)
    if text.startswith("<"):
        return _xml(text)
    return _csv(text)


def _decoded(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace")  # a shell's `>` on Windows
    return data.decode("utf-8", errors="replace")


def _json(text: str) -> LogRows:
    cut_off = False
    try:
        content = _loads(text)
    except ValueError:
        content, cut_off = _rest_of(text), True
    except RecursionError:
        raise NotALogError("is nested too deeply") from None
    if not isinstance(content, dict):
        raise NotALogError("has no frames of libvmaf")
    version = content.get("version")
    parameters = content.get("params")
    model = parameters.get("model") if isinstance(parameters, dict) else None
    return _rows(_json_frames(content), str(version) if version is not None else None, model, cut_off)


def _loads(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return json.loads(_NOT_JSON.sub(lambda m: m[1] + "null", text))


def _rest_of(text: str) -> dict[str, Any]:
    """What stands before the fault of a JSON text: its head, and the frames that are whole."""
    first = _ENTRY.search(text)
    if first is None:
        raise (
            LogError("is cut off or damaged, and no frame can be read")
            if '"VMAF' in text or '"frames"' in text
            else (NotALogError("is not JSON"))
        )
    text = _NOT_JSON.sub(lambda m: m[1] + "null", text)
    decoder, frames = json.JSONDecoder(), []
    for match in _ENTRY.finditer(text):
        try:
            frames.append(decoder.raw_decode(text, match.start())[0])
        except ValueError:
            continue
    version = re.search(r'"version"\s*:\s*"([^"]+)"', text[: first.start()])
    model = re.search(r'"model"\s*:\s*"([^"]+)"', text[: first.start()])
    return {"frames": frames, "version": version and version[1], "params": {"model": model and model[1]}}


def _json_frames(content: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    frames = content.get("frames")
    if isinstance(frames, list):
        for entry in frames:
            if not isinstance(entry, dict) or "frameNum" not in entry:
                continue
            metrics = entry.get("metrics")
            if not isinstance(metrics, dict):
                metrics = {name: value for name, value in entry.items() if name != "frameNum"}
            yield entry["frameNum"], metrics
        return
    merged: dict[int, dict[str, Any]] = {}
    for metric, entries in content.items():
        if metric == "global" or not isinstance(entries, list):
            continue
        for entry in entries:
            if isinstance(entry, dict) and isinstance(entry.get(_COUNTED_FROM_1), int):
                values = merged.setdefault(entry[_COUNTED_FROM_1] - 1, {})
                values |= {name: value for name, value in entry.items() if name != _COUNTED_FROM_1}
    yield from merged.items()


def _xml(text: str) -> LogRows:
    if "<VMAF" not in text and "<frame" not in text:
        raise NotALogError("has no frames of libvmaf")
    head = text[: text.find("<frame ")]
    version = re.search(r'<VMAF\b[^>]*\bversion="([^"]*)"', head)
    model = re.search(r'<params\b[^>]*\bmodel="([^"]*)"', head)
    frames = (dict(_ATTRIBUTE.findall(match[1])) for match in _FRAME_TAG.finditer(text))
    numbered = ((entry.pop("frameNum"), entry) for entry in frames if "frameNum" in entry)
    return _rows(numbered, (version and version[1]) or None, (model and model[1]) or None, "</VMAF>" not in text)


def _csv(text: str) -> LogRows:
    header = text.partition("\n")[0]
    separator = max(",;\t", key=header.count)
    try:
        names = [name.strip() for name in next(csv.reader([header], delimiter=separator), [])]
    except csv.Error as error:  # such as a carriage return among other bytes
        raise NotALogError("is neither JSON, nor XML, nor CSV") from error
    at = next((names.index(name) for name in _FRAME_NAMES if name in names), None)
    if at is None or len(names) < 2:
        raise NotALogError("is neither JSON, nor XML, nor a CSV file with a column Frame")
    try:
        lines = [line for line in csv.reader(io.StringIO(text), delimiter=separator) if any(line)][1:]
    except csv.Error as error:
        raise LogError(f"is no CSV file: {error}") from error
    # libvmaf ends every line, also the first, with a comma: a last line without one is cut off, maybe inside a number.
    ends = separator if header.rstrip("\r ").endswith(separator) else ""
    cut_off = not text.endswith(("\n", "\r")) and not text.endswith(ends)
    if cut_off:
        lines = lines[:-1]
    wide = [line for line in lines if len(line) >= len([name for name in names if name])]
    cut_off |= len(wide) < len(lines)
    shift = 1 if names[at] == _COUNTED_FROM_1 and wide and wide[0][at].strip() == "1" else 0
    entries = ({n: v for n, v in zip(names, line, strict=False) if n and n != names[at]} for line in wide)
    numbers = (_whole(line[at]) for line in wide)
    return _rows(
        ((n - shift, entry) for n, entry in zip(numbers, entries, strict=True) if n is not None), None, None, cut_off
    )


def _rows(
    frames: Iterable[tuple[Any, Mapping[str, Any]]], version: str | None, model: str | None, cut_off: bool
) -> LogRows:
    numbers: list[int] = []
    values: list[Mapping[str, Any]] = []
    for number, metrics in frames:
        whole = number if type(number) is int else _whole(number)
        if whole is None or not 0 <= whole <= _MOST_FRAMES:
            raise LogError(f"has a frame with the number {number!r}")
        numbers.append(whole)
        values.append(metrics)
    if not numbers:
        raise (LogError if cut_off else NotALogError)("has no frame that can be read")
    names = list(dict.fromkeys(name for metrics in values for name in metrics))
    if not names:
        raise LogError("has frames without values")
    read = {name: _column(values, name) for name in names}
    columns = {name: column for name, column in read.items() if column is not None}
    if not columns:
        first = next(value for metrics in values for value in metrics.values() if value is not None)
        comma = isinstance(first, str) and re.fullmatch(r"\s*[-+]?\d+,\d+\s*", first)
        raise LogError(
            f"has no numbers: its first value is {str(first)!r}{'; decimals must follow a point' if comma else ''}"
        )
    frame = np.array(numbers, dtype=np.int64)
    notes: list[str] = []
    order = np.argsort(frame, kind="stable")
    if (np.diff(frame) < 0).any():
        notes.append("its frames are not in order")
    frame, columns = frame[order], {name: column[order] for name, column in columns.items()}
    frame, columns = _once(frame, columns, notes)
    usable = _usable(columns)
    if not usable.all():
        notes.append(f"without numbers, left out: {_listed(frame[~usable])}")
        frame, columns = frame[usable], {name: column[usable] for name, column in columns.items()}
        if not len(frame):
            raise LogError("has no frame with numbers for all features")
    step = _step(frame)
    if step > 1:
        notes.append(f"it has one frame in {step}")
    missing, first = _missing(np.unique(numbers), step)
    if missing:
        notes.append(f"without {_frames(missing, first)}")
    return LogRows(frame, columns, version, model, cut_off, tuple(notes))


def _missing(frame: NDArray[np.int64], step: int) -> tuple[int, list[int]]:
    """How many frames are missing before the last one, and the first few of them."""
    start = frame[0] if step > 1 else 0
    before = np.concatenate([[start - step], frame])
    steps = np.diff(before) // step
    count, first = int((steps - 1).sum()), []
    for at in np.flatnonzero(steps > 1)[:_LISTED]:
        first += [int(before[at]) + step * (1 + i) for i in range(min(int(steps[at]) - 1, _LISTED))]
    return count, first[:_LISTED]


def _listed(frames: NDArray[np.int64]) -> str:
    return _frames(len(frames), [int(frame) for frame in frames[:_LISTED]])


def _frames(count: int, first: list[int]) -> str:
    """`frame 3`, `frames 3, 4 and 9`, or `12 frames, the first 3`."""
    if count > _LISTED:
        return f"{count} frames, the first {first[0]}"
    names = [str(frame) for frame in first]
    return f"frame {names[0]}" if count == 1 else f"frames {', '.join(names[:-1])} and {names[-1]}"


def _column(values: list[Mapping[str, Any]], name: str) -> NDArray[np.float64] | None:
    """A column of numbers; None: it holds something else."""
    found = [metrics.get(name) for metrics in values]
    try:
        column = np.array(found, dtype=np.float64)  # None becomes NaN, and text is converted
    except (TypeError, ValueError):
        column = np.array([_number(value) for value in found])
        if not np.isfinite(column).any() and any(isinstance(value, (str, dict, list)) for value in found):
            return None
    column[~np.isfinite(column)] = np.nan
    return column


def _once(
    frame: NDArray[np.int64], columns: dict[str, NDArray[np.float64]], notes: list[str]
) -> tuple[NDArray[np.int64], dict[str, NDArray[np.float64]]]:
    again = np.flatnonzero(np.diff(frame) == 0) + 1
    if not len(again):
        return frame, columns
    for column in columns.values():
        differs = again[~np.isclose(column[again], column[again - 1], rtol=0, atol=0, equal_nan=True)]
        if len(differs):
            raise LogError(f"has frame {frame[differs[0]]} twice, with different values")
    notes.append(f"twice, with the same values: {_listed(np.unique(frame[again]))}")
    first = np.ones(len(frame), dtype=np.bool_)
    first[again] = False
    return frame[first], {name: column[first] for name, column in columns.items()}


def _usable(columns: Mapping[str, NDArray[np.float64]]) -> NDArray[np.bool_]:
    """Frames with numbers in all columns that a teacher may take or give. PSNR and the like may be infinite."""
    usable = np.ones(len(next(iter(columns.values()))), dtype=np.bool_)
    for name, column in columns.items():
        if (role_of(name) == "score" or may_be_taken(name)) and np.isfinite(column).any():
            usable &= np.isfinite(column)
    return usable


def _step(frame: NDArray[np.int64]) -> int:
    """The step of the frames if all are multiples of it and most have it; else 1."""
    if len(frame) < 3:
        return 1
    steps = np.diff(frame)
    step = int(np.median(steps))
    regular = step > 1 and not (steps % step).any() and (steps == step).mean() > 0.5
    return step if regular else 1


def _whole(text: object) -> int | None:
    try:
        number = float(str(text))
    except ValueError:
        return None
    return int(number) if math.isfinite(number) and number == int(number) else None


def _number(value: object) -> float:
    try:
        return float(value) if isinstance(value, (int, float, str)) else math.nan
    except ValueError:
        return math.nan
