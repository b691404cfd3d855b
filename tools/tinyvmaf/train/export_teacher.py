"""A teacher's SVR as a registered model, with measured values in its sidecar and card."""

from pathlib import Path
from typing import Any

import numpy as np

from tinyvmaf.data.golden import golden_errors
from tinyvmaf.model.engines import OnnxRuntimeCpu
from tinyvmaf.model.engines.choose import engines_of, exact_in_words
from tinyvmaf.model.registry import Entry, register
from tinyvmaf.model.writer import svr_model
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.teacher import Teacher

_ROWS, _SEED = 10_000, 0
LICENCE = "BSD-2-Clause-Patent"


def export_teacher(teacher: Teacher, folder: Path | None = None) -> Entry:
    """Write a teacher's SVR as `<teacher>_svr`, register it, and put down what was measured.

    Args:
        folder: the registry to write to; None for the one in use.
    """
    model_id = f"{teacher.id}_svr"
    data = svr_model(teacher, model_id)
    measured = _measure(teacher, OnnxRuntimeCpu(data))
    described: dict[str, Any] = {
        "kind": "svr",
        "feature_order": list(teacher.feature_names),
        "teacher": {"id": teacher.id, "sha256": teacher.sha256},
        "engines": engines_of(data),
        "training": None,
        "measured": measured,
        "promised": {},
        "licence": f"{LICENCE} (coefficients: Netflix, Inc., {teacher.id})",
    }
    return register(model_id, data, described, _card(teacher, model_id, data, measured), folder)


def _measure(teacher: Teacher, model: OnnxRuntimeCpu) -> dict[str, float]:
    sample = Domain(teacher.features).sample(_ROWS, _SEED).astype(np.float32)
    off = model.run(sample).astype(np.float64) - teacher.predict(sample)
    measured = {"float64_max_abs_error_points": float(np.abs(off).max())} | golden_errors(model.run, teacher)
    return {name: float(f"{value:.3g}") for name, value in measured.items()}


def _card(teacher: Teacher, model_id: str, data: bytes, measured: dict[str, float]) -> str:
    inputs = ", ".join(f"`{name}`" for name in teacher.feature_names)
    meanings = {
        "float64_max_abs_error_points": f"max error against the SVR in float64, {_ROWS:,} rows of its domain",
        "golden_frame_max_abs_error_points": "max error against libvmaf on a frame of the golden pairs",
        "golden_clip_max_abs_error_points": "max error against libvmaf on a clip mean of the golden pairs",
    }
    rows = "\n".join(f"| {meanings[name]} | {value:.3g} VMAF points |" for name, value in measured.items())
    command = "tinyvmaf export-teacher" if teacher.id == "vmaf_v0.6.1" else f"tinyvmaf export-teacher {teacher.id}"
    return f"""# {model_id}

The teacher itself: the nu-SVR of Netflix's VMAF model `{teacher.id}` as an ONNX graph, float64 inside. The yardstick
for every student; made, not trained.

| | |
|---|---|
| file | `{model_id}.onnx`, {len(data):,} bytes, opset 17 |
| input | `features`, float32 `[N, {len(teacher.features)}]`: {inputs} |
| output | `score`, float32 `[N, 1]`, VMAF points, clipped as the teacher clips |
| teacher | sha256 `{teacher.sha256}` |
| support vectors | {len(teacher.svr.coefficients)} |
{exact_in_words(data)}
## Measured

ONNX Runtime on the CPU, by `{command}`, which wrote this card:

| | |
|---|---|
{rows}

The output is float32, which alone rounds a score near 100 by up to 3.8e-6.

## Origin and licence

All coefficients are those of Netflix's `{teacher.id}`, as published in the Netflix vmaf project and carried inside
libvmaf. Copyright Netflix, Inc., licensed under {LICENCE}.
"""
