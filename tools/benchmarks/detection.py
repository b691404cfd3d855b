"""Which is the least that a gate sees? `python detection.py [--out FILE.svg] [--jobs N]`.

`tinyvmaf_nano` under many names in a registry of its own, each with its weights, scores or features off by a little
more than the one before, through the gates themselves, in one run: golden (without libvmaf's part), contract, loso, and
two engines of backends. Its recipe is not fitted anew: it sees no clip and gives the registered file, which stands in
for the fit. Printed, as Markdown: the least size at which a gate is red, with a star where it is not at a larger one.
Some minutes on two cores; with matplotlib (extra `plots`) `--out` draws it.
"""

import argparse
import json
import os
import runpy
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from tinyvmaf.files import home
from tinyvmaf.measure.charts import SOURCES, file_figure, save
from tinyvmaf.model import registry
from tinyvmaf.model.sidecar import graph_facts, read_sidecar

BREAKS = runpy.run_path(str(home() / "suites/selftest/breaks.py"))
Made, nothing, noise, in_front, before_clip, after_clip, add = (
    BREAKS[name] for name in ("Made", "nothing", "noise", "in_front", "before_clip", "after_clip", "add")
)
MODEL, GOOD = "tinyvmaf_nano", "good"
FITTED = f"""
from tinyvmaf.files import home
import tinyvmaf.measure.agreement.bootstrap as _b
_b.cluster_bootstrap.__kwdefaults__['resamples'] = 20
def fold_models(request, store):
    return [FoldModel(None, 0, (home() / "model/{MODEL}.onnx").read_bytes())]
"""
Break = Callable[[Any, float], None]


def grid(least: int, most: int) -> list[float]:
    """1, 3, 10, 30, ... from a power of ten to another."""
    return [float(f"{digit}e{power}") for power in range(least, most) for digit in (1, 3)] + [float(f"1e{most}")]


def feature_noise(made: Any, size: float) -> None:
    """Each feature off by up to a part of itself: what its digits behind the fourth say, as a hash would."""
    nodes = made.model.graph.node
    far = add(made, "Mul", ["features", 54321.0], "far", at=0)
    part = add(made, "Sub", [far, add(made, "Floor", [far], "whole", at=1)], "part", at=2)
    off = add(made, "Mul", [add(made, "Sub", [part, 0.5], "around", at=3), float(2 * size)], "off", at=4)
    noisy = add(made, "Add", ["features", add(made, "Mul", ["features", off], "much", at=5)], "noisy", at=6)
    nodes[7].input[0] = noisy


KINDS: dict[str, tuple[str, list[float], Break]] = {
    "noise": ("noise of the weights, part of each", grid(-7, 0), noise),
    "offset": ("offset, points", grid(-6, 1), lambda made, size: before_clip(made, ("Add", size))),
    "behind": ("offset behind the clip, points", grid(-6, 1), lambda made, size: after_clip(made, "Add", size)),
    "scale": ("scale, part of the score", grid(-7, -1), lambda made, size: before_clip(made, ("Mul", 1.0 + size))),
    "normalisation": (
        "features scaled, part of each",
        grid(-7, 0),
        lambda made, size: in_front(made, ("Mul", np.float32(1.0 + size))),
    ),
    "features": ("noise of the features, part of each", grid(-7, 0), feature_noise),
}
GATES = {
    "golden.record": "golden.record",
    "backends.ulp": "backends.ulp",
    "sidecar.": "its promises",
    "loso.frame_max_error": "loso.frame_max_error",
    "golden.near": "golden.near",
    "loso.plcc": "loso.plcc",
    "loso.srocc": "loso.srocc",
    "contract.range": "contract.range_*",
}


def edited(path: Path, old: str, new: str) -> None:
    """Change a file of the copy."""
    text = path.read_text(encoding="utf-8")
    if old not in text:
        raise SystemExit(f"{path} has no {old!r} any more")
    path.write_text(text.replace(old, new), encoding="utf-8")


