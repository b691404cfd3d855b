"""What a run of gates found, as data: `verdict.json`, and the one rule by which it becomes a verdict.

A run of pytest makes one record. `tinyvmaf gate` joins those of its two runs, so that there is one verdict over both.
What only pictures need stands apart, in `evidence.json`.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tinyvmaf.errors import TinyvmafError
from tinyvmaf.files import write_atomic
from tinyvmaf.judge.outcomes import Outcome

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

_TEXT: Final = {"type": "string"}
_MAYBE: Final = {"type": ["string", "null"]}
_NUMBER: Final = {"type": ["number", "null"]}
_COUNT: Final = {"type": "integer", "minimum": 0}


def _table(optional: Sequence[str] = (), **properties: Any) -> dict[str, Any]:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "required": required, "additionalProperties": False, "properties": properties}


def _list(of: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": of}


_SAID: Final = _table(suite=_MAYBE, model=_MAYBE, test=_MAYBE, text=_TEXT)
_VERDICTS: Final = {"enum": list(EXIT)}

SCHEMA: Final[dict[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "tinyvmaf verdict",
    **_table(
        schema={"const": 1},
        verdict=_VERDICTS,
        exit_status={"type": "integer"},
        summary=_TEXT,
        started=_TEXT,
        seconds={"type": "number", "minimum": 0},
        command=_TEXT,
        tinyvmaf=_table(version=_TEXT, commit=_MAYBE, dirty={"type": ["boolean", "null"]}),
        environment=_table(
            python=_TEXT,
            system=_TEXT,
            cpu=_TEXT,
            cores=_COUNT,
            packages={"type": "object", "additionalProperties": _TEXT},
            header=_list(_TEXT),
        ),
        suites=_list(_TEXT),
        counts=_table(
            outcomes=_COUNT, values=_COUNT, failed=_COUNT, waived=_COUNT, could_not_run=_COUNT, not_checked=_COUNT
        ),
        models=_list(
            _table(
                id=_TEXT,
                verdict=_VERDICTS,
                path=_TEXT,
                sha256=_MAYBE,
                bytes={"type": ["integer", "null"]},
                tier=_MAYBE,
                teacher=_MAYBE,
                recipe=_MAYBE,
                registered={"type": "boolean"},
                adaptor=_list(_TEXT),
                measured={"type": "object", "additionalProperties": {"type": "number"}},
                promised={"type": "object", "additionalProperties": {"type": "number"}},
            )
        ),
        outcomes=_list(
            _table(
                test=_TEXT,
                suite=_TEXT,
                model=_MAYBE,
                gate=_TEXT,
                metric=_TEXT,
                bound=_TEXT,
                value=_NUMBER,
                unit=_TEXT,
                direction={"enum": ["at most", "at least"]},
                subject=_TEXT,
                count=_COUNT,
                failures=_COUNT,
                status={"enum": ["pass", "fail", "waived"]},
                max_difference=_NUMBER,
                worst=_list(
                    _table(label=_TEXT, expected=_NUMBER, got=_NUMBER, difference=_NUMBER, accepted={"type": "boolean"})
                ),
                reason=_TEXT,
                source=_TEXT,
                reproduce=_TEXT,
                details=_TEXT,
            )
        ),
        failures=_list(_table(suite=_MAYBE, model=_MAYBE, test=_MAYBE, gates=_list(_TEXT), text=_TEXT)),
        could_not_run=_list(_SAID),
        not_checked=_list(_SAID),
        notes=_list(_SAID),
        waivers=_list(
            _table(
                model=_TEXT,
                gate=_TEXT,
                reason=_TEXT,
                owner=_TEXT,
                expires=_TEXT,
                up_to=_NUMBER,
                state={"enum": ["used", "unused", "expired", "not asked"]},
            )
        ),
        tests=_list(
            _table(
                test=_TEXT,
                suite=_TEXT,
                model=_MAYBE,
                seconds={"type": "number"},
                status={"enum": ["pass", "fail", "waived", "could not run", "not checked"]},
            )
        ),
    ),
}
"""What `verdict.json` looks like. A number that is not finite is null. `outcomes` are the comparisons, `failures` what
a person reads of the tests that failed; `test` is pytest's node id, and null for what was found outside of any test."""


