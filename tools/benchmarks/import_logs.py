"""Time of `tinyvmaf import` on logs of a published set: python import_logs.py [../shared/avt/uhd1_frames.parquet]

Writes one JSON log per clip as libvmaf 1.3.11 does, with the scores of 20 bootstrap models, damages three, and imports
them with an empty store, and again. Exit status 1 if the first import takes more than 60 s, or other logs are left out.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tinyvmaf.data.imported import Imported, load
from tinyvmaf.files import home

MOST_S = 60.0
MEMBERS = 20


def main() -> int:
    """Measure, print, and compare with the bound."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shared = home().parent / "shared" / "avt" / "uhd1_frames.parquet"
    parser.add_argument("set", nargs="?", type=Path, default=shared, help="default: beside the checkout")
    arguments = parser.parse_args()
    found = load(arguments.set)
    with tempfile.TemporaryDirectory(prefix="tinyvmaf-") as name:
        folder = Path(name)
        size = write_logs(found, folder / "logs")
        damaged = damage(sorted((folder / "logs").rglob("*.json")))
        seconds, content = [], {}
        for _ in range(2):
            started = time.perf_counter()
            command = [sys.executable, "-m", "tinyvmaf", "import", "logs", "--out", "set.parquet", "--json"]
            done = subprocess.run(
                command, cwd=folder, env={"TINYVMAF_CACHE": str(folder / "cache")}, capture_output=True
            )
            seconds.append(time.perf_counter() - started)
            content = json.loads(done.stdout)
    left_out = sorted(Path(left["name"]).name for left in content["left_out"])
    print(f"{content['clips']} clips, {content['frames']} frames, {size / 1e6:.0f} MB of JSON")
    print(f"first {seconds[0]:.1f} s, at most {MOST_S:.0f}; again {seconds[1]:.1f} s; left out: {', '.join(left_out)}")
    return int(seconds[0] > MOST_S or left_out != sorted(path.name for path in damaged))


def write_logs(found: Imported, folder: Path) -> int:
    """A log for each clip, under its name; gives their size in bytes."""
    table = found.data.table
    names = [score.published for score in found.scores]
    columns = {name: table[name].to_numpy() for name in table.column_names[3:]}
    columns |= {score.published: columns.pop(score.column) for score in found.scores}
    clips = np.array(table["clip"].to_pylist())
    frame = table["frame"].to_numpy()
    starts = np.flatnonzero(np.concatenate([[True], clips[1:] != clips[:-1]]))
    size = 0
    for start, end in zip(starts, [*starts[1:], len(clips)], strict=True):
        entries = []
        for row in range(start, end):
            metrics = {name: float(values[row]) for name, values in columns.items()}
            metrics |= {f"{names[0]}_{number:04d}": metrics[names[0]] for number in range(1, MEMBERS + 1)}
            entries.append({"frameNum": int(frame[row]), "metrics": metrics})
        path = folder / f"{clips[start].replace('/', '__')}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        size += path.write_text(json.dumps({"version": "1.3.11", "params": {}, "frames": entries}, indent=2))
    return size


def damage(paths: list[Path]) -> list[Path]:
    """Cut one log off, empty another, and leave a third without a whole frame."""
    cut, empty, nothing = paths[0], paths[1], paths[2]
    text = cut.read_text()
    cut.write_text(text[: len(text) // 3])
    empty.write_text("")
    nothing.write_text(text[:80])
    return [cut, empty, nothing]


if __name__ == "__main__":
    sys.exit(main())
