"""Every shipped model on a GPU, against ONNX Runtime on the CPU: ULP, VMAF points, and rows a second.

    sh tools/benchmarks/on_gpu.sh [--out DIR]

PyTorch eager and compiled, and ONNX Runtime's CUDA and TensorRT providers if they are installed, each with TF32 off and
on. Nothing is downloaded. Writes on_gpu.md and on_gpu.json. `--cpu` measures the same engines
on the CPU.

Exit status: 0 all engines that were asked ran all models that are for them, 1 one did not (the page says why), 2 wrong
use.
"""

import argparse
import dataclasses
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from on_gpu_measure import Contender, Task, measured_apart

from tinyvmaf.data.embedded import embedded_corpus
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.measure import engine_agreement, environment
from tinyvmaf.model import engines, registry
from tinyvmaf.model.engines.installed import nvidia_gpu, version
from tinyvmaf.model.engines.onnxruntime_provider import CUDA, TENSORRT
from tinyvmaf.model.engines.torch_ops import Torch
from tinyvmaf.model.subject import Subject
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.features import CANONICAL, resolve

BATCHES: Final = (4096, 1_000_000)
SECONDS: Final = 450.0
_SHARE: Final = 2.5  # of an even share of the time that is left: what a hang may take
REFERENCE: Final = "onnxruntime-cpu"


def contenders(*, cpu: bool) -> list[Contender]:
    """The engines, the reference first."""
    found = [Contender(REFERENCE, engines.find(REFERENCE), REFERENCE, reference=True)]
    device = "cpu" if cpu else "cuda"
    for compiled in (False, True):
        for tf32 in (False, True):
            name = f"torch-{device}{'-compiled' if compiled else ''}{'-tf32' if tf32 else ''}"
            like = ("torch-compiled" if compiled else "torch-eager") if cpu else "torch-cuda"
            found.append(Contender(name, Torch(name, device, compiled, tf32=tf32), like))
    if cpu:
        return found
    loud = dataclasses.replace(CUDA, name=f"{CUDA.name}-tf32", options={"use_tf32": "1"})
    found += [Contender(one.name, one, CUDA.name, optional=True) for one in (CUDA, loud)]
    # TensorRT has no option against TF32: the driver is told.
    for name, override in ((TENSORRT.name, "0"), (f"{TENSORRT.name}-tf32", "1")):
        engine = dataclasses.replace(TENSORRT, name=name)
        found.append(Contender(name, engine, TENSORRT.name, {"NVIDIA_TF32_OVERRIDE": override}, optional=True))
    return found


def tasks_of(subjects: Sequence[Subject], folder: Path, most: int | None) -> list[Task]:
    """The models with their rows, which are those of the gate `backends`.

    Args:
        most: rows a model, at most; None for all.
    """
    data, domain = (
        embedded_corpus().read(),
        Domain(tuple(resolve(f"VMAF_integer_feature_{n}_score", {}) for n in CANONICAL)),
    )
    tasks = []
    for number, subject in enumerate(subjects):
        rows = engine_agreement.rows_for(subject, domain, data)
        every = engine_agreement.sole(rows.every if most is None else rows.some)[:most]
        path = folder / f"rows{number}.npy"
        np.save(path, every)
        tasks.append(Task(subject.id, subject.data, path, folder / f"scores{number}.npy"))
    return tasks


def measure(
    chosen: Sequence[Contender],
    subjects: Sequence[Subject],
    *,
    asked: Sequence[str] = (),
    batches: Sequence[int] = BATCHES,
    most: int | None = None,
    seconds: float = SECONDS,
) -> list[dict[str, Any]]:
    """Measure models on engines, one engine after the other.

    Args:
        asked: names of engines that may not be missing, beside those that are not optional.
        most: rows a model for the comparison; None for all.
        seconds: the most that all may take.

    Returns:
        One entry for each engine. Its `failed` says whether it should have run and did not.
    """
    deadline, found = time.monotonic() + seconds, []
    with tempfile.TemporaryDirectory(prefix="tinyvmaf-gpu-") as folder:
        tasks = tasks_of(subjects, Path(folder), most)
        for number, one in enumerate(chosen):
            here = one.engine.available()
            entry: dict[str, Any] = {
                "name": one.name,
                "version": here.version,
                "device": here.device,
                "settings": {**here.settings, **one.variables},
                "reason": here.reason,
                "models": {},
            }
            if here.ok:
                fit = {subject.id for subject in subjects if subject.fits(one.like)}
                limit = min(
                    deadline - time.monotonic(), _SHARE * (deadline - time.monotonic()) / (len(chosen) - number)
                )
                own = [task for task in tasks if task.model in fit]
                entry["models"] = measured_apart(one, own, batches, seconds=max(limit, 0.0))
                entry["left_out"] = [task.model for task in tasks if task.model not in fit]
                entry["failed"] = any(model.get("reason") for model in entry["models"].values())
            else:
                entry["failed"] = not one.optional or one.name in asked
            found.append(entry)
            print(f"{one.name}: {'failed' if entry['failed'] else here.reason or 'done'}", file=sys.stderr, flush=True)
    return found


