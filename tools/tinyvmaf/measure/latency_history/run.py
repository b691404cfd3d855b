"""One run of the latency benchmark: what was measured, of which commit, on what."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, Literal, NoReturn

from tinyvmaf.measure.environment import AT_FORMAT, Machine, Versions

# jsonschema is imported where it is used: most commands do not need it.

Ratio = Literal["floor", "svr", "baseline"]
"""The model's time over that of another graph, measured in turns in one process: of an Identity, of the teacher's SVR
as ONNX, or of the stored baseline model of the same id."""

RATIOS: Final[tuple[Ratio, ...]] = ("floor", "svr", "baseline")

# A year has 3e16 nanoseconds; the bound keeps infinity out, which JSON has as 1e999.
_POSITIVE: Final = {"type": "number", "exclusiveMinimum": 0, "maximum": 1e18}
_COUNT: Final = {"type": "integer", "minimum": 1, "maximum": 10**18}
_MAYBE_NONE: Final = _COUNT | {"minimum": 0}
_WORD: Final = {"type": "string", "minLength": 1}
_SAID: Final = 300


def _or_null(schema: Mapping[str, object]) -> dict[str, object]:
    return dict(schema) | {"type": [schema["type"], "null"]}


def _hex(digits: int) -> dict[str, object]:
    # The length is said twice because Python's `$` lets a line break pass.
    return {"type": "string", "pattern": f"^[0-9a-f]{{{digits}}}$", "maxLength": digits}


def _record(**properties: object) -> dict[str, object]:
    return {
        "type": "object",
        "required": list(properties),
        "additionalProperties": False,
        "properties": properties,
    }


def _table(of: object, pattern: str) -> dict[str, object]:
    return {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": pattern},
        "additionalProperties": of,
    }


RUN_SCHEMA: Final[dict[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "tinyvmaf latency run",
    **_record(
        schema={"const": 1},
        at={"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"},
        commit=_or_null(_hex(40)),
        dirty={"type": ["boolean", "null"]},
        machine=_record(id=_hex(12), cpu=_WORD, cores=_COUNT, os=_WORD),
        versions=_record(tinyvmaf=_WORD, python=_WORD, onnxruntime=_WORD, numpy=_WORD),
        models=_table(
            _record(
                sha256=_hex(64),
                bytes=_COUNT,
                nodes=_COUNT,
                multiply_adds=_MAYBE_NONE,
                creation_ms=_POSITIVE,
                peak_kib=_or_null(_MAYBE_NONE),
                batches=_table(
                    _record(ns_a_row=_POSITIVE, floor=_POSITIVE, svr=_POSITIVE, baseline=_or_null(_POSITIVE)),
                    "^[1-9][0-9]*$",
                ),
            ),
            "^[A-Za-z0-9][A-Za-z0-9._-]*$",
        ),
    ),
}
"""A line of a history: one run, by this schema, and its numbers finite."""


@dataclass(frozen=True)
class Batch:
    """What was measured of a model with batches of one size."""

    ns_a_row: float
    """Nanoseconds."""
    floor: float
    """Ratio: see `Ratio`."""
    svr: float
    baseline: float | None
    """None where no baseline of this id is stored."""


@dataclass(frozen=True)
class ModelRun:
    """What was measured of a model."""

    sha256: str
    bytes: int
    """Of the model file."""
    nodes: int
    multiply_adds: int
    """Of matrix products, for one row; a model may have none."""
    creation_ms: float
    """Milliseconds that it takes to make a session."""
    peak_kib: int | None
    """The most memory in use, in KiB; None where that is not known."""
    batches: Mapping[int, Batch]
    """By rows in a batch."""


@dataclass(frozen=True)
class Run:
    """One run of the benchmark: a line of a history."""

    at: str
    """When, in UTC, as `2026-11-21T13:00:00Z`."""
    commit: str | None
    """sha of 40 hex digits; None where that is not known."""
    dirty: bool | None
    """Whether tracked files differed from the commit."""
    machine: Machine
    versions: Versions
    models: Mapping[str, ModelRun]
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


def to_line(run: Run) -> str:
    """The run as JSON in one line, without a line break.

    Raises:
        ValueError: the run is not by `RUN_SCHEMA`; says where.
    """
    content = {"schema": 1, **asdict(run)}
    for model in content["models"].values():
        model["batches"] = {str(rows): batch for rows, batch in model["batches"].items()}
    line = json.dumps(content, separators=(",", ":"))
    from_line(line)
    return line


def from_line(line: str | bytes) -> Run:
    """The run that a line of JSON (bytes: in UTF-8) says.

    Raises:
        ValueError: the line is not JSON or not by `RUN_SCHEMA`; says where and what is wrong.
    """
    text = line if isinstance(line, str) else line.decode()
    try:
        content = json.loads(text, parse_constant=_no_number, object_pairs_hook=_once)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    _validate(content)
    try:
        datetime.strptime(content["at"], AT_FORMAT)
    except ValueError as error:
        raise ValueError(f"at: {error}") from None
    return Run(
        content["at"],
        content["commit"],
        content["dirty"],
        Machine(**content["machine"]),
        Versions(**content["versions"]),
        {name: _model(model) for name, model in content["models"].items()},
    )


def _model(content: Mapping[str, Any]) -> ModelRun:
    batches = {int(rows): Batch(**batch) for rows, batch in content["batches"].items()}
    return ModelRun(**{**content, "batches": batches})


def _validate(content: object) -> None:
    import jsonschema

    if isinstance(content, dict) and content.get("schema", 1) != 1:
        raise ValueError(f"schema is {content['schema']!r}: this tinyvmaf knows 1")
    validator = jsonschema.Draft202012Validator(RUN_SCHEMA)
    error = jsonschema.exceptions.best_match(validator.iter_errors(content))
    if error is not None:
        # A message begins with what is wrong, which may be a whole file on one line.
        said = error.message if len(error.message) <= _SAID else f"{error.message[:_SAID]}…"
        raise ValueError(f"{'/'.join(map(str, error.absolute_path)) or 'the top'}: {said}")


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number in JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError(f"a name is there twice, of {', '.join(name for name, _ in pairs)}")
    return content
