"""The rule by which what a run found becomes a verdict.

A run of pytest makes one record. `tinyvmaf gate` joins the records of its two runs into one.
A record is a dictionary with the fields of `tinyvmaf.judge.verdict.Verdict`, before they are all there.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from tinyvmaf.errors import TinyvmafError, nearest
from tinyvmaf.judge import answer, own_bounds
from tinyvmaf.judge.gates import GATES
from tinyvmaf.judge.kinds import OWN
from tinyvmaf.judge.reasons import once
from tinyvmaf.judge.verdict import COULD_NOT_RUN, EXIT, FAIL, PASS, STOPPED, SUITES, Verdict

FACTS: Final = ("started", "command", "tinyvmaf", "environment", "models", "waivers")
"""What a record says of its run, whatever the run found."""
_JUDGED: Final = ("pass", "fail", "waived", "could not run")
_OF_OTHERS: Final = ("external",)
"""Suites that need what no checkout has: NOT CHECKED is an answer of theirs."""
_LISTS: Final = ("suites", "outcomes", "failures", "could_not_run", "not_checked", "notes", "tests")


def finding(suite: str | None, model: str | None, test: str | None, text: str) -> dict[str, Any]:
    """An entry of `could_not_run`, `not_checked` or `notes`."""
    return {"suite": suite, "model": model, "test": test, "text": text}


def empty(facts: Mapping[str, Any]) -> dict[str, Any]:
    """A record of nothing so far.

    Args:
        facts: by `FACTS`.
    """
    return {"schema": 2, "seconds": 0.0, **facts, **{name: [] for name in _LISTS}}


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
        for name in _LISTS:
            whole[name] = _once([*whole[name], *part[name]])
        for one, before in zip(part["models"], parts[0]["models"], strict=True):
            if one["sha256"] != before["sha256"]:
                text = f"{one['id']}: its file changed between the suites: {before['sha256']}, then {one['sha256']}"
                whole["could_not_run"].append(finding(None, one["id"], None, text))
        whole["seconds"] += part["seconds"]
        header = [*whole["environment"]["header"], *part["environment"]["header"]]
        whole["environment"] = whole["environment"] | {"header": _once(header)}
        used = {(w["model"], w["gate"]) for w in part["waivers"] if w["state"] == "used"}
        whole["waivers"] = [w | {"state": "used"} if (w["model"], w["gate"]) in used else w for w in whole["waivers"]]
    return whole


def finish(
    record: Mapping[str, Any],
    *,
    strict: bool = False,
    stopped: bool = False,
    selected: bool = False,
    excused: Collection[str] = (),
    suites: Sequence[str] = (),
) -> dict[str, Any]:
    """The record with its verdict.

    FAIL if anything is outside a bound, and for a waiver that is expired or that nothing needed; COULD NOT RUN if a
    gate lacked something, or nothing was judged of a model that was asked for; else PASS.

    Args:
        strict: what was not checked counts as what could not run.
        stopped: the run was broken off, so that there is no verdict.
        selected: only some tests were asked for, so that a waiver may have had no occasion.
        excused: suites that did not run and are not needed for an answer.
        suites: suites that must have judged something, and each model that they are asked of.
    """
    whole = dict(record)
    whole["waivers"] = [w | {"state": _state(w, whole, selected)} for w in record["waivers"]]
    if not (stopped or selected):
        whole["could_not_run"] = [*record["could_not_run"], *_not_judged(whole, suites)]
    if not stopped:
        whole["failures"] = [*record["failures"], *_waivers_at_fault(whole)]
    models = [m | {"verdict": STOPPED if stopped else _of_model(m["id"], whole, strict)} for m in whole["models"]]
    if not stopped and verdict(whole, strict=strict) == PASS:
        whole["could_not_run"] = [
            finding(None, one["id"], None, f"{one['id']}: nothing was judged of it")
            for one in models
            if one["verdict"] == COULD_NOT_RUN
        ]
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
    left_out = [name for name in _wanted(whole, (*SUITES, *OWN)) if name not in (*whole["suites"], *excused)]
    chosen = "chosen tests of " if selected else ""
    partial = f"; {chosen}{_names(whole['suites'])} only, without {_names(left_out)}"
    partial = partial if whole["suites"] and left_out else "; chosen tests only" if selected else ""
    if looser := own_bounds.named(whole["not_checked"]):
        partial += f"; looser bounds than tinyvmaf's: {', '.join(looser)}"
    summary = f"none, stopped after {judged}" if stopped else f"{word} ({found}){partial}"
    ordered = whole | {
        "verdict": word,
        "exit_status": EXIT[word],
        "question": _question(len(models), whole["suites"], left_out, selected),
        "suites_left_out": left_out,
        "summary": summary,
        "counts": counts,
        "models": models,
    }
    ordered["answer"] = answer.answer(ordered)
    return {field.alias or name: ordered[field.alias or name] for name, field in Verdict.model_fields.items()}


def verdict(record: Mapping[str, Any], *, strict: bool = False) -> str:
    """PASS, FAIL or COULD NOT RUN, of a record or of what it has on one model."""
    if record["failures"] or any(outcome["status"] == "fail" for outcome in record["outcomes"]):
        return FAIL
    incomplete = record["could_not_run"] or not record["outcomes"] or (strict and record["not_checked"])
    return COULD_NOT_RUN if incomplete else PASS


def as_text(record: Mapping[str, Any]) -> list[str]:
    """What a person reads at the end of a run: notes, what is lacking, the answer, and last the verdict."""
    lines = [f"  {text}" for text in dict.fromkeys(entry["text"] for entry in record["notes"])]
    waived = [
        f"{w['gate']} of {w['model']} until {w['expires']}, {w['owner']}: {w['reason']}"
        for w in record["waivers"]
        if w["state"] == "used"
    ]
    outside = [failure["text"].splitlines()[0] for failure in record["failures"] if failure["test"] is None]
    for title, entries in (
        ("FAILED OUTSIDE OF TESTS", outside),
        ("COULD NOT RUN", once(record["could_not_run"])),
        ("NOT CHECKED", [entry["text"].splitlines()[0] for entry in record["not_checked"]]),
        ("WAIVED", waived),
    ):
        if entries:
            lines += [f"{title}:", *(f"  - {entry}" for entry in dict.fromkeys(entries))]
    return [*lines, record["answer"], f"VERDICT: {record['summary']}"]


def merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Add evidence to evidence: tables within tables; of two other values the later one stands."""
    for name, value in more.items():
        if isinstance(value, Mapping) and isinstance(into.get(name), dict):
            merge(into[name], value)
        else:
            into[name] = value


