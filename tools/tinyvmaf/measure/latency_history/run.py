"""One run of the latency benchmark: what was measured, of which commit, on what."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidationError

from tinyvmaf.measure.environment import AT_FORMAT, Machine, Versions
from tinyvmaf.validation import STRICT, Sha256, brief, explain, read_json

Ratio = Literal["floor", "svr", "baseline"]
"""The model's time over that of another graph, measured in turns in one process: of an Identity, of the teacher's SVR
as ONNX, or of the stored baseline model of the same id."""

RATIOS: Final[tuple[Ratio, ...]] = ("floor", "svr", "baseline")

# A year has 3e16 nanoseconds; the bound keeps infinity out, which JSON has as 1e999.
_Positive = Annotated[float, Field(gt=0, le=1e18)]
_Count = Annotated[int, Field(ge=1, le=10**18)]
_MaybeNone = Annotated[int, Field(ge=0, le=10**18)]
_Id = Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9._-]*$")]


def _rows(key: object) -> object:
    if isinstance(key, str) and re.fullmatch("[1-9][0-9]*", key):  # as JSON has it
        return int(key)
    raise ValueError("it must be a number of rows")


def _time(at: str) -> str:
    datetime.strptime(at, AT_FORMAT)
    return at


@dataclass(frozen=True)
class Batch:
    """What was measured of a model with batches of one size."""

    ns_a_row: _Positive
    """Nanoseconds; of a model that takes pictures, for one of 1080p."""
    floor: _Positive
    """Ratio: see `Ratio`."""
    svr: _Positive | None
    """None of a model that takes pictures."""
    baseline: _Positive | None
    """None where no baseline of this id is stored."""
    intervals: Mapping[Ratio, tuple[_Positive, _Positive]] | None = None
    """The 99 % interval of each ratio that has one; None in lines of a tinyvmaf that did not keep them."""


@dataclass(frozen=True)
class ModelRun:
    """What was measured of a model."""

    sha256: Sha256
    bytes: _Count
    """Of the model file."""
    nodes: _Count
    multiply_adds: _MaybeNone
    """Of matrix products and convolutions, for one row or one picture of 1080p; a model may have none."""
    creation_ms: _Positive
    """Milliseconds that it takes to make a session."""
    peak_kib: _MaybeNone | None
    """The most memory in use, in KiB; None where that is not known."""
    batches: Annotated[Mapping[Annotated[int, BeforeValidator(_rows)], Batch], Field(min_length=1)]
    """By rows, or pictures, in a batch."""


@dataclass(frozen=True)
class Run:
    """One run of the benchmark: a line of a history."""

    __pydantic_config__ = STRICT
    at: Annotated[str, AfterValidator(_time)]
    """When, in UTC, as `2026-11-21T13:00:00Z`."""
    commit: Annotated[str, Field(pattern="^[0-9a-f]{40}$")] | None
    """sha of 40 hex digits; None where that is not known."""
    dirty: bool | None
    """Whether tracked files differed from the commit."""
    machine: Machine
    versions: Versions
    models: Annotated[Mapping[_Id, ModelRun], Field(min_length=1)]
    """By id."""

    def label(self) -> str:
        """The commit in 10 digits, with a `+` if files differed from it."""
        return "unknown" if self.commit is None else self.commit[:10] + "+" * bool(self.dirty)

    def ratio(self, model: str, batch: int, ratio: Ratio) -> float | None:
        """A ratio, or None if it was not measured in this run."""
        if model not in self.models or batch not in self.models[model].batches:
            return None
        value: float | None = getattr(self.models[model].batches[batch], ratio)
        return value

    def interval(self, model: str, batch: int, ratio: Ratio) -> tuple[float, float] | None:
        """The 99 % interval of a ratio, or None if it is not known."""
        if self.ratio(model, batch, ratio) is None:
            return None
        return (self.models[model].batches[batch].intervals or {}).get(ratio)


_RUN: Final = TypeAdapter(Run)


def to_line(run: Run) -> str:
    """The run as JSON in one line, without a line break.

    Raises:
        ValueError: it is not a run; says where.
    """
    content = _RUN.dump_python(run, mode="json")
    for batch in (one for model in content["models"].values() for one in model["batches"].values()):
        if batch["intervals"] is None:
            del batch["intervals"]
    line = json.dumps({"schema": 1, **content}, separators=(",", ":"))
    from_line(line)
    return line


def from_line(line: str | bytes) -> Run:
    """The run in a line of JSON (bytes: in UTF-8).

    Raises:
        ValueError: the line is not JSON, or not a run; says where and what is wrong.
    """
    content = read_json(line)
    if isinstance(content, dict) and (version := content.pop("schema", None)) != 1:
        raise ValueError(f"schema is {brief(version)}; this tinyvmaf knows 1")
    try:
        return _RUN.validate_json(json.dumps(content))  # JSON, where keys are text and tables may become dataclasses
    except ValidationError as error:
        message, hint = explain(error, Run, content)
        raise ValueError(message if hint is None else f"{message} ({hint})") from None
