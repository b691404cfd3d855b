"""How often do the gates fail without a cause? python false_alarms.py [--runs N] [--suites golden ...] [--variants ID]

Runs the chosen suites on the shipped models many times, each time in new processes; fits come from the store. Counts
runs whose verdict is not PASS, and runs without a verdict. After N runs without a false alarm, their rate is below 3/N
with 95 % confidence (rule of three). `--variants ID` judges files that are a shipped model in all but looks
instead: renamed, with other tensor names, order or scaler. Latency is no default: see
tools/benchmarks/latency_power.py. Ctrl-C ends the runs and prints the count so far. Exit status 1 if a run did not
pass.
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

from tinyvmaf.app.cli.common import positive_int
from tinyvmaf.app.cli.progress import progress_bar
from tinyvmaf.files import home

sys.path.insert(0, str(home()))  # the checkout: suites are no part of the package
from suites.selftest.good_variants import good_variants

SUITES = ("golden", "contract", "loso", "corpus", "backends")
ALL = (*SUITES, "latency", "selftest")


def run(suites: list[str], jobs: int, report: Path, models: list[Path]) -> tuple[str, float]:
    """The verdict and seconds of one run; prints failures."""
    command = [sys.executable, "-m", "pytest", *(f"suites/{suite}" for suite in suites), "-q", "--report", str(report)]
    command += ["-p", "no:cacheprovider", *(["-n", str(jobs)] if jobs > 1 and "latency" not in suites else [])]
    command += [part for path in models for part in ("--model", str(path))]
    begin = time.monotonic()
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    # A new session: Ctrl-C reaches only this process, which then ends the child.
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
    shutil.rmtree(report)  # a hundred reports are large
    for entry in [*verdict["failures"], *verdict["could_not_run"]]:
        print(f"{entry['test']}: {entry['text'][:2000]}", file=sys.stderr)
    if (process.returncode == 0) != (verdict["verdict"] == "PASS"):
        return f"{verdict['verdict']}, but status {process.returncode}", taken
    return str(verdict["verdict"]), taken


def summary(found: Counter[str], suites: list[str]) -> str:
    """The count of false alarms and the bound on their rate."""
    runs, red = found.total(), found.total() - found["PASS"]
    others = ", ".join(f"{count} {verdict}" for verdict, count in found.items() if verdict != "PASS")
    if red:
        bound = f"{red} of {runs} runs are false alarms: {others}"
    else:
        bound = f"no false alarm in {runs} runs: with 95 % confidence, their rate is below {min(1.0, 3 / runs):.1%}"
    return f"{', '.join(suites)}: {bound}"


def main() -> int:
    """Run and count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=positive_int, default=100, metavar="N")
    parser.add_argument("--suites", nargs="+", choices=ALL, default=list(SUITES))
    parser.add_argument("--jobs", type=positive_int, default=os.cpu_count() or 1, metavar="N", help="processes per run")
    parser.add_argument("--variants", metavar="ID", help="a shipped model")
    arguments = parser.parse_args()
    found, taken = Counter[str](), list[float]()
    interrupted = False
    with tempfile.TemporaryDirectory(prefix="tinyvmaf-false-alarms-") as scratch:
        models = good_variants(arguments.variants, Path(scratch)) if arguments.variants else []
        try:
            with progress_bar("runs", "runs") as report:
                report(0, arguments.runs)
                for number in range(arguments.runs):
                    verdict, seconds = run(arguments.suites, arguments.jobs, Path(scratch) / str(number), models)
                    found[verdict] += 1
                    taken.append(seconds)
                    report(number + 1, arguments.runs)
        except KeyboardInterrupt:
            interrupted = True
    if not taken:
        print("no run ended", file=sys.stderr)
    else:
        print(f"{summary(found, arguments.suites)}; {min(taken):.0f} to {max(taken):.0f} s a run")
    if interrupted:
        return 128 + signal.SIGINT
    return int(found["PASS"] != found.total())


if __name__ == "__main__":
    sys.exit(main())
