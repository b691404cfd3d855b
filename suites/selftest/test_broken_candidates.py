"""Broken candidates (breaks/): the gate that is there for a break catches it, and the others are not red for nothing.

Many candidates a run, for a gate's start costs more than a candidate does. A good one runs along in each.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from tinyvmaf.data import dataset
from tinyvmaf.errors import RegistryError
from tinyvmaf.files import file_sha256, home, sha256
from tinyvmaf.model.sidecar import graph_facts, read_sidecar

from .breaks import ADOPTED, ELSEWHERE, ENGINES, FILE, GOOD, NOBODY, REGISTERED, TABLE, Break, Made, nothing, row
from .conftest import Gate, also, short_search

MODEL = "tinyvmaf_nano"
FAIL = 1
JUDGED = ("golden", "contract", "loso")
# Not libvmaf's part of golden, which is about no model.
SUITES = ("golden/test_models.py", "suites/contract", "suites/loso")
# A report's intervals are no verdict, and of each break there is more than one row.
QUICK = """
import tinyvmaf.measure.agreement.bootstrap as _b
import tinyvmaf.measure.standing_in.probes as _p
_p.probes_of.__defaults__ = (10_000, 40)
_b.cluster_bootstrap.__kwdefaults__['resamples'] = 20
"""
# nano's recipe sees no clip, so that one fit serves every fold; and it gives the registered file, as suites/loso says.
FITTED = f"""
import tinyvmaf.measure.loso.trial as _t
from tinyvmaf.files import home
def fitted(request, store):
    return [_t.FoldModel(None, 0, (home() / "model/{MODEL}.onnx").read_bytes())]
_t.fold_models = fitted
"""
# The breaks promise no worst difference, which takes a search of seconds; their recipe does.
WITHOUT_SEARCH = """
import tinyvmaf.judge.registering as _r
def looser(promised, recipe, right=_r.looser_promises):
    return right({"worst_difference": 0.01} | dict(promised), recipe)
