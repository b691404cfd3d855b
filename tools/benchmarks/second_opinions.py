"""Do both implementations of the proof agree? python second_opinions.py [--model ID] [--boxes N] [--seed N]

Takes boxes with which the recorded proof of a model ends, met on random ways, and proves each again by
`measure/proof/second_opinion.py`: in ball arithmetic, from other formulas. A large box is proven on 40 random
parts of it. Some 0.1 to 0.3 s a box. Exit status 1 if a box is not proven again.
"""

import argparse
import json
import sys
import time
from typing import Final

import numpy as np

from tinyvmaf.app.cli.common import positive_int
from tinyvmaf.app.cli.progress import progress_bar
from tinyvmaf.measure.proof.boxes import ProvableNetwork
from tinyvmaf.measure.proof.parts import Parts
from tinyvmaf.measure.proof.second_opinion import SecondOpinion, random_proven_boxes
from tinyvmaf.model import registry
from tinyvmaf.model.sidecar import read_sidecar
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
from tinyvmaf.vmaf.teacher import load_built_in

MODEL: Final = "tinyvmaf_tiny"


def main() -> int:
    """Prove again, count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", metavar="ID", default=MODEL, help=f"default: {MODEL}")
    parser.add_argument("--boxes", type=positive_int, default=100, help="ways; some leave the domain (default: 100)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    subject = registry.find(options.model)
    teacher = load_built_in(find_ffmpeg(None), subject.teacher_id)
    bound = read_sidecar(subject.path.with_suffix(".json")).proven_everywhere_points
    if bound is None:
        parser.error(f"{options.model} has no recorded proof")
    rng, held, boxes, begun = np.random.default_rng(options.seed), 0, 0, time.monotonic()
    parts = Parts(subject.data, teacher, bound, subject.features).slices
    for part in parts:
        assert isinstance(part.model, ProvableNetwork)
        again = SecondOpinion(part.model, part.gaussians, teacher if len(parts) > 1 else None)
        found = random_proven_boxes(
            part.branching, part.domain, part.gaussians, bound, options.boxes // len(parts), options.seed
        )
        boxes += len(found)
        with progress_bar("second opinions", "boxes") as report:
            for number, (centre, half) in enumerate(found, 1):
                held += again.holds(centre, half, bound, rng)
                report(number, len(found))
    seconds = round(time.monotonic() - begun, 1)
    print(json.dumps({"model": options.model, "bound": bound, "boxes": boxes, "held": held, "seconds": seconds}))
    return int(held < boxes or not boxes)


if __name__ == "__main__":
    sys.exit(main())
