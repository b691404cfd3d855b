"""Broken candidates: what is wrong with each, and the gate that must catch it.

Each is `tinyvmaf_nano`, which passes every gate, with one thing wrong: graph, file, sidecar or record. `REGISTERED`
ones are in a valid registry and have the good model's record. `FILE` ones are named by `--model`, with a sidecar of
this project; `ADOPTED` ones with a sidecar as other projects write it. `ELSEWHERE` names the test that catches it.

    python -m suites.selftest.breaks    # prints the table of docs/gates.md
"""

# Each module enters its breaks into the table.
from . import elsewhere, files, interval, registered, stand_ins, third_party
from .making import ADOPTED, ELSEWHERE, ENGINES, FILE, GOOD, NOBODY, REGISTERED, TABLE, Break, Made, nothing, row

TABLE.sort(key=lambda one: (REGISTERED, FILE, ADOPTED, ENGINES, ELSEWHERE).index(one.kind))
__all__ = [
    "ADOPTED",
    "ELSEWHERE",
    "ENGINES",
    "FILE",
    "GOOD",
    "NOBODY",
    "REGISTERED",
    "TABLE",
    "Break",
    "Made",
    "elsewhere",
    "files",
    "interval",
    "nothing",
    "registered",
    "row",
    "stand_ins",
    "third_party",
]