def _names(suites: Sequence[str]) -> str:
    return ", ".join(sorted(suites))


def _question(models: int, ran: Sequence[str], left_out: Sequence[str], selected: bool) -> str:
    """What the run answers: whether models may stand in for VMAF, or only what the suites that ran ask."""
    who, verb = ("this model", "Does") if models == 1 else (f"these {models} models", "Do")
    if ran and not left_out and not selected:
        return f"May {who} stand in for VMAF?"
    part = "the chosen tests of " if selected else ""
    return f"{verb} {who} pass {part}{_names(ran) or 'any suite'}?"


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


def _waivers_at_fault(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    why = {"unused": "nothing needed it: ", "expired": "its last day has passed: mend the model, or decide anew"}
    return [
        {
            "suite": None,
            "model": w["model"],
            "test": None,
            "gates": [w["gate"]],
            "text": f"waiver of {w['gate']} for {w['model']} (until {w['expires']}, {w['owner']}): {why[w['state']]}"
            + (_mistyped(w, record) or "take it out" if w["state"] == "unused" else ""),
        }
        for w in record["waivers"]
        if w["state"] in why
    ]


def _mistyped(waiver: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    """What a waiver that nothing needed says wrongly; empty if its gate and model were judged."""
    words = []
    models, gates = {one["id"] for one in record["models"]}, {*GATES, *(one["gate"] for one in record["outcomes"])}
    for what, word, judged in (("model", waiver["model"], models), ("gate", waiver["gate"], gates)):
        if word not in judged:
            near = nearest(word, sorted(judged))
            words.append(f"no {what} {word} was judged" + (f"; did you mean {near}?" if near else ""))
    return ", and ".join(words)


def _of_model(model_id: str, record: Mapping[str, Any], strict: bool) -> str:
    """The verdict on a model; none where nothing was asked of it."""
    lists = ("outcomes", "failures", "could_not_run", "not_checked")
    own = {name: [e for e in record[name] if e["model"] == model_id] for name in lists}
    if not any(own.values()) and all(test["model"] != model_id for test in record["tests"]):
        return STOPPED
    return verdict(own, strict=strict)


def _wanted(whole: Mapping[str, Any], suites: Sequence[str]) -> list[str]:
    """The suites, without those of a kind of which there is no model."""
    return [name for name in suites if name not in OWN or any(name in model["asked"] for model in whole["models"])]


def _not_judged(whole: Mapping[str, Any], suites: Sequence[str]) -> list[dict[str, Any]]:
    """Suites that judged nothing, and models that a suite did not judge: neither is a pass."""
    judged = {
        (test["suite"], test["model"])
        for test in whole["tests"]
        if test["status"] in _JUDGED or test["suite"] in _OF_OTHERS
    }
    ran = {name for name, _ in judged}
    found = [
        finding(name, None, None, f"{name}: no test of it ran") for name in _wanted(whole, suites) if name not in ran
    ]
    for model in whole["models"]:
        found += [
            finding(suite, model["id"], None, f"{suite}: nothing was judged of {model['id']}")
            for suite in suites
            if suite in model["asked"] and (suite, model["id"]) not in judged
        ]
    return found