def said(suite: str | None, model: str | None, test: str | None, text: str) -> dict[str, Any]:
    """An entry of `could_not_run`, `not_checked` or `notes`."""
    return {"suite": suite, "model": model, "test": test, "text": text}


def of_outcome(outcome: Outcome, *, test: str, suite: str, model: str | None, waived: bool) -> dict[str, Any]:
    """An entry of `outcomes`."""
    gate = outcome.gate
    worst = [
        {
            "label": row.label,
            "expected": _finite(row.expected),
            "got": _finite(row.got),
            "difference": _finite(row.difference),
            "accepted": bool(row.accepted),
        }
        for row in outcome.worst
    ]
    return {
        "test": test,
        "suite": suite,
        "model": model,
        "gate": gate.name,
        "metric": gate.metric,
        "bound": gate.bound(),
        "value": _finite(gate.value),
        "unit": gate.unit,
        "direction": gate.direction,
        "subject": outcome.subject,
        "count": outcome.count,
        "failures": outcome.failures,
        "status": "waived" if waived else "fail" if outcome.failed else "pass",
        "max_difference": _finite(outcome.max_difference),
        "worst": worst,
        "reason": gate.reason,
        "source": gate.source,
        "reproduce": outcome.reproduce,
        "details": outcome.details,
    }


def empty(facts: Mapping[str, Any]) -> dict[str, Any]:
    """A record of nothing so far.

    Args:
        facts: `started`, `command`, `tinyvmaf`, `environment`, `models` and `waivers` of the schema.
    """
    lists = ("suites", "outcomes", "failures", "could_not_run", "not_checked", "notes", "tests")
    return {"schema": 1, "seconds": 0.0, **facts, **{name: [] for name in lists}}


