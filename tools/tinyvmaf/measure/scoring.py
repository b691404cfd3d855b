"""What is said of a scored pair beside libvmaf's own log: teachers that are evaluated here, and tiny models."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.errors import ModelError, RegistryError
from tinyvmaf.files import sha256
from tinyvmaf.vmaf.libvmaf import FrameTable
from tinyvmaf.vmaf.pooling import PooledMetric, pool
from tinyvmaf.vmaf.teacher import Teacher

if TYPE_CHECKING:
    from tinyvmaf.model.sidecar import Sidecar


@dataclass(frozen=True)
class TinyModel:
    """A tiny model, whose file is the one that its sidecar is of."""

    id: str
    data: bytes
    """The ONNX file."""
    sidecar: "Sidecar"

    @property
    def features(self) -> list[str]:
        """In the order in which it takes them."""
        return list(self.sidecar.feature_order)

    def run(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """`[T]`, VMAF points, of features `[T, F]`.

        Raises:
            ModelError: it cannot be loaded.
        """
        from tinyvmaf.model.engines import OnnxRuntimeCpu

        return OnnxRuntimeCpu(self.data).run(features).astype(np.float64)


@dataclass(frozen=True)
class TinyScores:
    """A tiny model's scores of a clip."""

    id: str
    sha256: str
    """Of the ONNX file."""
    features: list[str]
    """In the order in which the model takes them."""
    scores: NDArray[np.float64]
    """`[T]`, VMAF points."""


def teacher_scores(teacher: Teacher, table: FrameTable) -> NDArray[np.float64]:
    """float64 `[T]` in VMAF points: what libvmaf logged of the teacher.

    FFmpeg's filter does not run bootstrap collections, so such a teacher is evaluated here.

    Raises:
        LogError: the teacher, or a feature of it, was not measured.
    """
    return teacher.predict(table.features(teacher.feature_names)) if teacher.bootstrap else table.column(teacher.id)


def pooled(name: str, values: NDArray[np.float64], table: FrameTable) -> PooledMetric:
    """A column of the log, or scores under a name that it lacks, over the clip.

    libvmaf's own pooling where it has one: it pools before it rounds.
    """
    known = table.pooled.get(name)
    if known is None:
        return pool(values)
    return PooledMetric(min=known["min"], max=known["max"], mean=known["mean"], harmonic_mean=known["harmonic_mean"])


def tiny_model(name: str) -> TinyModel:
    """A registered model by its id, or an `.onnx` file by its path, its sidecar beside it.

    Raises:
        ModelError: no sidecar, or unreadable.
        RegistryError: not registered, not what was registered, or the sidecar is none.
    """
    # onnx takes longer to import than everything else here, and most calls do not need it.
    from tinyvmaf.model import registry
    from tinyvmaf.model.sidecar import read_sidecar

    if name.endswith(".onnx") or Path(name).is_file():
        path = Path(name)
        beside = path.with_suffix(".json")
        model_id = path.stem
        if not beside.is_file():
            raise ModelError(f"{path} has no sidecar {beside.name}, so the order of its features is not known")
    else:
        entry = registry.find(name)
        if found := registry.faults(entry):
            raise RegistryError(f"{name} is not what was registered: {'; '.join(found)}")
        path, beside, model_id = entry.onnx, entry.sidecar_path, entry.id
    sidecar = read_sidecar(beside)
    try:
        return TinyModel(model_id, path.read_bytes(), sidecar)
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}") from error


def tiny_scores(model: TinyModel, table: FrameTable) -> TinyScores:
    """Run a tiny model on the features of a scored pair.

    Raises:
        ModelError: it cannot be loaded.
        LogError: it takes a feature that was not measured.
    """
    return TinyScores(model.id, sha256(model.data), model.features, model.run(table.features(model.features)))
