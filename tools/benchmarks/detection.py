"""The smallest error that each gate detects: python detection.py [--out FILE.svg] [--jobs N]

Makes many variants of `tinyvmaf_nano` whose weights, scores or features have errors of growing size, and runs the gates
on them: golden (without the checks of libvmaf), contract, loso, and backends with two engines. Fits are replaced by the
registered file. Prints a Markdown table of the least error at which each gate fails; a star means that the gate passes
at a larger error. Takes some minutes on two cores. `--out` draws a chart with matplotlib (extra `plots`).
"""

import argparse
import json
import os
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

sys.path.insert(0, str(home()))  # the checkout: suites are no part of the package
from suites.selftest.breaks.making import Made, add, after_clip, before_clip, in_front, noise, nothing

MODEL, GOOD = "tinyvmaf_nano", "good"
FITTED = f"""
from tinyvmaf.files import home
import tinyvmaf.measure.agreement.bootstrap as _b
import tinyvmaf.train.folds as _f
_b.cluster_bootstrap.__kwdefaults__['resamples'] = 20
_f._fit = lambda *_: [_f.FoldModel(None, 0, (home() / "model/{MODEL}.onnx").read_bytes())]
"""
Break = Callable[[Any, float], None]


def grid(least: int, most: int) -> list[float]:
    """1, 3, 10, 30, ... from `10^least` to `10^most`."""
    return [float(f"{digit}e{power}") for power in range(least, most) for digit in (1, 3)] + [float(f"1e{most}")]


def feature_noise(made: Any, size: float) -> None:
    """Multiply each feature by up to 1 +- `size`, pseudo-randomly by its low digits."""
    nodes = made.model.graph.node
    far = add(made, "Mul", ["features", 54321.0], "far", at=0)
    part = add(made, "Sub", [far, add(made, "Floor", [far], "whole", at=1)], "part", at=2)
    off = add(made, "Mul", [add(made, "Sub", [part, 0.5], "around", at=3), float(2 * size)], "off", at=4)
    noisy = add(made, "Add", ["features", add(made, "Mul", ["features", off], "much", at=5)], "noisy", at=6)
    nodes[7].input[0] = noisy


KINDS: dict[str, tuple[str, list[float], Callable[..., Any]]] = {
    "noise": ("noise of the weights, relative", grid(-7, 0), noise),
    "offset": ("offset, points", grid(-6, 1), lambda made, size: before_clip(made, ("Add", size))),
    "behind": ("offset after the clip, points", grid(-6, 1), lambda made, size: after_clip(made, "Add", size)),
    "scale": ("scale of the score, relative", grid(-7, -1), lambda made, size: before_clip(made, ("Mul", 1.0 + size))),
    "normalisation": (
        "scale of the features, relative",
        grid(-7, 0),
        lambda made, size: in_front(made, ("Mul", np.array(1.0 + size, np.float32))),
    ),
    "features": ("noise of the features, relative", grid(-7, 0), feature_noise),
}
GATES = {
    "golden.record": "golden.record",
    "backends.ulp": "backends.ulp",
    "sidecar.": "its promises",
    "loso.frame_max_error": "loso.frame_max_error",
    "golden.near": "golden.near",
    "loso.bias": "loso.bias",
    "loso.identical": "loso.identical",
    "loso.plcc": "loso.plcc",
    "loso.srocc": "loso.srocc",
    "contract.range": "contract.range_*",
}


def write(copy: Path) -> None:
    """Make a copy of the checkout with all candidates registered, each with the good model's record."""
    for name in ("suites", "fixtures", "model"):
        shutil.copytree(home() / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "selftest"))
    for name in ("conftest.py", "gates.toml", "pyproject.toml"):
        shutil.copy(home() / name, copy)
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
    sidecar = read_sidecar(home() / f"model/{MODEL}.json").as_dict()
    for name, change in candidates.items():
        made = Made(onnx.load(home() / f"model/{MODEL}.onnx"), {})
        change(made)
        data = made.model.SerializeToString(deterministic=True)
        promised = {key: value for key, value in sidecar["promised"].items() if key != "worst_difference"}
        kept = {key: value for key, value in sidecar.items() if key not in (*graph_facts(data), "id")}
        registry.register(name, data, kept | {"promised": promised}, "card", folder)
        (records / f"{name}.json").write_text(json.dumps(record | {"model": name}), encoding="utf-8")


def judge(copy: Path, jobs: int) -> dict[str, set[str]]:
    """The failed gates, by candidate."""
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
        raise SystemExit(f"the unchanged model fails: {red[GOOD]}")
    return red


def least(kind: str, gate: str, red: dict[str, set[str]]) -> tuple[float, bool] | None:
    """The least size at which a gate fails, and whether it fails at all larger ones; None if it never fails."""
    sizes = KINDS[kind][1]
    found = [size for size in sizes if any(name.startswith(gate) for name in red[f"{kind}_{size:g}"])]
    return (found[0], found == sizes[sizes.index(found[0]) :]) if found else None


def table(red: dict[str, set[str]]) -> str:
    """A Markdown table: one row per kind of error, one column per gate."""
    lines = [
        f"| error | {' | '.join(f'`{t}`' if '.' in t else t for t in GATES.values())} |",
        "|---" * (len(GATES) + 1) + "|",
    ]
    for kind, (what, sizes, _) in KINDS.items():
        cells = [least(kind, gate, red) for gate in GATES]
        shown = ["-" if one is None else f"{one[0]:g}{'' if one[1] else ' *'}" for one in cells]
        lines.append(f"| {what}, up to {sizes[-1]:g} | {' | '.join(shown)} |")
    return "\n".join(lines)


def draw(red: dict[str, set[str]], path: Path) -> None:
    """Draw one row per kind of error, with a mark per gate at its least detected error."""
    figure = file_figure(9, 4)
    axis = figure.subplots()
    for number, (gate, text) in enumerate(GATES.items()):
        found = [(least(kind, gate, red), row) for row, kind in enumerate(KINDS)]
        marks = [(one[0], row - 0.3 + 0.065 * number) for one, row in found if one is not None]
        axis.scatter([x for x, _ in marks], [y for _, y in marks], s=42, color=SOURCES[number], label=text)
    for row, (_, sizes, _) in enumerate(KINDS.values()):
        axis.plot([sizes[0], sizes[-1]], [row, row], color="#d5dbe3", linewidth=22, solid_capstyle="butt", zorder=0)
    axis.set(
        xscale="log",
        xlabel="least error at which the gate fails; grey: tested sizes",
        yticks=range(len(KINDS)),
        yticklabels=[what for what, _, _ in KINDS.values()],
    )
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}")  # the files' text is not mathematics
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