def whole(found: list[dict[str, Any]], *, cpu: bool, seconds: float) -> dict[str, Any]:
    """The result, for JSON."""
    here = environment.machine()
    libraries = ("torch", "onnxruntime", "tensorrt", "numpy", "onnx")
    listed = {name: version(name, f"{name}-gpu", module=name) for name in libraries}
    return {
        "schema": 1,
        "at": environment.now(),
        "commit": environment.commit()[0],
        "machine": {"gpu": nvidia_gpu(), "cpu": here.cpu, "cores": here.cores, "os": here.os, "id": here.id},
        "versions": {"tinyvmaf": environment.versions().tinyvmaf} | {k: v for k, v in listed.items() if v},
        "on": "cpu" if cpu else "cuda",
        "seconds": round(seconds, 1),
        "engines": found,
        "failed": [entry["name"] for entry in found if entry["failed"]],
    }


def page(result: Mapping[str, Any], batches: Sequence[int]) -> str:
    """The result as Markdown."""
    machine, versions = result["machine"], ", ".join(f"{k} {v}" for k, v in result["versions"].items())
    gpu = machine["gpu"] or "no NVIDIA GPU"
    rates = " | ".join(f"rows/s at {batch:,}" for batch in batches)
    where = "on the CPU" if result["on"] == "cpu" else "on the GPU"
    lines = [
        f"# Shipped models {where}",
        "",
        f"{gpu}; {machine['cpu']}, {machine['cores']} cores, {machine['os']}. {versions}. "
        f"{result['at']}, {result['seconds']:g} s.",
        "",
        f"Against `{REFERENCE}`. Rows a second: whole calls, with the copies to and from the device.",
        "",
        f"| model | engine | rows | ULP | points | ULP between batches | {rates} |",
        f"|{' --- |' * (6 + len(batches))}",
    ]
    notes = []
    models = dict.fromkeys(model for entry in result["engines"] for model in entry["models"])
    for model in models:
        for entry in result["engines"]:
            if model in entry["models"]:
                lines.append(_line(model, entry["name"], entry["models"][model], batches))
    for entry in result["engines"]:
        if not entry["models"]:
            notes.append(f"- {entry['name']}: {entry['reason'] or 'no model is for it'}")
        notes += [f"- {entry['name']}, {m}: {one['reason']}" for m, one in entry["models"].items() if "reason" in one]
        if entry.get("left_out"):
            notes.append(f"- {entry['name']}: by their sidecars not for {', '.join(entry['left_out'])}")
    if result["failed"]:
        notes.append(f"- **Failed**: {', '.join(result['failed'])}")
    return "\n".join([*lines, *([""] if notes else []), *notes, ""])


def _line(model: str, engine: str, found: Mapping[str, Any], batches: Sequence[int]) -> str:
    def distance(key: str) -> str:
        if key not in found:
            return "—"
        return "not finite" if found[key] is None else f"{found[key]:,}"

    rates = [found.get("batches", {}).get(str(batch)) for batch in batches]
    cells = [
        model,
        engine,
        f"{found['rows']:,}" if "rows" in found else "—",
        distance("ulp"),
        f"{found['points']:.2g}" if "points" in found else "—",
        distance("ulp_between_batches"),
        *(f"{rate['rows_per_s']:,.0f}" if rate else "—" for rate in rates),
    ]
    return f"| {' | '.join(cells)} |"


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cpu", action="store_true", help="the same engines on the CPU")
    parser.add_argument("--out", type=Path, default=Path(), help="folder for on_gpu.md and on_gpu.json (default: here)")
    parser.add_argument("--model", action="append", default=[], metavar="ID", help="only this registered model")
    parser.add_argument(
        "--engine", action="append", default=[], metavar="NAME", help=f"only this one, beside {REFERENCE}; it must run"
    )
    parser.add_argument("--batch", type=int, action="append", metavar="N", help=f"to time (default: {BATCHES})")
    parser.add_argument("--rows", type=int, metavar="N", help="rows to compare, at most 4,500 (default: as `backends`)")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="the most that it may take (default: 450)")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, write both files and print the page."""
    options, begin = _arguments(argv), time.monotonic()
    every = contenders(cpu=options.cpu)
    if unknown := set(options.engine) - {one.name for one in every}:
        print(
            f"on_gpu: no engine {', '.join(sorted(unknown))}; known: {', '.join(c.name for c in every)}",
            file=sys.stderr,
        )
        return 2
    if not options.cpu and not nvidia_gpu():
        print("on_gpu: no NVIDIA GPU here (nvidia-smi finds none); --cpu measures the same on the CPU", file=sys.stderr)
    try:
        subjects = [registry.find(name) for name in options.model] or registry.subjects()
        chosen = [one for one in every if one.reference or not options.engine or one.name in options.engine]
        batches = options.batch or BATCHES
        found = measure(
            chosen, subjects, asked=options.engine, batches=batches, most=options.rows, seconds=options.seconds
        )
    except TinyvmafError as error:
        print(f"on_gpu: {error}", file=sys.stderr)
        return 1
    result = whole(found, cpu=options.cpu, seconds=time.monotonic() - begin)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "on_gpu.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    shown = page(result, batches)
    (options.out / "on_gpu.md").write_text(shown, encoding="utf-8")
    print(shown)
    return 1 if result["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
