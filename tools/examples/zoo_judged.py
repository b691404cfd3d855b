"""Judge every member of the zoo by every suite, and print why each fails: the second table of docs/scoreboard.md.

    python tools/examples/zoo_judged.py DIR [--reports REPORTS]

Each ONNX file of DIR goes through `tinyvmaf gate --model FILE`, in a process of its own, into REPORTS/NAME. A report
that is there is not made again. Files of `ai.onnx.ml` are judged on two engines: onnx's evaluator takes minutes. Takes
one to two minutes of a core a file.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import onnx

from tinyvmaf.judge.verdict import VERDICT_FILE

SUITES: Final = ("contract", "golden", "loso", "external", "backends", "latency")
OF_THE_MACHINE: Final = ("external", "latency")
"""Suites whose answer may be another one elsewhere: other sets are at hand, or the processor is another."""
_ENGINES: Final = ("--engine", "onnxruntime-cpu", "--engine", "numpy")
_WORDS: Final[Mapping[str, str]] = {
    "backends.ulp": "engines",
    "contract.adopted": "ties",
    "contract.any_finite_input_gives_a_finite_score_in_range": "NaN",
    "contract.extreme_features_give_a_finite_score_in_range": "NaN",
    "contract.range_high": "range",
    "contract.range_low": "range",
    "external.bias": "bias",
    "external.clip_max_error": "clips",
    "external.frame_max_error": "frames",
    "external.frame_plcc": "PLCC",
    "external.frame_rmse": "RMSE",
    "golden.near": "frames",
    "latency.floor": "one row",
    "latency.output": "wrong",
    "latency.teacher": "4096 rows",
    "loso.against": "direction",
    "loso.band_srocc": "order",
    "loso.bias": "bands",
    "loso.clip_max_error": "bands",
    "loso.domain_max_error": "the domain",
    "loso.frame_max_error": "bands",
    "loso.identical": "identity",
    "loso.resolution": "fineness",
    "loso.reversal": "order",
    "loso.reversed": "order",
    "loso.rmse": "bands",
    "loso.stretch": "bands",
    "loso.top_max_error": "bands",
}
"""What a gate's failure is in a few words. Another gate stands as it is called."""
_BATCH: Final = "test_a_score_does_not_depend_on_its_batch[{}-onnxruntime-cpu]"


def judged(path: Path, report: Path) -> dict[str, Any]:
    """The verdict of every suite on a file: `verdict.json`."""
    found = report / VERDICT_FILE
    if not found.is_file():
        trees = any(node.domain for node in onnx.load(path).graph.node)
        options = [*(_ENGINES if trees else ()), "--report", str(report)]
        command = [sys.executable, "-m", "tinyvmaf", "gate", "--model", str(path), "--jobs", "1", *options]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    whole: dict[str, Any] = json.loads(found.read_text(encoding="utf-8"))
    return whole


def reasons(verdict: Mapping[str, Any], model: str) -> dict[str, list[str]]:
    """By suite, why a model did not pass it; empty lists where it did. What could not run is a reason too."""
    found: dict[str, list[str]] = {suite: [] for suite in SUITES}
    for entry in verdict["failures"]:
        if entry["model"] == model:
            words = [_WORDS.get(gate, gate) for gate in entry["gates"]]
            if entry["test"].endswith(_BATCH.format(model)):
                words = ["batches"]
            found[entry["suite"]] += words
    for entry in verdict["could_not_run"]:
        if entry["model"] == model:
            found[entry["suite"]].append("could not run")
    return {suite: sorted(set(words)) for suite, words in found.items()}


def line(name: str, verdict: Mapping[str, Any]) -> str:
    """A row of the table."""
    cells = [", ".join(words) or "pass" for words in reasons(verdict, name).values()]
    (model,) = verdict["models"]
    return f"| {' | '.join([name, model['verdict'], *cells])} |"


def main() -> None:
    """Judge and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--reports", type=Path, help="folder of the reports (default: a temporary one)")
    options = parser.parse_args()
    print(f"| model | verdict | {' | '.join(SUITES)} |\n|{' --- |' * (2 + len(SUITES))}")
    with tempfile.TemporaryDirectory(prefix="tinyvmaf-zoo-") as temporary:
        for path in sorted(options.folder.glob("*.onnx")):
            report = (options.reports or Path(temporary)) / path.stem
            print(line(path.stem, judged(path.absolute(), report.absolute())), flush=True)


if __name__ == "__main__":
    main()
