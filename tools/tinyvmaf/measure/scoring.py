"""Scores of a pair by tiny models, and by teachers that libvmaf's filter does not run."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.errors import CouldNotRunError, ModelError, RegistryError
from tinyvmaf.files import sha256
from tinyvmaf.vmaf.libvmaf import FrameTable
from tinyvmaf.vmaf.pooling import PooledMetric, pool
from tinyvmaf.vmaf.teacher import Teacher

if TYPE_CHECKING:
    from tinyvmaf.model.subject import Subject


@dataclass(frozen=True)
class TinyScores:
    """The scores of a clip by a tiny model."""

    id: str
    sha256: str
    """sha256 of the ONNX file."""
    features: list[str]
    """The model's features, in input order."""
    scores: NDArray[np.float64]
    """`[T]`, VMAF points."""


def teacher_scores(teacher: Teacher, table: FrameTable) -> NDArray[np.float64]:
    """The teacher's scores, float64 `[T]`, VMAF points: those that libvmaf logged.

    FFmpeg's filter does not run bootstrap models, so those are evaluated here.

    Raises:
        LogError: the teacher or one of its features is not in the log.
    """
    return teacher.predict(table.features(teacher.feature_names)) if teacher.bootstrap else table.column(teacher.id)


def pooled(name: str, values: NDArray[np.float64], table: FrameTable) -> PooledMetric:
    """Scores pooled over the clip, under a name.

    Uses libvmaf's pooled values if its log has this name, because libvmaf pools before it rounds.
    """
    known = table.pooled.get(name)
    if known is None:
        return pool(values)
    return PooledMetric(min=known["min"], max=known["max"], mean=known["mean"], harmonic_mean=known["harmonic_mean"])


def tiny_model(name: str) -> "Subject":
    """A registered model by its id, or an `.onnx` file with its sidecar by path. Both files are read now.

    Raises:
        ModelError: there is no sidecar, or a file cannot be read.
        RegistryError: not registered, not the registered file, or the sidecar is not valid.
    """
    # Imported here: onnx is slow to import, and most calls do not need it.
    from tinyvmaf.model import registry
    from tinyvmaf.model.subject import Subject

    if name.endswith(".onnx") or Path(name).is_file():
        path = Path(name)
        if not path.with_suffix(".json").is_file():
            raise ModelError(f"{path} has no sidecar {path.stem}.json, which names the order of its features")
        found = replace(Subject.at(path), id=path.stem)
    else:
        found = registry.find(name)
        if wrong := registry.faults(found):
            raise RegistryError(f"{name} is not what was registered: {'; '.join(wrong)}")
    try:
        _ = found.data, found.sidecar
    except CouldNotRunError as error:
        raise ModelError(error.message) from error
    return found


def run(model: "Subject", features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores `[T]`, VMAF points, of features `[T, F]`.

    Raises:
        ModelError: the model cannot be loaded.
    """
    from tinyvmaf.model.engines import OnnxRuntimeCpu

    return OnnxRuntimeCpu(model.data).run(features).astype(np.float64)


def tiny_scores(model: "Subject", table: FrameTable) -> TinyScores:
    """Run a tiny model on the features of a scored pair.

    Raises:
        ModelError: the model cannot be loaded.
        LogError: one of its features was not measured.
    """
    return TinyScores(model.id, sha256(model.data), list(model.features), run(model, table.features(model.features)))
