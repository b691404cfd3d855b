"""ULP distances between inference engines on a model: python engines_apart.py MODEL.onnx [--teacher ID]

Prints, for each installed engine, the largest ULP distance from ONNX Runtime on the CPU: on rows of the teacher's
domain, on rows outside it, and found by a search. Needs pip install -c constraints.txt -e '.[engines,fit]'.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.errors import ModelError
from tinyvmaf.measure import engine_agreement
from tinyvmaf.measure.engine_agreement.ulp import compare
from tinyvmaf.model.engines import Session, all_engines, find
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
from tinyvmaf.vmaf.teacher import DEFAULT, load_named

ROWS, BATCH = 100_000, 4096


def apart(reference: Session, session: Session, rows: NDArray[np.float32]) -> str:
    found = compare(
        engine_agreement.in_batches(reference, rows, BATCH),
        engine_agreement.in_batches(session, rows, BATCH),
        bound=2,
        inputs=rows,
    )
    return f"{found.max:,} ({100 * found.above / found.count:.2g} % above 2)"


def main() -> None:
    """Print one line per engine."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--teacher", default=DEFAULT)
    given = parser.parse_args()
    model, domain = given.model.read_bytes(), Domain(load_named(find_ffmpeg(), given.teacher).features)
    inside, outside = engine_agreement.inside(domain, ROWS, 0), engine_agreement.outside(domain, ROWS, 0)
    print(f"{'engine':16} {'domain':>28} {'outside':>28} {'search':>16}")
    with find("onnxruntime-cpu").load(model) as reference:
        for engine in all_engines():
            if not engine.available().ok or engine.name == "onnxruntime-cpu":
                continue
            cells = []
            try:
                with engine.load(model) as session:
                    cells = [apart(reference, session, inside)]
                    cells += [apart(reference, session, outside)]
                    cells += [f"{engine_agreement.search(reference.run, session.run, inside[:2000]).ulp:,}"]
            except ModelError as error:
                cells += [f"  {error.message[:60]}"]
            print(f"{engine.name:16} " + " ".join(f"{cell:>28}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
