"""How small a pocket does the search of the domain find? python pockets.py [--each N] [--ways W ...] [--out FILE.json]

A pocket is a small part of the domain in which a model is off. Makes them of `tinyvmaf_nano` and of the exported
teacher, in ten ways, of ten sizes, 2 to 95 points deep, at random rows of the domain and midway between two real
frames, and runs the search that `loso` runs. Found: a difference of at least half of the depth. Prints Markdown
tables: the found ones of each way and size, and of each depth and size. Some 3 s a pocket.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

from tinyvmaf.app.cli.common import positive_int
from tinyvmaf.app.cli.progress import progress_bar
from tinyvmaf.files import home
from tinyvmaf.measure.search import hunt
from tinyvmaf.measure.search.hunting import embedded_rows
from tinyvmaf.model.engines import OnnxRuntimeCpu
from tinyvmaf.model.sidecar import read_sidecar
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
from tinyvmaf.vmaf.teacher import DEFAULT, load_built_in

sys.path.insert(0, str(home()))  # the checkout: suites are no part of the package
from suites.selftest.pockets import WAYS, with_pocket

SIZES: Final = (0.3, 0.2, 0.13, 0.09, 0.06, 0.045, 0.03, 0.02, 0.014, 0.01)
"""Radii, as a share of each feature's extent."""
DEPTHS: Final = (2.0, 5.0, 20.0, 95.0)
MODELS: Final = ("tinyvmaf_nano", "vmaf_v0.6.1_svr")


def one(way: str, size: float, number: int, teacher: Any, known: Any) -> dict[str, Any]:
    """Hide a pocket, and search."""
    rng = np.random.default_rng([number, int(size * 1000), list(WAYS).index(way)])
    domain = Domain(teacher.features)
    low, high = domain.bounds()
    between = bool(number % 2)
    centre = known[rng.integers(len(known), size=2)].mean(axis=0) if between else domain.sample(1, number)[0]
    # Every depth with few pockets of each way and size, too.
    depth = DEPTHS[(number + list(WAYS).index(way) + int(size * 1000)) % len(DEPTHS)]
    name = MODELS[number // 2 % 2]
    path = home() / "model" / f"{name}.onnx"
    features = read_sidecar(path.with_suffix(".json")).feature_order
    places = [teacher.feature_names.index(feature) for feature in features]
    sign = 1.0 if teacher.predict(centre[None])[0] >= 50.0 else -1.0
    radius = size * (high - low)
    model = with_pocket(path.read_bytes(), way, centre[places], radius[places], sign * depth)
    begin = time.process_time()
    found = hunt(model, OnnxRuntimeCpu(model).run, features, teacher)
    there = centre[None].astype(np.float32)
    actual = float(abs(OnnxRuntimeCpu(model).run(there[:, places])[0] - teacher.predict(there.astype(np.float64))[0]))
    return {
        "way": way,
        "size": size,
        "depth": depth,
        "model": name,
        "between": between,
        "at_its_centre": actual,
        "difference": found.difference,
        "found": found.difference >= min(depth, actual) / 2.0,
        "seconds": time.process_time() - begin,
        "units": str(found.units),
    }


def table(lines: list[dict[str, Any]], by: str, title: str) -> str:
    """Found of tried: one row for each value of `by`, one column a size."""
    sizes = sorted({line["size"] for line in lines}, reverse=True)
    text = [f"| {title} | {' | '.join(f'{size:g}' for size in sizes)} |", "|---" * (len(sizes) + 1) + "|"]
    for value in dict.fromkeys(line[by] for line in lines):
        cells = [[line["found"] for line in lines if line[by] == value and line["size"] == size] for size in sizes]
        counts = (f"{sum(cell)} of {len(cell)}" if cell else "" for cell in cells)
        text.append(f"| {value} | {' | '.join(counts)} |")
    return "\n".join(text)


def main() -> int:
    """Hide, search, count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--each", type=positive_int, default=8, metavar="N", help="pockets of each way and size")
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    parser.add_argument("--sizes", nargs="+", type=float, default=list(SIZES))
    parser.add_argument("--out", type=Path, metavar="FILE", help="also each pocket as JSON")
    arguments = parser.parse_args()
    teacher = load_built_in(find_ffmpeg(None), DEFAULT)
    known = embedded_rows(teacher)
    todo = [(w, s, n) for n in range(arguments.each) for w in arguments.ways for s in arguments.sizes]
    lines: list[dict[str, Any]] = []
    try:
        with progress_bar("pockets", "pockets") as report:
            for number, (way, size, which) in enumerate(todo):
                report(number, len(todo))
                lines.append(one(way, size, which, teacher, known))
                if arguments.out:
                    arguments.out.write_text(json.dumps(lines, indent=1), encoding="utf-8")
    except KeyboardInterrupt:
        pass
    print(table(lines, "way", "made of"))
    print(f"\n{table(sorted(lines, key=lambda line: float(line['depth'])), 'depth', 'points deep')}\n")
    print(f"{np.mean([line['seconds'] for line in lines]):.1f} CPU s a pocket on average")
    return 0


if __name__ == "__main__":
    sys.exit(main())
