"""The embedded corpus from nothing, then its extraction once more: python corpus_from_nothing.py.

Builds all 153 files, extracts canonical features and three teachers with an empty store, and extracts again. Printed:
seconds of each command, and how many times faster the second extraction is: of the work alone, as the command says it,
and of the whole process, which cannot be shorter than Python takes to start and import its libraries. Exit status 1 if
building and extracting take 240 s or more, or the second extraction is less than 500 times faster.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MOST_S, LEAST_TIMES = 240.0, 500.0
TEACHERS = ("vmaf_v0.6.1", "vmaf_v0.6.1neg", "vmaf_v1.0.16_3d0h")


def main() -> int:
    """Measure, print, and hold against the bounds."""
    with tempfile.TemporaryDirectory(prefix="tinyvmaf-bench-") as name:
        environment = os.environ | {"TINYVMAF_CACHE": str(Path(name, "cache"))}
        root, out = Path(name, "root"), Path(name, "features.parquet")

        def timed(*arguments: str) -> tuple[float, float]:
            """Seconds of the process, and of its work if it says so."""
            start = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-m", "tinyvmaf", *arguments],
                env=environment,
                check=True,
                stdout=subprocess.PIPE,
                text=True,
            )
            seconds = time.perf_counter() - start
            print(f"{seconds:8.2f} s  tinyvmaf {arguments[0]}: {done.stdout.strip().split(': ', 1)[1]}", flush=True)
            said = re.search(r"store, ([0-9.]+) s", done.stdout)
            return seconds, float(said[1]) if said else seconds

        extract = ["extract", "--data-root", str(root), "--out", str(out), *(f"--teacher={t}" for t in TEACHERS)]
        build = timed("corpus", "build", "--out", str(root))[0]
        time.sleep(3)  # files younger than that are not remembered by their modification time
        first = timed(*extract)
        again = min(timed(*extract) for _ in range(5))
    total = build + first[0]
    print(f"from nothing: {total:.1f} s, below {MOST_S:.0f}: {'held' if total < MOST_S else 'FAILED'}")
    failed = total >= MOST_S
    for what, ratio in (("work", first[1] / again[1]), ("process", first[0] / again[0])):
        held = ratio >= LEAST_TIMES
        failed = failed or not held
        print(
            f"second extraction, {what}: {ratio:.0f} times faster, at least {LEAST_TIMES:.0f}: "
            f"{'held' if held else 'FAILED'}"
        )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
