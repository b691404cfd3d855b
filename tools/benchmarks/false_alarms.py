"""How often are the gates red for nothing? `python false_alarms.py [--runs N] [--suites golden contract ...]`.

The models that are shipped, unchanged, through the suites that are chosen, again and again, each run in processes of
its own; fits come from the store. Counted: runs whose verdict is not PASS, and those without one. Of N runs without a
false alarm the rule of three says with 95 % confidence: fewer than one in N/3. Latency is not among the suites, unless
it is named: it has tools/benchmarks/latency_power.py. Ctrl-C ends it with what was counted by then; 1 if any run was
red.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tinyvmaf.app.cli.common import positive_int, progress_bar
from tinyvmaf.files import home

SUITES = ("golden", "contract", "loso", "corpus", "backends")
ALL = (*SUITES, "latency", "selftest")


def run(suites: list[str], jobs: int, report: Path) -> tuple[str, float]:
    """The verdict of one run and its seconds; what was red is printed."""
    command = [sys.executable, "-m", "pytest", *(f"suites/{suite}" for suite in suites), "-q", "--report", str(report)]
    command += ["-p", "no:cacheprovider", *(["-n", str(jobs)] if jobs > 1 and "latency" not in suites else [])]
    begin = time.monotonic()
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    # A session of its own: Ctrl-C is for this process, which then ends that one.
    process = subprocess.Popen(
        command,
        cwd=home(),
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        text = process.communicate()[0]
    except BaseException:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        raise
    taken = time.monotonic() - begin
    try:
        verdict = json.loads((report / "verdict.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        print(f"status {process.returncode}, no verdict:\n{text[-2000:]}", file=sys.stderr)
        return "no verdict", taken
    shutil.rmtree(report)  # of a hundred runs these are a lot
    for entry in [*verdict["failures"], *verdict["could_not_run"]]:
        print(f"{entry['test']}: {entry['text'][:2000]}", file=sys.stderr)
    if (process.returncode == 0) != (verdict["verdict"] == "PASS"):
        return f"{verdict['verdict']}, but status {process.returncode}", taken
    return str(verdict["verdict"]), taken


def said(found: Counter[str], suites: list[str]) -> str:
    """The count, and what it bounds."""
    runs, red = found.total(), found.total() - found["PASS"]
    others = ", ".join(f"{count} {verdict}" for verdict, count in found.items() if verdict != "PASS")
    if red:
        bound = f"{red} of {runs} runs are false alarms: {others}"
    else:
        bound = (
            f"no false alarm in {runs} runs: with 95 % confidence fewer than {min(1.0, 3 / runs):.1%} of runs are one"
        )
    return f"{', '.join(suites)}: {bound}"


def main() -> int:
    """Run and count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=positive_int, default=100, metavar="N")
    parser.add_argument("--suites", nargs="+", choices=ALL, default=list(SUITES))
    parser.add_argument("--jobs", type=positive_int, default=os.cpu_count() or 1, metavar="N", help="processes a run")
    arguments = parser.parse_args()
    found, taken = Counter[str](), list[float]()
    interrupted = False
    with tempfile.TemporaryDirectory(prefix="tinyvmaf-false-alarms-") as scratch:
        try:
            with progress_bar("runs", "runs") as report:
                report(0, arguments.runs)
                for number in range(arguments.runs):
                    verdict, seconds = run(arguments.suites, arguments.jobs, Path(scratch) / str(number))
                    found[verdict] += 1
                    taken.append(seconds)
                    report(number + 1, arguments.runs)
        except KeyboardInterrupt:
            interrupted = True
    if not taken:
        print("no run ended", file=sys.stderr)
    else:
        print(f"{said(found, arguments.suites)}; {min(taken):.0f} to {max(taken):.0f} s a run")
    if interrupted:
        return 128 + signal.SIGINT
    return int(found["PASS"] != found.total())


if __name__ == "__main__":
    sys.exit(main())
