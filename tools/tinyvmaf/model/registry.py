"""The models that the gates judge: `model/registry.json`, and an ONNX file, a sidecar and a card of each.

The registry holds the sha256 of each ONNX file and of its sidecar, so neither changes unnoticed. This module alone
reads and writes it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import Field

from tinyvmaf.errors import RegistryError
from tinyvmaf.files import home, sha256, write_atomic
from tinyvmaf.model.contract import tier
from tinyvmaf.model.sidecar import ModelId, Sidecar, graph_facts, read_sidecar, sidecar_faults
from tinyvmaf.validation import Items, Sha256, Strict, Version1, parse, read_json

REGISTRY: Final = "registry.json"


class _Listed(Strict):
    id: ModelId
    sha256: Sha256
    sidecar_sha256: Sha256


class _Registry(Strict):
    schema_: Version1 = Field(alias="schema")
    models: Items[_Listed]


@dataclass(frozen=True)
class Entry:
    """A registered model."""

    id: str
    sha256: str
    """Of the ONNX file."""
    sidecar_sha256: str
    folder: Path

    @property
    def onnx(self) -> Path:
        """The model file."""
        return self.folder / f"{self.id}.onnx"

    @property
    def sidecar_path(self) -> Path:
        """The sidecar's file."""
        return self.folder / f"{self.id}.json"

    def sidecar(self) -> Sidecar:
        """The sidecar.

        Raises:
            RegistryError: missing, not JSON, or not a sidecar.
        """
        return read_sidecar(self.sidecar_path)


def model_folder() -> Path:
    """The folder with the registry and the models."""
    return home() / "model"


def entries(folder: Path | None = None) -> list[Entry]:
    """The registered models, in the registry's order.

    Raises:
        RegistryError: no registry, a malformed one, an id twice, or no model: a gate must not pass on nothing.
    """
    path = (folder or model_folder()) / REGISTRY
    found = _read(path)
    if not found:
        raise RegistryError(f"{path} lists no model", hint="register one: tinyvmaf export-teacher")
    return found


def find(model_id: str, folder: Path | None = None) -> Entry:
    """The registered model of that id.

    Raises:
        RegistryError: it is not registered; lists those that are.
    """
    known = entries(folder)
    for entry in known:
        if entry.id == model_id:
            return entry
    raise RegistryError(
        f"no model {model_id!r} is registered", hint=f"registered: {', '.join(entry.id for entry in known)}"
    )


def faults(entry: Entry) -> list[str]:
    """Where a registered model, its sidecar and its card disagree; empty if nowhere."""
    found = []
    try:
        tier(entry.onnx.stat().st_size)  # before anything reads it
        data = entry.onnx.read_bytes()
    except OSError as error:
        return [f"{entry.onnx}: {error.strerror}"]
    except RegistryError as error:
        return [f"{entry.onnx.name}: {error.message}"]
    actual = sha256(data)
    if actual != entry.sha256:
        found.append(f"{entry.onnx.name}: sha256 is {actual}, registered {entry.sha256}")
    try:
        written = sha256(entry.sidecar_path.read_bytes())
        sidecar = entry.sidecar()
    except OSError as error:
        return [*found, f"{entry.sidecar_path.name}: {error.strerror}"]
    except RegistryError as error:
        return [*found, error.message]
    if written != entry.sidecar_sha256:
        found.append(f"{entry.sidecar_path.name}: sha256 is {written}, registered {entry.sidecar_sha256}")
    found += [f"{entry.sidecar_path.name}: {fault}" for fault in sidecar_faults(sidecar, data)]
    if sidecar.id != entry.id:
        found.append(f"{entry.sidecar_path.name}: id is {sidecar.id!r}, registered as {entry.id!r}")
    if not entry.onnx.with_suffix(".md").is_file():
        found.append(f"{entry.id}.md: no model card")
    return found


def register(model_id: str, data: bytes, claims: Mapping[str, Any], card: str, folder: Path | None = None) -> Entry:
    """Write a model with its sidecar and card, and enter it into the registry, in place of one of the same id.

    The registry is written last: until then the old entry stands.

    Args:
        data: the ONNX file.
        claims: the entries of the sidecar that the file does not show (kind, teacher, training, ...).
        card: the model card, Markdown.

    Raises:
        RegistryError: they do not make a sidecar.
    """
    folder = folder or model_folder()
    content = {"schema": 1, "id": model_id} | graph_facts(data) | dict(claims)
    text = parse(Sidecar, content, f"sidecar of {model_id}", RegistryError).text()
    entry = Entry(model_id, sha256(data), sha256(text.encode()), folder)
    path = folder / REGISTRY
    others = _read(path) if path.exists() else []
    write_atomic(entry.onnx, data)
    write_atomic(entry.sidecar_path, text)
    write_atomic(entry.onnx.with_suffix(".md"), card)
    listed = sorted([*(e for e in others if e.id != model_id), entry], key=lambda e: e.id)
    models = [{"id": e.id, "sha256": e.sha256, "sidecar_sha256": e.sidecar_sha256} for e in listed]
    write_atomic(path, json.dumps({"schema": 1, "models": models}, indent=2) + "\n")
    return entry


def _read(path: Path) -> list[Entry]:
    try:
        content = read_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise RegistryError(f"{path}: {error}") from error
    listed = parse(_Registry, content, str(path), RegistryError).models
    ids = [one.id for one in listed]
    if len(set(ids)) != len(ids):
        raise RegistryError(f"{path} lists a model twice: {', '.join(ids)}")
    return [Entry(one.id, one.sha256, one.sidecar_sha256, path.parent) for one in listed]
