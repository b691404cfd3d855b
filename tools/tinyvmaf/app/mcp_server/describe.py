"""What is known of a tiny model."""

from pathlib import Path

from tinyvmaf.app.mcp_server.results import Certificate, Described, ModelRow
from tinyvmaf.errors import ModelError, RegistryError
from tinyvmaf.model import contract, registry
from tinyvmaf.model.certificate import certify_file
from tinyvmaf.model.registry import Entry
from tinyvmaf.model.sidecar import read_sidecar


def row(entry: Entry) -> ModelRow:
    """A registered model in a list of them.

    Raises:
        RegistryError: its sidecar cannot be read.
    """
    sidecar = entry.sidecar()
    return ModelRow(
        id=entry.id,
        kind=sidecar.kind,
        tier=sidecar.tier,
        bytes=sidecar.bytes,
        sha256=entry.sha256,
        teacher=sidecar.teacher.id,
        feature_order=list(sidecar.feature_order),
        exact=sidecar.exact.word,
        as_registered=not registry.faults(entry),
    )


def described(name: str) -> Described:
    """Everything about one.

    Args:
        name: id of a registered model, or path of an `.onnx` file; a sidecar and a card stand beside it, or not.

    Raises:
        RegistryError: the sidecar is none.
    """
    if name.endswith(".onnx"):
        onnx = Path(name)
        model_id, faults = onnx.stem, contract.file_faults(onnx)
    else:
        entry = registry.find(name)
        onnx, model_id, faults = entry.onnx, entry.id, registry.faults(entry)
    beside = onnx.with_suffix(".json")
    sidecar = read_sidecar(beside) if beside.is_file() else None
    card = onnx.with_suffix(".md")
    return Described(
        id=model_id,
        sidecar=sidecar.as_dict() if sidecar else {},
        card=card.read_text(encoding="utf-8", errors="replace") if card.is_file() else "",
        faults=faults,
        certificate=_certificate(onnx),
        measured=dict(sidecar.measured) if sidecar else {},
        promised=dict(sidecar.promised) if sidecar else {},
    )


def _certificate(onnx: Path) -> Certificate | None:
    try:
        proof = certify_file(onnx)
    except (ModelError, RegistryError):  # which the faults say
        return None
    return Certificate(
        certified=proof.certified,
        exact_in_float64=proof.exact_in_float64,
        flush_to_zero_safe=proof.flush_to_zero_safe,
        accumulator_bits=proof.accumulator_bits,
        explanation=proof.explain(),
    )
