"""Export a teacher's SVR as a registered model, with measured errors in its sidecar and card."""

from pathlib import Path
from typing import Any

import numpy as np

from tinyvmaf.data.golden import golden_errors
from tinyvmaf.model.card import CardKind
from tinyvmaf.model.engines import OnnxRuntimeCpu
from tinyvmaf.model.engines.choose import engines_of, exact_in_words
from tinyvmaf.model.registry import register
from tinyvmaf.model.subject import Subject
from tinyvmaf.model.writer import svr_model
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.teacher import Teacher

_ROWS, _SEED = 10_000, 0
LICENCE = "BSD-2-Clause-Patent"


def export_teacher(teacher: Teacher, kind: CardKind, folder: Path | None = None) -> Subject:
    """Write a teacher's SVR as model `<teacher>_svr`, measure its errors, and register it.

    Args:
        kind: the kind `teacher`.
        folder: the registry to write to; None: the one in use.
    """
    model_id = f"{teacher.id}_svr"
    data = svr_model(teacher, model_id)
    measured = _measure(teacher, OnnxRuntimeCpu(data))
    described: dict[str, Any] = {
        "kind": kind.name,
        "feature_order": list(teacher.feature_names),
        "teacher": {"id": teacher.id, "sha256": teacher.sha256},
        "engines": engines_of(data),
        "training": None,
        "measured": measured,
        "promised": {},
        "licence": f"{LICENCE} (coefficients: Netflix, Inc., {teacher.id})",
    }
    return register(model_id, data, described, _card(teacher, kind, model_id, data, measured), folder)


def _measure(teacher: Teacher, model: OnnxRuntimeCpu) -> dict[str, float]:
    sample = Domain(teacher.features).sample(_ROWS, _SEED).astype(np.float32)
    off = model.run(sample).astype(np.float64) - teacher.predict(sample)
    measured = {"float64_max_abs_error_points": float(np.abs(off).max())} | golden_errors(model.run, teacher)
    return {name: float(f"{value:.3g}") for name, value in measured.items()}


def _card(teacher: Teacher, kind: CardKind, model_id: str, data: bytes, measured: dict[str, float]) -> str:
    command = "tinyvmaf export-teacher" if teacher.id == "vmaf_v0.6.1" else f"tinyvmaf export-teacher {teacher.id}"
    return f"""# {model_id}

The teacher itself: the nu-SVR of Netflix's VMAF model `{teacher.id}`, converted to an ONNX graph that computes in
float64. It is the reference for every student.

| | |
|---|---|
| file | `{model_id}.onnx`, {len(data):,} bytes, opset 17 |
{kind.card.interface(teacher.feature_names)}
| teacher | sha256 `{teacher.sha256}` |
| support vectors | {len(teacher.svr.coefficients)} |
{exact_in_words(data)}
## Measured

With ONNX Runtime on the CPU. `{command}` measured this and wrote this card.

| | |
|---|---|
{kind.card.figures(measured)}

The output is float32. That rounding alone changes a score near 100 by up to 3.8e-6.

## Origin and licence

All coefficients are those of Netflix's `{teacher.id}`, published in the Netflix vmaf project and included in libvmaf.
Copyright Netflix, Inc., licensed under {LICENCE}.
"""
