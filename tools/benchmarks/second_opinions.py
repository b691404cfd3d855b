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
from tinyvmaf.measure.proof.boxes import ProvableNetwork, first_boxes
from tinyvmaf.measure.proof.branching import Branching
from tinyvmaf.measure.proof.gaussians import Gaussians
from tinyvmaf.measure.proof.provable import differences, provable
from tinyvmaf.measure.proof.second_opinion import SecondOpinion, random_proven_boxes
from tinyvmaf.model import registry
from tinyvmaf.model.sidecar import read_sidecar
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
from tinyvmaf.vmaf.teacher import DEFAULT, load_built_in

MODELS: Final = ("tinyvmaf_tiny", "tinyvmaf_nano", "tinyvmaf_exact")


def main() -> int:
    """Prove again, count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, default=MODELS[0], help=f"default: {MODELS[0]}")
    parser.add_argument("--boxes", type=positive_int, default=100, help="ways; some leave the domain (default: 100)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    teacher = load_built_in(find_ffmpeg(None), DEFAULT)
    domain, gaussians = Domain(teacher.features), Gaussians(teacher)
    subject = registry.find(options.model)
    bound = read_sidecar(subject.path.with_suffix(".json")).proven_everywhere_points
    if bound is None:
        parser.error(f"{options.model} has no recorded proof")
    network = provable(subject.data, teacher, teacher.feature_names)
    assert isinstance(network, ProvableNetwork)
    radius = first_boxes(domain, gaussians)[1]
    claim = Branching(
        network, gaussians, domain, radius, bound, differences(subject.data, teacher, teacher.feature_names)
    )
    boxes = random_proven_boxes(claim, domain, gaussians, bound, options.boxes, options.seed)
    again, rng, held, begun = (
        SecondOpinion(network, gaussians),
        np.random.default_rng(options.seed),
        0,
        time.monotonic(),
    )
    with progress_bar("second opinions", "boxes") as report:
        for number, (centre, half) in enumerate(boxes, 1):
            held += again.holds(centre, half, bound, rng)
            report(number, len(boxes))
    seconds = round(time.monotonic() - begun, 1)
    print(json.dumps({"model": options.model, "bound": bound, "boxes": len(boxes), "held": held, "seconds": seconds}))
    return int(held < len(boxes) or not boxes)


if __name__ == "__main__":
    sys.exit(main())
