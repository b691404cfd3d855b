"""Mutated students: is a box ever said to be proven at a bound that a search inside of it breaks?

Each student is a shipped one with random changes: weights, biases, scales of whole units, signs, units removed. For
random boxes of random size, the claimed bound is attacked by real scores of ONNX Runtime: at corners, at random rows,
and by climbing from the worst.

    python tools/benchmarks/mutated_students.py --students 1000
"""

import argparse
import json
import sys
import time

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from tinyvmaf.measure.proof import NoProofError
from tinyvmaf.measure.proof.gaussians import Gaussians
from tinyvmaf.measure.proof.parts import box_bounds
from tinyvmaf.measure.proof.provable import provable
from tinyvmaf.measure.proof.slices import Slice, slices_of
from tinyvmaf.model import registry
from tinyvmaf.model.engines import OnnxRuntimeCpu
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
from tinyvmaf.vmaf.teacher import Teacher, load_built_in

Floats = NDArray[np.float64]
STUDENTS = ("tinyvmaf_nano", "tinyvmaf_exact", "tinyvmaf_tiny")
CLIMBS = 12


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """The model with some of its numbers changed."""
    model = onnx.load_model_from_string(data)
    weights = [one for one in model.graph.initializer if one.dims and one.name not in {"scales"}]
    for _ in range(int(rng.integers(1, 6))):
        one = weights[int(rng.integers(len(weights)))]
        array = numpy_helper.to_array(one).copy()
        column = int(rng.integers(array.shape[-1]))
        kind = int(rng.integers(4))
        if kind == 0:
            array[..., column] = -array[..., column]
        elif kind == 1:
            array[..., column] = 0
        elif kind == 2:
            array[..., column] = (array[..., column] * rng.choice([0.5, 2.0])).astype(array.dtype)
        else:
            flat = array.reshape(-1)
            flat[int(rng.integers(flat.size))] = flat[int(rng.integers(flat.size))]
        one.CopyFrom(numpy_helper.from_array(array, one.name))
    return bytes(model.SerializeToString())


def attack(
    session: OnnxRuntimeCpu, teacher: Teacher, one: Slice, z: Floats, radius: Floats, rng: np.random.Generator
) -> float:
    """The largest difference that is found in a box."""
    low, high = Domain(one.teacher.features).bounds()
    if teacher.svr.chroma is not None and len(z) == len(teacher.features):
        low[teacher.svr.chroma.chroma] = 2.0**-100  # 0 is the other slice's
    gaussians = Gaussians(one.teacher)

    def differences(way: Floats) -> Floats:
        rows = np.clip(gaussians.to_rows(z + way * radius * 0.999), low, high)
        rows = one.whole(rows, len(teacher.features)).astype(np.float32)
        return np.abs(session.run(rows).astype(np.float64) - teacher.predict(rows.astype(np.float64)))

    way = np.concatenate([rng.choice([-1.0, 1.0], (64, len(z))), rng.uniform(-1.0, 1.0, (64, len(z)))])
    found = differences(way)
    best, largest = way[found.argmax()], float(found.max())
    stride = 0.5
    for _ in range(CLIMBS):
        near = np.clip(best + stride * rng.normal(size=(32, len(z))), -1.0, 1.0)
        found = differences(near)
        if found.max() > largest:
            best, largest = near[found.argmax()], float(found.max())
        else:
            stride /= 2.0
    return largest


def main() -> int:
    """Attack."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--students", type=int, default=300, help="how many (default: 300)")
    parser.add_argument("--boxes", type=int, default=4, help="boxes of each (default: 4)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--models", nargs="+", default=STUDENTS, metavar="ID", help=f"default: {' '.join(STUDENTS)}")
    options = parser.parse_args()
    rng, ffmpeg = np.random.default_rng(options.seed), find_ffmpeg(None)
    originals = [registry.find(name) for name in options.models]
    teachers = [load_built_in(ffmpeg, one.teacher_id) for one in originals]
    begun, attacked, unreadable, ratios, broken = time.monotonic(), 0, 0, [], 0
    for number in range(options.students):
        original, teacher = originals[number % len(originals)], teachers[number % len(originals)]
        data, slices = mutated(original.data, rng), slices_of(teacher)
        try:
            models = [provable(data, teacher, teacher.feature_names, one) for one in slices]
        except NoProofError:
            unreadable += 1
            continue
        session = OnnxRuntimeCpu(data)
        for _ in range(options.boxes):
            place = int(rng.integers(len(slices)))
            one, domain = slices[place], Domain(slices[place].teacher.features)
            size = np.exp(rng.uniform(np.log(1e-4), np.log(0.15)))
            radius = size * np.exp(rng.normal(scale=0.4, size=len(one.columns)))
            row = np.clip(domain.sample(1, int(rng.integers(2**31))), *domain.bounds())
            z = Gaussians(one.teacher).to_z(row)
            bound = box_bounds(one, models[place], radius).bounds(z)
            claim = float(max(bound.above[0], bound.below[0]))
            largest = attack(session, teacher, one, z[0], radius, rng)
            attacked += 1
            if np.isfinite(claim):  # NaN and infinity prove nothing
                ratios.append(largest / claim if claim else float(largest > 0.0))
            if largest > claim:
                broken += 1
                print(f"BROKEN: student {number}: claimed {claim}, found {largest}, z {z[0].tolist()}", file=sys.stderr)
        if sys.stderr.isatty():
            print(f"\r{number + 1} of {options.students}", end="", file=sys.stderr)
    result = {
        "students": options.students,
        "not provable": unreadable,
        "boxes": attacked,
        "broken": broken,
        "found over claimed, median": float(np.median(ratios)),
        "found over claimed, largest": float(np.max(ratios)),
        "seconds": round(time.monotonic() - begun, 1),
    }
    print(json.dumps(result, indent=2))
    return int(broken > 0 or not attacked)


if __name__ == "__main__":
    sys.exit(main())
