"""Errors of an exact model on engines that do not compute in IEEE float32: bfloat16, TF32, and flush to zero.

    python tools/benchmarks/outside_ieee.py            # needs: pip install -c constraints.txt -e '.[engines,fit]'

TF32 is emulated in NumPy: the factors of each matrix product are rounded to 11 bits, as NVIDIA's tensor cores do.
"""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from tinyvmaf.files import home
from tinyvmaf.measure import engine_agreement
from tinyvmaf.measure.engine_agreement.ulp import compare
from tinyvmaf.model.engines import Settings, find
from tinyvmaf.model.engines.interpreter import Program
from tinyvmaf.model.engines.model_file import parse
from tinyvmaf.model.engines.numpy_ops import NumpyLibrary
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
from tinyvmaf.vmaf.teacher import load_built_in

Rows = NDArray[np.float32]
MODELS = ("tinyvmaf_nano", "tinyvmaf_exact")
TF32_BITS = 11


def short(x: NDArray[np.floating]) -> NDArray[np.floating]:
    """Values rounded to the bits of TF32, to nearest, ties to even."""
    fraction, exponent = np.frexp(x)
    return np.asarray(np.ldexp(np.rint(np.ldexp(fraction, TF32_BITS)), exponent - TF32_BITS), x.dtype)


class Tf32:
    """NumPy with TF32 matrix products."""

    def __getattr__(self, name: str) -> object:
        return getattr(np, name)

    def matmul(self, a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.floating]:
        return np.asarray(np.matmul(short(a), short(b)))


class Tf32Library(NumpyLibrary):
    """The NumPy engine with TF32 matrix products."""

    xp: Any = Tf32()


def tf32(model: bytes, rows: Rows) -> Rows:
    program = Program(parse(model, find("numpy"), Settings()), Tf32Library())
    with np.errstate(over="ignore"):  # a huge feature, which the graph clips
        return np.asarray(program(rows))[:, 0]


def bfloat16(model: bytes, rows: Rows) -> Rows:
    import openvino as ov

    compiled = ov.Core().compile_model(ov.Core().read_model(model), "CPU", {"INFERENCE_PRECISION_HINT": "bf16"})
    kind = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
    if kind != "bf16":
        raise SystemExit(f"this processor has no bfloat16: OpenVINO takes {kind}")
    return np.asarray(compiled(rows)[0])[:, 0]


def _flushing_onnxruntime(model: bytes, rows: Rows) -> Rows:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    half = helper.make_node("Mul", ["features", "half"], ["score"])
    tensor = helper.make_tensor_value_info
    halving = helper.make_model(
        helper.make_graph(
            [half],
            "half",
            [tensor("features", 1, ["N", 6])],
            [tensor("score", 1, ["N", 6])],
            [numpy_helper.from_array(np.array(0.5, np.float32), "half")],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    smallest = np.full((1, 6), np.finfo(np.float32).tiny, dtype=np.float32)
    probe = ort.InferenceSession(halving.SerializeToString(), options, providers=["CPUExecutionProvider"])
    if np.any(probe.run(None, {"features": smallest})[0]):
        raise SystemExit("ONNX Runtime does not flush here")
    return np.asarray(session.run(None, {"features": rows})[0])[:, 0]


def flushed_by_onnxruntime(model: bytes, rows: Rows) -> Rows:
    # In a new process: only its first session decides whether the threads flush.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_flushing_onnxruntime, model, rows).result()


def flushed_by_torch(model: bytes, rows: Rows) -> Rows:
    import torch

    if not torch.set_flush_denormal(True) or (torch.tensor([2.0**-126]) * 0.5).item() != 0.0:
        raise SystemExit("this processor cannot flush to zero")
    try:
        with find("torch-eager").load(model) as session:
            return session.run(rows)
    finally:
        torch.set_flush_denormal(False)


def main() -> None:
    """Print one line per model and kind of arithmetic."""
    domain = Domain(load_built_in(find_ffmpeg()).features)
    subnormal = (np.random.default_rng(0).uniform(-1.0, 1.0, (20_000, 6)) * 1e-38).astype(np.float32)
    rows = np.concatenate([engine_agreement.inside(domain, 100_000, 0), engine_agreement.extremes(6), subnormal])
    kinds: dict[str, Callable[[bytes, Rows], Rows]] = {
        "bfloat16, OpenVINO": bfloat16,
        "TF32, NumPy": tf32,
        "flush to zero, ONNX Runtime": flushed_by_onnxruntime,
        "flush to zero, PyTorch": flushed_by_torch,
    }
    print(f"{'model':16} {'arithmetic':30} {'max ULP':>12} {'max |d|, points':>16}")
    for name in MODELS:
        model = (home() / "model" / f"{name}.onnx").read_bytes()
        with find("onnxruntime-cpu").load(model) as session:
            expected = session.run(rows)
        for kind, run in kinds.items():
            found = run(model, rows)
            apart = compare(expected, found, bound=0)
            print(f"{name:16} {kind:30} {apart.max:12,} {np.abs(expected - found).max():16.3g}")


if __name__ == "__main__":
    main()
