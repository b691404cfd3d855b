"""verdict.json as typed data, and its JSON schema. evidence.json has what only pictures need."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from tinyvmaf.errors import TinyvmafError
from tinyvmaf.files import write_atomic
from tinyvmaf.judge.outcomes import AnyOutcome
from tinyvmaf.validation import parse

PASS: Final = "PASS"
FAIL: Final = "FAIL"
COULD_NOT_RUN: Final = "COULD NOT RUN"
STOPPED: Final = "NONE"
EXIT: Final[Mapping[str, int]] = {PASS: 0, FAIL: 1, COULD_NOT_RUN: 10, STOPPED: 2}
"""The exit status of each verdict."""
VERDICT_FILE: Final = "verdict.json"
EVIDENCE_FILE: Final = "evidence.json"
FILES: Final = (VERDICT_FILE, EVIDENCE_FILE, "index.html", "summary.md", "junit.xml")
"""All that a report consists of; `report` writes the last three."""

SUITES: Final = ("backends", "contract", "corpus", "external", "golden", "latency", "loso", "mcp", "selftest")
"""Only all of them together answer whether a model may stand in for VMAF."""

Word = Literal["PASS", "FAIL", "COULD NOT RUN", "NONE"]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Code(_Part):
    """The code that judged."""

    version: str
    commit: str | None
    dirty: bool | None


class Environment(_Part):
    """The machine, and what is installed on it."""

    python: str
    system: str
    cpu: str
    cores: int = Field(ge=0)
    packages: dict[str, str]
    header: list[str]


class Counts(_Part):
    """How much was judged, and how it went."""

    outcomes: int = Field(ge=0)
    values: int = Field(ge=0)
    failed: int = Field(ge=0)
    waived: int = Field(ge=0)
    could_not_run: int = Field(ge=0)
    not_checked: int = Field(ge=0)


class ModelResult(_Part):
    """A model that was judged, and the verdict on it alone."""

    id: str
    verdict: Word
    path: str
    sha256: str | None
    bytes: int | None
    tier: str | None
    teacher: str | None
    recipe: str | None
    kind: str | None
    """The name of its kind; null if the model has a fault."""
    asked: list[str]
    """The suites that its kind asks something of it."""
    registered: bool
    adaptor: list[str]
    measured: dict[str, Finite]
    promised: dict[str, Finite]


class Failure(_Part):
    """A test that failed, as a person reads it; `test` is null for what was found outside of any test."""

    suite: str | None
    model: str | None
    test: str | None
    gates: list[str]
    text: str


class Finding(_Part):
    """What could not run, was not checked, or was noted."""

    suite: str | None
    model: str | None
    test: str | None
    text: str


class WaiverState(_Part):
    """A waiver, and what became of it."""

    model: str
    gate: str
    reason: str
    owner: str
    expires: str
    up_to: Finite | None
    state: Literal["used", "unused", "expired", "not asked"]


class TestResult(_Part):
    """A test that ran; `test` is pytest's node id."""

    __test__ = False

    test: str
    suite: str
    model: str | None
    seconds: Finite
    status: Literal["pass", "fail", "waived", "could not run", "not checked"]


class Verdict(_Part):
    """verdict.json. A number that is not finite is null in it."""

    schema_: Literal[2] = Field(alias="schema")
    verdict: Word
    exit_status: int
    question: str
    summary: str
    answer: str = ""
    """What was found, in one sentence with its numbers."""
    started: str
    seconds: Finite = Field(ge=0)
    command: str
    tinyvmaf: Code
    environment: Environment
    suites: list[str]
    suites_left_out: list[str]
    counts: Counts
    models: list[ModelResult]
    outcomes: list[AnyOutcome]
    failures: list[Failure]
    could_not_run: list[Finding]
    not_checked: list[Finding]
    notes: list[Finding]
    waivers: list[WaiverState]
    tests: list[TestResult]


def schema() -> dict[str, Any]:
    """The JSON schema of verdict.json."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Verdict.model_json_schema(by_alias=True)}


def check(record: Mapping[str, Any]) -> None:
    """Hold a record against its schema.

    Raises:
        TinyvmafError: it is not by it.
    """
    parse(Verdict, record, VERDICT_FILE, TinyvmafError)


def write(folder: Path, record: Mapping[str, Any], evidence: Mapping[str, Any]) -> None:
    """Write `verdict.json` and `evidence.json` whole.

    Raises:
        TinyvmafError: the folder cannot be written to, or the record is not by its schema.
    """
    check(record)
    try:
        write_atomic(folder / EVIDENCE_FILE, json.dumps(evidence, allow_nan=False) + "\n")
        write_atomic(folder / VERDICT_FILE, json.dumps(record, indent=1, allow_nan=False) + "\n")
    except OSError as error:
        raise TinyvmafError(f"{folder}: {error.strerror}", hint="--report DIR: where results go") from error