_r.looser_promises = looser
"""


@pytest.fixture(autouse=True)
def _quick(copy: Path) -> None:
    """A copy whose gates search less, and every twelfth frame of the corpus."""
    short_search(copy)
    corpus = copy / "fixtures/corpus/features.parquet"
    data = dataset.read(corpus)
    dataset.write(corpus, data.table.filter(np.isin(data.table["frame"].to_numpy() % 12, 0)), data.provenance)
    also(copy / "suites/loso/conftest.py", QUICK, FITTED, WITHOUT_SEARCH)


def of_kind(*kinds: str) -> list[Break]:
    return [one for one in TABLE if one.kind in kinds]


def made(name: str, kind: str) -> Made:
    """The good model with its sidecar, under that id."""
    folder = home() / "model"
    model, sidecar = onnx.load(folder / f"{MODEL}.onnx"), read_sidecar(folder / f"{MODEL}.json").as_dict()
    sidecar.pop("proven_everywhere_points", None)  # of the good model
    if kind == ADOPTED:  # names of its own
        for node in model.graph.node:
            node.input[:] = ["x" if one == "features" else one for one in node.input]
        model.graph.input[0].name = "x"
        return Made(model, {"features": [f"integer_{one}" for one in sidecar["feature_order"]]})
    if kind in (FILE, ENGINES):
        sidecar |= {"training": None, "promised": {}}
    else:
        sidecar["promised"].pop("worst_difference")  # a search of seconds
    return Made(model, sidecar | {"id": name})


def write(one: Made, path: Path) -> None:
    """The files of a candidate; what its sidecar says of the file is true but for its claims."""
    data = one.data if one.data is not None else one.model.SerializeToString(deterministic=True)
    path.write_bytes(data)
    if "schema" in one.sidecar:
        try:
            one.sidecar |= graph_facts(data)
        except RegistryError:
            one.sidecar |= {"sha256": sha256(data), "bytes": max(1, len(data))}
        one.sidecar |= one.claims
    path.with_suffix(".json").write_text(json.dumps(one.sidecar), encoding="utf-8")
    path.with_suffix(".md").write_text("card", encoding="utf-8")


def put(breaks: Iterable[Break], folder: Path, kind: str) -> list[Path]:
    """Write broken candidates, and a good one, each with what is to be done at the end."""
    folder.mkdir(exist_ok=True)
    paths = []
    for name, make in [(GOOD, nothing), *((one.name, one.make) for one in breaks)]:
        one, path = made(name, kind), folder / f"{name}.onnx"
        make(one)
        write(one, path)
        one.after(path)
        paths.append(path)
    return paths


def verdict_of(copy: Path) -> dict[str, Any]:
    return dict(json.loads((copy / "report/verdict.json").read_text(encoding="utf-8")))


def mistakes(verdict: Mapping[str, Any], breaks: Sequence[Break], suites: Sequence[str]) -> list[str]:
    """In what a verdict is not what the table says; empty if it is."""
    found = not_green(verdict, GOOD, suites)
    for one in breaks:
        known = [model for model in verdict["models"] if model["id"] == one.name]
        if not known or known[0]["verdict"] not in ("FAIL", "COULD NOT RUN"):
            found.append(f"{one.name}: verdict {known[0]['verdict'] if known else 'none, it was not judged'}")
        failures = [entry for entry in verdict["failures"] if entry["model"] == one.name]
        lacking = [entry for entry in verdict["could_not_run"] if entry["model"] == one.name]
        if one.gate == NOBODY:
            gates = sorted({gate for entry in failures for gate in entry["gates"]})
            found += [f"{one.name}: failed {gates}, and should not have been judged"] if gates else []
            text = "\n".join(entry["text"] for entry in lacking)
        else:
            caught = [entry for entry in failures if one.gate in entry["gates"]]
            others = sorted({gate for entry in failures for gate in entry["gates"]})
            found += [] if caught else [f"{one.name}: {one.gate} did not catch it; these did: {others}"]
            text = "\n".join(entry["text"] for entry in caught)
        if one.says not in text:
            found.append(f"{one.name}: {one.says!r} is not in: {text[:500]}")
        found += not_green(verdict, one.name, one.green)
    return found


def not_green(verdict: Mapping[str, Any], model: str, suites: Iterable[str]) -> list[str]:
    """Suites that are red or silent about a model."""
    found = []
    for suite in suites:
        mine = [test for test in verdict["tests"] if (test["suite"], test["model"]) == (suite, model)]
        wrong = [test["test"].split("::")[-1] for test in mine if test["status"] not in ("pass", "not checked")]
        judged = [o for o in verdict["outcomes"] if (o["suite"], o["model"], o["status"]) == (suite, model, "pass")]
        if wrong or not judged:
            found.append(f"{model}: {suite} is not green: {wrong or 'nothing was judged'}")
    return found


def test_registered_models_that_are_broken(copy: Path, gate: Gate) -> None:
    """Weights, sidecars, promises, records and the registry itself."""
    breaks, folder = of_kind(REGISTERED), copy / "model"
    records = copy / "fixtures/golden/records"
    record = json.loads((records / f"{MODEL}.json").read_text(encoding="utf-8"))
    kept = [
        one
        for one in json.loads((folder / "registry.json").read_text(encoding="utf-8"))["models"]
        if one["id"].endswith("_svr")
    ]
    for path in records.glob("tinyvmaf_*.json"):
        path.unlink()
    candidates = [(GOOD, nothing), *((one.name, one.make) for one in breaks)]
    entries, ends = [], []
    for name, make in candidates:
        one, path = made(name, REGISTERED), folder / f"{name}.onnx"
        make(one)
        write(one, path)
        (records / f"{name}.json").write_text(json.dumps(record | {"model": name}), encoding="utf-8")
        sidecar = file_sha256(path.with_suffix(".json"))
        entries.append({"id": name, "sha256": file_sha256(path), "sidecar_sha256": sidecar})
        ends.append((one.after, path))
    (folder / "registry.json").write_text(json.dumps({"schema": 1, "models": [*kept, *entries]}), encoding="utf-8")
    for after, path in ends:
        after(path)
    status, text = gate(*SUITES)
    assert status == FAIL, text
    found = mistakes(verdict_of(copy), breaks, JUDGED)
    assert not found, "\n".join(found)


def test_files_that_are_broken(copy: Path, gate: Gate) -> None:
    """Files that nobody registered, some with a sidecar such as others write."""
    own, other = of_kind(FILE), of_kind(ADOPTED)
    paths = [*put(own, copy / "own", FILE), *put(other, copy / "other", ADOPTED)[1:]]
    options = [text for path in paths for text in ("--model", str(path))]
    status, text = gate(*SUITES, *options)
    assert status == FAIL, text
    found = mistakes(verdict_of(copy), [*own, *other], JUDGED)
    assert not found, "\n".join(found)


def test_what_only_engines_tell(copy: Path, gate: Gate) -> None:
    """Files that other gates pass, on two engines and few rows."""
    few = "import tinyvmaf.measure.engine_agreement.inputs as _i\n_i.EXACT_ROWS = _i.OTHER_ROWS = 9_000\n"
    conftest = copy / "suites/backends/conftest.py"
    conftest.write_text(f"{conftest.read_text(encoding='utf-8')}\n{few}_i.LEAST_OF_A_GROUP = 1_000\n", encoding="utf-8")
    breaks = of_kind(ENGINES)
    options = [text for path in put(breaks, copy / "own", ENGINES) for text in ("--model", str(path))]
    options += ["--engine", "onnxruntime-cpu", "--engine", "numpy"]
    options += ["-k", "not backends or agrees or does_not_depend or settings"]
    status, text = gate("backends", f"suites/{SUITES[0]}", *SUITES[1:], *options)
    assert status == FAIL, text
    found = mistakes(verdict_of(copy), breaks, ("backends", *JUDGED))
    assert not found, "\n".join(found)


def test_what_is_caught_elsewhere_is_there() -> None:
    """The tests that the table names."""
    for one in of_kind(ELSEWHERE):
        file, _, name = one.says.partition("::")
        text = Path(__file__).with_name(file).read_text(encoding="utf-8")
        assert re.search(rf"^def {name}\(", text, re.MULTILINE), one.says
        assert text.count(name) > (0 if name.startswith("test_") else 1), f"{name} is not used"


def test_the_table_is_large_and_the_page_has_all_of_it() -> None:
    names = [one.name for one in TABLE]
    assert len(names) == len(set(names)) >= 40
    assert {one.kind for one in TABLE} == {REGISTERED, FILE, ADOPTED, ENGINES, ELSEWHERE}
    assert all(one.what.endswith(".") and "\n" not in one.what for one in TABLE)
    page = (home() / "docs/gates.md").read_text(encoding="utf-8")
    section = page.split("## Broken candidates\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    assert rows == [row(one) for one in TABLE], "python -m suites.selftest.breaks prints the table"
