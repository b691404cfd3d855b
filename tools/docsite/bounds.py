"""The reference of every gate and bound, from gates.toml and judge/gates.py."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tinyvmaf.files import home
from tinyvmaf.judge.gates import GATES, PLACES, Gate
from tinyvmaf.model.registry import subjects
from tinyvmaf.train.recipes import PROMISES
from tinyvmaf.validation import read_toml

from .text import cell, table

_INTRODUCTION: Final = """\
# Gates and bounds

Made from `gates.toml` and the code when this site was built. A bound of a table for some models, engines, kinds,
teachers or tiers wins over the bound of the gate. A model's sidecar can promise more: [training](/students.md).
How to read a verdict: [reading the gates](/gates.md).
"""


def page() -> str:
    """Every gate: what it measures, its bound, why, and what else may be its bound; then every test of its suite."""
    values = read_toml((home() / "gates.toml").read_bytes())
    tests = json.loads((home() / "tools/tinyvmaf/judge/manifest.json").read_text(encoding="utf-8"))["tests"]
    parts = [_INTRODUCTION]
    for suite in dict.fromkeys([*(name.partition(".")[0] for name in GATES), *_suites(tests)]):
        parts += [f"## {suite}\n", f"The suite: [{suite}](/suites/{suite}.md).\n"]
        parts += [_gate(gate, values) for gate in GATES.values() if gate.name.partition(".")[0] == suite]
        parts.append("### Tests of " + suite + "\n\nA test without a bound holds or does not.\n")
        parts.append("".join(f"- `{suite}.{name}`\n" for name in _tests(suite, tests)))
    parts += ["## sidecar\n", "What a model's sidecar promises of the model itself.\n", *map(_promise, PROMISES)]
    return "\n".join(parts)


def _promise(name: str) -> str:
    metric, direction, unit = PROMISES[name]
    of = [(subject.id, subject.sidecar.promised[name]) for subject in subjects() if name in subject.sidecar.promised]
    rows = [[f"[{model}](/model/{model}.md)", f"{direction} {value:g} {unit}".rstrip()] for model, value in of]
    return f"### sidecar.{name}\n\n{cell(metric)}.\n\n{table(['model', 'promises'], rows)}"


def _suites(tests: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys(name.split("/")[1] for name in tests))


def _tests(suite: str, tests: Mapping[str, Any]) -> list[str]:
    names = [name.partition("::")[2] for name in tests if name.split("/")[1] == suite]
    return list(dict.fromkeys(re.sub(r"^test_", "", name.partition("[")[0]) for name in names))


def _gate(gate: Gate, values: Mapping[str, Any]) -> str:
    suite, _, name = gate.name.partition(".")
    entry = values[suite][name]
    metric = cell(f"{gate.metric[0].upper()}{gate.metric[1:]}.")
    bounds = [_bound(gate, label, one) for label, one in _tables(gate.name, entry)]
    allowed = f"{gate.lowest:g} to {gate.highest:g} {gate.unit}".rstrip()
    whole = ", a whole number" if gate.whole and gate.unit != PLACES else ""
    some = f" It can be set for a {' or '.join(gate.selectors)}." if gate.selectors else ""
    return "\n".join([f"### {gate.name}\n", f"{metric} A bound is {allowed}{whole}.{some}\n", *bounds, ""])


def _bound(gate: Gate, label: str, entry: Mapping[str, Any]) -> str:
    words = cell(gate.words(entry["value"]))
    return f"- `{label}`: **{words}**: {cell(entry['reason'])}. Source: {cell(entry['source'])}."


def _tables(name: str, entry: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each table with a value, the gate's own first."""
    if "value" in entry:
        yield name, entry
    for key, inner in entry.items():
        if isinstance(inner, dict):
            yield from _tables(f"{name}.{key}", inner)