def write(copy: Path) -> None:
    """A copy of the checkout with every candidate registered, and the good model's record for each."""
    for name in ("suites", "fixtures", "model"):
        shutil.copytree(home() / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "selftest"))
    for name in ("conftest.py", "gates.toml", "pyproject.toml"):
        shutil.copy(home() / name, copy)
    edited(copy / "suites/contract/test_contract.py", "\nEXAMPLES = 100\n", "\nEXAMPLES = 3\n")
    with (copy / "suites/loso/conftest.py").open("a", encoding="utf-8") as file:
        file.write(FITTED)
    folder, records = copy / "model", copy / "fixtures/golden/records"
    record = json.loads((records / f"{MODEL}.json").read_text(encoding="utf-8"))
    listed = json.loads((folder / "registry.json").read_text(encoding="utf-8"))["models"]
    yardstick = [one for one in listed if one["id"].endswith("_svr")]
    (folder / "registry.json").write_text(json.dumps({"schema": 1, "models": yardstick}), encoding="utf-8")
    for old in records.glob("tinyvmaf_*.json"):
        old.unlink()
    candidates: dict[str, Callable[[Any], None]] = {GOOD: nothing}
    for kind, (_, sizes, make) in KINDS.items():
        candidates |= {f"{kind}_{size:g}": partial(make, size=size) for size in sizes}
    said = read_sidecar(home() / f"model/{MODEL}.json").as_dict()
    for name, change in candidates.items():
        made = Made(onnx.load(home() / f"model/{MODEL}.onnx"), {})
        change(made)
        data = made.model.SerializeToString(deterministic=True)
        promised = {key: value for key, value in said["promised"].items() if key != "worst_difference"}
        kept = {key: value for key, value in said.items() if key not in (*graph_facts(data), "id")}
        registry.register(name, data, kept | {"promised": promised}, "card", folder)
        (records / f"{name}.json").write_text(json.dumps(record | {"model": name}), encoding="utf-8")


def judge(copy: Path, jobs: int) -> dict[str, set[str]]:
    """The gates that are red, by candidate."""
    suites = ("golden/test_models.py", "contract", "loso", "backends")
    command = [sys.executable, "-m", "pytest", *(f"suites/{suite}" for suite in suites), "-n", str(jobs), "-q"]
    command += ["--engine", "onnxruntime-cpu", "--engine", "numpy", "-k", "not backends or agrees", "--tb=native"]
    command += ["-p", "no:cacheprovider"]
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("TINYVMAF_", "PYTEST_"))}
    with (copy / "log.txt").open("w", encoding="utf-8") as log:
        subprocess.run(command, cwd=copy, env=variables, stdout=log, stderr=subprocess.STDOUT, check=False)
    try:
        verdict = json.loads((copy / "report/verdict.json").read_text(encoding="utf-8"))
    except OSError as error:
        raise SystemExit(f"no verdict: {error}\n{(copy / 'log.txt').read_text(encoding='utf-8')[-3000:]}") from error
    judged = {outcome["model"] for outcome in verdict["outcomes"]}
    red: dict[str, set[str]] = {name: set() for name in judged}
    for failure in verdict["failures"]:
        red.setdefault(failure["model"], set()).update(failure["gates"])
    if red[GOOD]:
        raise SystemExit(f"the unchanged model is red: {red[GOOD]}")
    return red


def least(kind: str, gate: str, red: dict[str, set[str]]) -> tuple[float, bool] | None:
    """The least size at which a gate is red, and whether it is at all larger ones; None if it is at none."""
    sizes = KINDS[kind][1]
    found = [size for size in sizes if any(name.startswith(gate) for name in red[f"{kind}_{size:g}"])]
    return (found[0], found == sizes[sizes.index(found[0]) :]) if found else None


def table(red: dict[str, set[str]]) -> str:
    """Markdown: a line a kind of change, a column a gate."""
    lines = [
        f"| off by | {' | '.join(f'`{t}`' if '.' in t else t for t in GATES.values())} |",
        "|---" * (len(GATES) + 1) + "|",
    ]
    for kind, (what, sizes, _) in KINDS.items():
        cells = [least(kind, gate, red) for gate in GATES]
        shown = ["-" if one is None else f"{one[0]:g}{'' if one[1] else ' *'}" for one in cells]
        lines.append(f"| {what}, up to {sizes[-1]:g} | {' | '.join(shown)} |")
    return "\n".join(lines)


def draw(red: dict[str, set[str]], path: Path) -> None:
    """A row a kind of change, a mark a gate, where it becomes red."""
    figure = file_figure(9, 4)
    axis = figure.subplots()
    for number, (gate, text) in enumerate(GATES.items()):
        found = [(least(kind, gate, red), row) for row, kind in enumerate(KINDS)]
        marks = [(one[0], row - 0.3 + 0.085 * number) for one, row in found if one is not None]
        axis.scatter(*zip(*marks, strict=True) if marks else ([], []), s=42, color=SOURCES[number], label=text)
    for row, (_, sizes, _) in enumerate(KINDS.values()):
        axis.plot([sizes[0], sizes[-1]], [row, row], color="#d5dbe3", linewidth=22, solid_capstyle="butt", zorder=0)
    axis.set(
        xscale="log",
        xlabel="the least change at which the gate is red; grey: what was tried",
        yticks=range(len(KINDS)),
        yticklabels=[what for what, _, _ in KINDS.values()],
    )
    axis.invert_yaxis()
    axis.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    save(figure, path, dpi=110)
    print(path)


def main() -> int:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, metavar="FILE", help="PNG or SVG")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="processes side by side")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tinyvmaf-detection-") as scratch:
        copy = Path(scratch) / "copy"
        copy.mkdir()
        write(copy)
        red = judge(copy, arguments.jobs)
    print(table(red))
    if arguments.out:
        draw(red, arguments.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
