"""Writes a variant: the file, a sidecar that names its parent, and a card."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyvmaf.files import write_atomic
from tinyvmaf.model import contract, registry
from tinyvmaf.model.card import CardKind
from tinyvmaf.model.engines.choose import engines_of, exact_in_words
from tinyvmaf.model.subject import Subject
from tinyvmaf.train.quantise.words import WORDS


@dataclass(frozen=True)
class Variant:
    """A variant on disk."""

    method: str
    path: Path
    keeps_the_contract: bool
    """Else its sidecar is one of third parties: the gates adopt the file, or say why not."""


def write_variant(parent: Subject, method: str, data: bytes, *, kind: CardKind, folder: Path) -> Variant:
    """Write a variant into a folder, which becomes a registry.

    Args:
        kind: the kind of models that stand in for a teacher.

    Raises:
        RegistryError: it does not make a sidecar.
    """
    name, claims = f"{parent.id}_{method}", parent.sidecar
    of = {"id": parent.id, "sha256": claims.sha256, "method": method}
    if contract.faults(data):
        path = folder / f"{name}.onnx"
        write_atomic(path, data)
        theirs = {"features": [*claims.feature_order], "teacher": claims.teacher.id, "variant_of": of}
        write_atomic(path.with_suffix(".json"), json.dumps(theirs, indent=2) + "\n")
        return Variant(method, path, keeps_the_contract=False)
    described: Mapping[str, Any] = {
        "kind": kind.name,
        "feature_order": [*claims.feature_order],
        "teacher": claims.teacher.model_dump(),
        "engines": engines_of(data),
        "training": None,
        "measured": {},
        "promised": {},
        "variant_of": of,
        "licence": claims.licence,
    }
    new = registry.register(name, data, described, _card(parent, name, WORDS[method], data, kind), folder)
    return Variant(method, new.file, keeps_the_contract=True)


def _card(parent: Subject, name: str, words: str, data: bytes, kind: CardKind) -> str:
    claims = parent.sidecar
    return f"""# {name}

A variant of `{parent.id}`: {words}.

| | |
|---|---|
| file | `{name}.onnx`, {len(data):,} bytes, tier {contract.tier(len(data))}, opset 17 |
{kind.card.interface(claims.feature_order)}
{exact_in_words(data)}| parent | `{parent.id}`, sha256 `{claims.sha256}` |
| teacher | `{claims.teacher.id}`, sha256 `{claims.teacher.sha256}` |
| trained on | what its parent was trained on; calibrated on samples of the teacher's domain |

## Origin and licence

Made by `tinyvmaf quantise {parent.id}`. Licence: {claims.licence}.
"""
