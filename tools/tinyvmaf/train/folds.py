"""The ONNX models of every fold of a recipe, fitted once and then read from the store.

The key of a stored fit covers everything that the fit depends on: recipe, teacher, corpus rows, folds, seeds, opinions,
the code that fits, without its comments, and the versions of its libraries. A change to any of them causes a new fit.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import numpy as np
import onnx
import pyarrow as pa

from tinyvmaf.code_digest import code_digest
from tinyvmaf.data.corpus.splits import Fold
from tinyvmaf.data.dataset import INDEX, Dataset
from tinyvmaf.data.opinions import Opinions
from tinyvmaf.data.store import Store, key_of
from tinyvmaf.train.recipes import Recipe
from tinyvmaf.vmaf.teacher import Teacher

_CODE: Final = (  # files and folders whose code can change a fit
    *("vmaf/features.py", "vmaf/teacher", "vmaf/domain", "data/corpus/splits.py"),
    *("model/contract/__init__.py", "model/writer"),  # names in the graph
    *("train/students", "train/export_student", "train/fitting", "train/recipes", "train/folds.py"),
)
# They find the JSON of a teacher, which is a part of the key by its sha256.
_NO_CODE: Final = {f"vmaf/teacher/{name}.py" for name in ("__init__", "load", "names", "own")}
_LIBRARIES: Final = ("torch", "numpy", "scipy", "onnx")


@dataclass(frozen=True)
class FoldModel:
    """The model of one fold and seed."""

    held_out: str | None
    """The source that the fit did not see; None if it saw no clips, or all of them."""
    seed: int
    data: bytes
    """The ONNX file."""

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources that the model was trained on, from the file's metadata."""
        sources = self.metadata().get("sources", "")
        return tuple(json.loads(sources)) if sources else ()

    def metadata(self) -> dict[str, str]:
        """The metadata of the ONNX file."""
        return {entry.key: entry.value for entry in onnx.load_model_from_string(self.data).metadata_props}


@dataclass(frozen=True)
class FitRequest:
    """Everything that the fitted models depend on, except code and libraries."""

    recipe: Recipe
    teacher: Teacher
    data: Dataset | None
    folds: Sequence[Fold] = ()
    """Empty: one model per seed, fitted on all sources."""
    seeds: Sequence[int] | None = None
    """Replaces the recipe's seeds."""
    opinions: Opinions | None = None
    """On the scale of the recipe."""
    model_id: str | None = None
    """Name of the ONNX graphs; None: the recipe's id."""

    def depends_on(self) -> dict[str, object]:
        """The key of a stored fit."""
        recipe, data = self.recipe, self.data
        sees = recipe.sees_clips
        return {
            "kind": "fit",
            "name": self.model_id or recipe.id,
            "recipe": [recipe.id, recipe.sha256],
            "teacher": self.teacher.sha256,
            "rows": _rows_digest(self.teacher, data) if sees and data is not None else None,
            "folds": [[fold.held_out, *fold.train] for fold in self.folds] if sees else None,
            "seeds": list(recipe.seeds if self.seeds is None else self.seeds),
            "opinions": sorted([clip, *pair] for clip, pair in self.opinions.items()) if self.opinions else None,
            "code": fitting_code(),
            "libraries": libraries(),
        }


def fold_models(
    request: FitRequest,
    store: Store | None,
    *,
    fresh: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> list[FoldModel]:
    """The models of a recipe's folds, from the store or fitted now.

    Args:
        store: None: always fit, and store nothing.
        fresh: fit, whatever the store has, and store that.

    Returns:
        For each fold, one model per seed. A recipe that sees no clips gives one model per seed, for all folds.

    Raises:
        FitError, TinyvmafError: as `fitting.run.fit`.
    """
    if store is None:
        return _fit(request, progress)
    key = key_of(request.depends_on())
    with store.lock(key):
        table = None if fresh else store.get(key)
        if table is None:
            models = _fit(request, progress)
            store.put(key, _table(models), {"kind": "fit", "recipe": request.recipe.id, "models": len(models)})
            return models
    return [FoldModel(row["held_out"], row["seed"], row["model"]) for row in table.to_pylist()]


def _fit(request: FitRequest, progress: Callable[[int, int], None] | None) -> list[FoldModel]:
    from tinyvmaf.train.export_student import any_model
    from tinyvmaf.train.fitting.run import fit  # imports torch, which takes 1.5 s

    recipe, teacher = request.recipe, request.teacher
    fitted = fit(
        recipe, teacher, request.data, request.folds, seeds=request.seeds, opinions=request.opinions, progress=progress
    )
    models = []
    for one in fitted:
        metadata = {
            "recipe": recipe.id,
            "recipe_sha256": recipe.sha256,
            "seed": str(one.seed),
            "sources": json.dumps(one.sources) if one.sources else "",
            "teacher": teacher.id,
            "teacher_sha256": teacher.sha256,
        }
        if one.validation is not None:
            metadata["validation_source"] = one.validation
        name = request.model_id or recipe.id
        data = any_model(one.student, name, metadata, arithmetic=recipe.arithmetic)
        models.append(FoldModel(one.held_out, one.seed, data))
    return models


def _table(models: Sequence[FoldModel]) -> pa.Table:
    return pa.table(
        {
            "held_out": pa.array([m.held_out for m in models], pa.string()),
            "seed": pa.array([m.seed for m in models], pa.int64()),
            "model": pa.array([m.data for m in models], pa.binary()),
        }
    )


def _rows_digest(teacher: Teacher, data: Dataset) -> str:
    digest = hashlib.sha256(np.ascontiguousarray(data.columns(*teacher.feature_names, teacher.id)).tobytes())
    for name in INDEX:
        digest.update("\0".join(map(str, data.table[name].to_pylist())).encode())
    return digest.hexdigest()


@cache
def fitting_code() -> str:
    """A digest of the code that can change a fit."""
    package, modules = Path(__file__).resolve().parents[1], set[str]()
    for part in _CODE:
        path = package / part
        found = [path] if path.is_file() else sorted(path.rglob("*.py"))
        if not found:
            raise FileNotFoundError(path)
        modules |= {file.relative_to(package).as_posix() for file in found}
    return code_digest(modules - _NO_CODE, package)


def libraries() -> list[str]:
    """The libraries that can change a fit, with their versions."""
    return [f"{library} {_version(library)}" for library in _LIBRARIES]


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "none"
