"""The models that the gates judge: `model/registry.json`, and an ONNX file, a sidecar and a card of each.

The registry holds the sha256 of each ONNX file and of its sidecar, so neither changes unnoticed. This module alone
reads and writes it.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import Field

from tinyvmaf.errors import CouldNotRunError, RegistryError, known_hint
from tinyvmaf.files import all_or_nothing, home, read_bounded, sha256, write_atomic
from tinyvmaf.model.contract import LARGEST_SIDECAR
from tinyvmaf.model.proof_records import ProofRecord, proof_path, read_proof, with_proof
from tinyvmaf.model.refit_records import read_refit, refit_files
from tinyvmaf.model.sidecar import ModelId, Sidecar, graph_facts, read_sidecar, sidecar_faults
from tinyvmaf.model.subject import Subject
from tinyvmaf.project import project, writable
from tinyvmaf.validation import Items, Sha256, Strict, Version1, parse, read_json

REGISTRY: Final = "registry.json"


class _Listed(Strict):
    id: ModelId
    sha256: Sha256
    sidecar_sha256: Sha256


class _Registry(Strict):
    schema_: Version1 = Field(alias="schema")
    models: Items[_Listed]


def model_folder() -> Path:
    """The folder with the registry and the models of the project."""
    return project().models


def brought_folder() -> Path:
    """The folder with the models that tinyvmaf brings."""
    return home() / "model"


def subjects(folder: Path | None = None) -> list[Subject]:
    """The registered models, in the registry's order.

    Raises:
        RegistryError: no registry, a malformed one, an id twice, or no model: a gate must not pass on nothing.
    """
    path = (folder or model_folder()) / REGISTRY
    found = _read(path)
    if not found:
        raise RegistryError(f"{path} lists no model", hint="register one: tinyvmaf register MODEL.onnx --all")
    return found


def find(model_id: str, folder: Path | None = None) -> Subject:
    """The registered model of that id.

    Args:
        folder: its registry; None: that of the project, then that of the models that tinyvmaf brings.

    Raises:
        RegistryError: it is not registered; lists those that are.
    """
    if folder is None and model_folder() != brought_folder():
        listed = _read(model_folder() / REGISTRY) if (model_folder() / REGISTRY).exists() else []
        known = {one.id: one for one in [*subjects(brought_folder()), *listed]}
    else:
        known = {one.id: one for one in subjects(folder)}
    if model_id not in known:
        raise RegistryError(f"no model {model_id!r} is registered", hint=known_hint(model_id, known, "registered"))
    return known[model_id]


def faults(subject: Subject, *, card: bool = True) -> list[str]:
    """Where a model, its sidecar and its card disagree with the registry or each other; empty if nowhere.

    Args:
        card: whether it needs one.
    """
    found, path, beside = [], subject.file, subject.sidecar_path
    try:
        data = subject.data
    except CouldNotRunError as error:
        return [error.message]
    actual = sha256(data)
    if subject.sha256 not in (actual, ""):  # a sidecar without one is a fault by itself, below
        other = "registered" if subject.registered else "and the sidecar is of another file: it says"
        found.append(f"{path.name}: sha256 is {actual}, {other} {subject.sha256}")
    try:
        written = sha256(read_bounded(beside, LARGEST_SIDECAR))
        sidecar = read_sidecar(beside)
    except OSError as error:
        return [*found, f"{beside.name}: {error.strerror}"]
    except RegistryError as error:
        return [*found, error.message.replace(str(beside), "its sidecar")]  # which may be a copy
    if written != subject.sidecar_sha256:
        found.append(f"{beside.name}: sha256 is {written}, registered {subject.sidecar_sha256}")
    found += [f"{beside.name}: {fault}" for fault in sidecar_faults(sidecar, data)]
    if sidecar.id != subject.id:
        found.append(f"{beside.name}: id is {sidecar.id!r}, registered as {subject.id!r}")
    if card and not path.with_suffix(".md").is_file():
        found.append(f"{subject.id}.md: no model card")
    return found


def register(model_id: str, data: bytes, claims: Mapping[str, Any], card: str, folder: Path | None = None) -> Subject:
    """Write a model with its sidecar and card, and enter it into the registry, in place of one of the same id.

    All of it or, after an error or an interruption, nothing. Sidecar and card say what the folder's record proves of
    this file; records of another file are removed.

    Args:
        data: the ONNX file.
        claims: the entries of the sidecar that the file does not show (kind, teacher, training, ...).
        card: the model card, Markdown.

    Raises:
        RegistryError: they do not make a sidecar.
    """
    folder = folder or writable().models
    proof = proof_path(model_id, folder)
    proven = _proven(model_id, folder, sha256(data))
    claimed = {"proven_everywhere_points": None if proven is None else proven.bound_points}
    content = {"schema": 1, "id": model_id} | graph_facts(data) | dict(claims) | claimed
    text = parse(Sidecar, content, f"sidecar of {model_id}", RegistryError).text()
    new = _subject(model_id, sha256(data), sha256(text.encode()), folder)
    path = folder / REGISTRY
    others = _read(path) if path.exists() else []
    refits = refit_files(model_id, folder)
    outdated = [] if proven is not None else [proof]
    outdated += [] if _refitted(model_id, folder, sha256(data)) else refits
    with all_or_nothing((*files_of(new), path, proof, *refits)):
        for old in outdated:
            old.unlink(missing_ok=True)
        write_atomic(new.file, data)
        write_atomic(new.sidecar_path, text)
        write_atomic(new.file.with_suffix(".md"), with_proof(card, proven))
        _write(path, sorted([*(one for one in others if one.id != model_id), new], key=lambda one: one.id))
    return new


def _proven(model_id: str, folder: Path, digest: str) -> ProofRecord | None:
    """The record in this folder, if it is about this file."""
    try:
        found = read_proof(model_id, folder)
    except RegistryError:
        return None
    return found if found is not None and found.sha256 == digest else None


def _refitted(model_id: str, folder: Path, digest: str) -> bool:
    """Whether the record of a refit in this folder is about this file."""
    try:
        found = read_refit(model_id, folder)
    except RegistryError:
        return False
    return found is not None and found.sha256 == digest


def unregister(subject: Subject) -> None:
    """Take a model out of its registry, and remove its file, sidecar, card and records: all of it or nothing."""
    path = subject.path.with_name(REGISTRY)
    files = (*files_of(subject), *records_of(subject))
    with all_or_nothing((*files, path)):
        _write(path, [one for one in _read(path) if one.id != subject.id])
        for file in files:
            file.unlink(missing_ok=True)


def files_of(subject: Subject) -> tuple[Path, Path, Path]:
    """ONNX file, sidecar and card."""
    return subject.file, subject.sidecar_path, subject.file.with_suffix(".md")


def records_of(subject: Subject) -> tuple[Path, ...]:
    """What is recorded of its proof and its refit."""
    folder = subject.path.parent
    return proof_path(subject.id, folder), *refit_files(subject.id, folder)


def _write(path: Path, listed: Sequence[Subject]) -> None:
    models = [{"id": one.id, "sha256": one.sha256, "sidecar_sha256": one.sidecar_sha256} for one in listed]
    write_atomic(path, json.dumps({"schema": 1, "models": models}, indent=2) + "\n")


def _subject(model_id: str, digest: str, sidecar_digest: str, folder: Path) -> Subject:
    path = folder / f"{model_id}.onnx"
    return Subject(model_id, path, registered=True, sha256=digest, sidecar_sha256=sidecar_digest)


def _read(path: Path) -> list[Subject]:
    try:
        content = read_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise RegistryError(f"{path}: {error}") from error
    listed = parse(_Registry, content, str(path), RegistryError).models
    ids = [one.id for one in listed]
    if len(set(ids)) != len(ids):
        raise RegistryError(f"{path} lists a model twice: {', '.join(ids)}")
    return [_subject(one.id, one.sha256, one.sidecar_sha256, path.parent) for one in listed]