def join(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What several runs on the same models found, as one record without a verdict yet.

    Raises:
        TinyvmafError: no part, or parts that are not of the same models.
    """
    if not parts:
        raise TinyvmafError("no run to give a verdict on")
    whole = dict(parts[0])
    for part in parts[1:]:
        if [m["id"] for m in part["models"]] != [m["id"] for m in whole["models"]]:
            raise TinyvmafError("the runs are not of the same models")
        for name in ("suites", "outcomes", "failures", "could_not_run", "not_checked", "notes", "tests"):
            whole[name] = _once([*whole[name], *part[name]])
        whole["seconds"] += part["seconds"]
        header = [*whole["environment"]["header"], *part["environment"]["header"]]
        whole["environment"] = whole["environment"] | {"header": _once(header)}
        used = {(w["model"], w["gate"]) for w in part["waivers"] if w["state"] == "used"}
        whole["waivers"] = [w | {"state": "used"} if (w["model"], w["gate"]) in used else w for w in whole["waivers"]]
    return whole


def finish(
    record: Mapping[str, Any], *, strict: bool = False, stopped: bool = False, selected: bool = False
) -> dict[str, Any]:
    """The record with its verdict.

    FAIL if anything is outside a bound, and for a waiver that is expired or that nothing needed; COULD NOT RUN if a
    gate lacked something, or nothing was judged; else PASS.

    Args:
        strict: what was not checked counts as what could not run.
        stopped: the run was broken off, so that there is no verdict.
        selected: only some tests were asked for, so that a waiver may have had no occasion.
    """
    whole = dict(record)
    whole["waivers"] = [w | {"state": _state(w, whole, selected)} for w in record["waivers"]]
    if not stopped:
        whole["failures"] = [*record["failures"], *_waivers_at_fault(whole["waivers"])]
    word = STOPPED if stopped else verdict(whole, strict=strict)
    counts = {
        "outcomes": len(whole["outcomes"]),
        "values": sum(outcome["count"] for outcome in whole["outcomes"]),
        "failed": len(whole["failures"]),
        "waived": sum(test["status"] == "waived" for test in whole["tests"]),
        "could_not_run": len(whole["could_not_run"]),
        "not_checked": len(whole["not_checked"]),
    }
    judged = f"{counts['outcomes']} outcomes on {counts['values']} values, {counts['failed']} failed"
    judged += f", {counts['waived']} waived" if counts["waived"] else ""
    found = judged if counts["outcomes"] or counts["failed"] else "nothing was judged"
    summary = f"none, stopped after {judged}" if stopped else f"{word} ({found})"
    models = [m | {"verdict": STOPPED if stopped else _of_model(m["id"], whole, strict)} for m in whole["models"]]
    ordered = whole | {
        "verdict": word,
        "exit_status": EXIT[word],
        "summary": summary,
        "counts": counts,
        "models": models,
    }
    return {name: ordered[name] for name in SCHEMA["properties"]}


def verdict(record: Mapping[str, Any], *, strict: bool = False) -> str:
    """PASS, FAIL or COULD NOT RUN, of a record or of what it has on one model."""
    if record["failures"] or any(outcome["status"] == "fail" for outcome in record["outcomes"]):
        return FAIL
    incomplete = record["could_not_run"] or not record["outcomes"] or (strict and record["not_checked"])
    return COULD_NOT_RUN if incomplete else PASS


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


def as_text(record: Mapping[str, Any]) -> list[str]:
    """What a person reads at the end of a run: notes, what could not run, what was not checked, the verdict last."""
    lines = [f"  {text}" for text in dict.fromkeys(entry["text"] for entry in record["notes"])]
    waived = [
        f"{w['gate']} of {w['model']} until {w['expires']}, {w['owner']}: {w['reason']}"
        for w in record["waivers"]
        if w["state"] == "used"
    ]
    outside = [failure["text"] for failure in record["failures"] if failure["test"] is None]
    for title, entries in (
        ("FAILED OUTSIDE OF TESTS", outside),
        ("COULD NOT RUN", [entry["text"] for entry in record["could_not_run"]]),
        ("NOT CHECKED", [entry["text"] for entry in record["not_checked"]]),
        ("WAIVED", waived),
    ):
        if entries:
            lines += [f"{title}:", *(f"  - {entry}" for entry in dict.fromkeys(e.splitlines()[0] for e in entries))]
    return [*lines, f"VERDICT: {record['summary']}"]


def check(record: Mapping[str, Any]) -> None:
    """Hold a record against its schema.

    Raises:
        TinyvmafError: it is not by it.
    """
    import jsonschema

    error = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(SCHEMA).iter_errors(record))
    if error is not None:
        raise TinyvmafError(f"verdict.json: at {'/'.join(map(str, error.absolute_path)) or 'the top'}: {error.message}")


def merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Add evidence to evidence: tables within tables; of two other values the later one stands."""
    for name, value in more.items():
        if isinstance(value, Mapping) and isinstance(into.get(name), dict):
            merge(into[name], value)
        else:
            into[name] = value


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _once(entries: Iterable[Any]) -> list[Any]:
    """Each entry once, where it first was."""
    found: dict[str, Any] = {}
    for entry in entries:
        found.setdefault(json.dumps(entry, sort_keys=True), entry)
    return list(found.values())


def _state(waiver: Mapping[str, Any], record: Mapping[str, Any], selected: bool) -> str:
    if waiver["state"] != "unused":
        return str(waiver["state"])
    first = waiver["gate"].partition(".")[0]
    suite = "loso" if first == "sidecar" else first  # which holds a model to its promises
    asked = suite in record["suites"] and not selected
    return "unused" if asked else "not asked"


def _waivers_at_fault(waivers: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    why = {
        "unused": "nothing needed it: take it out",
        "expired": "its last day has passed: mend the model, or decide anew",
    }
    return [
        {
            "suite": None,
            "model": w["model"],
            "test": None,
            "gates": [w["gate"]],
            "text": f"waiver of {w['gate']} for {w['model']} (until {w['expires']}, {w['owner']}): {why[w['state']]}",
        }
        for w in waivers
        if w["state"] in why
    ]


def _of_model(model_id: str, record: Mapping[str, Any], strict: bool) -> str:
    lists = ("outcomes", "failures", "could_not_run", "not_checked")
    return verdict({name: [e for e in record[name] if e["model"] == model_id] for name in lists}, strict=strict)
