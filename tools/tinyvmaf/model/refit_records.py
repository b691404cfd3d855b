"""Recorded refits: `model/refits/ID.json`, written by `tinyvmaf refit --record`: what a model's recipe gave.

If that is not the registered file, the file that it gave lies beside the record: `model/refits/ID.onnx`.
"""

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from tinyvmaf.errors import RegistryError
from tinyvmaf.files import read_bounded, sha256
from tinyvmaf.model.contract import LARGEST, LARGEST_SIDECAR
from tinyvmaf.model.sidecar import ModelId, TeacherOf
from tinyvmaf.validation import Items, Sha256, Strict, Version1, parse, read_json


class RefitRecord(Strict):
    """What the recipe of a registered model gave, fitted anew. Its fields stand in the file in this order."""

    schema_: Version1 = Field(alias="schema")
    model: ModelId
    sha256: Sha256
    """Of the registered ONNX file."""
    fitted_sha256: Sha256
    """Of the file that the recipe gave."""
    recipe: str
    recipe_sha256: Sha256
    seed: int
    teacher: TeacherOf
    code: Sha256
    """Of the code that fits."""
    libraries: Items[str]
    """Names and versions of those that it fits with. PyTorch's builds of a version, such as `+cpu`, are one."""
    machine: Annotated[str, Field(pattern="^[0-9a-f]{12}$")]
    """The machine that fitted it, as in the sidecar."""

    @property
    def same(self) -> bool:
        """Whether the recipe gave the registered file, byte for byte."""
        return self.fitted_sha256 == self.sha256

    def text(self) -> str:
        """The file's content."""
        content: dict[str, Any] = self.model_dump(mode="json", by_alias=True)
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def refit_files(model_id: str, folder: Path) -> tuple[Path, Path]:
    """The record of a model, in the folder of its registry, and the file that the recipe gave, if it is another."""
    return folder / "refits" / f"{model_id}.json", folder / "refits" / f"{model_id}.onnx"


def again(model_id: str) -> str:
    """The command that records it anew."""
    return f"tinyvmaf refit {model_id} --record"


def read_refit(model_id: str, folder: Path) -> RefitRecord | None:
    """What is recorded of a model; None if nothing is.

    Raises:
        RegistryError: the file is not a record of this model.
    """
    path, hint = refit_files(model_id, folder)[0], again(model_id)
    try:
        content = read_json(read_bounded(path, LARGEST_SIDECAR))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise RegistryError(f"{path}: {getattr(error, 'strerror', None) or error}", hint=hint) from error
    try:
        found = parse(RefitRecord, content, str(path), RegistryError)
    except RegistryError as error:
        raise RegistryError(error.message, hint=hint) from error
    if found.model != model_id:
        raise RegistryError(f"{path}: it is about {found.model}", hint=hint)
    return found


def fitted_file(record: RefitRecord, registered: bytes, folder: Path) -> bytes:
    """The ONNX file that the recipe gave.

    Args:
        registered: the registered file.

    Raises:
        RegistryError: it is not here, or another one is.
    """
    if record.same:
        data, path = registered, None
    else:
        path = refit_files(record.model, folder)[1]
        try:
            data = read_bounded(path, LARGEST)
        except OSError as error:
            raise RegistryError(f"{path}: {error.strerror}", hint=again(record.model)) from error
    if sha256(data) != record.fitted_sha256:
        raise RegistryError(f"{path or record.model}: not the file of its record", hint=again(record.model))
    return data
