"""Registering a candidate: an ONNX file with its sidecar and card beside it."""

from pathlib import Path

from tinyvmaf.errors import RegistryError
from tinyvmaf.model import contract, registry
from tinyvmaf.model.sidecar import read_sidecar, sidecar_faults
from tinyvmaf.model.subject import Subject


def register_candidate(path: Path, folder: Path | None = None) -> Subject:
    """Register MODEL.onnx with its sidecar MODEL.json and its card MODEL.md.

    Args:
        folder: the registry; None: the one in use.

    Raises:
        RegistryError: the file breaks the contract, does not match its sidecar, or has no card. Nothing is written.
    """
    wrong = contract.file_faults(path)
    if not wrong:
        sidecar = read_sidecar(path.with_suffix(".json"))
        wrong = sidecar_faults(sidecar, path.read_bytes())
    if wrong:
        raise RegistryError(f"{path} is not registered:\n  " + "\n  ".join(wrong))
    card = path.with_suffix(".md")
    try:
        text = card.read_text(encoding="utf-8")
    except OSError as error:
        raise RegistryError(
            f"{card}: {error.strerror}", hint="write a card: Markdown that describes the model"
        ) from error
    return registry.register(sidecar.id, path.read_bytes(), sidecar.as_dict(), text, folder)
