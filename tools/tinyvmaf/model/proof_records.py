"""Recorded proofs: `model/proofs/ID.json`, written by `tinyvmaf prove --record`.

What sidecar and card say is proven, they say of the record: registering a file puts it in, if the record is about that
file, and else removes it.
"""

import json
import re
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field

from tinyvmaf.errors import RegistryError
from tinyvmaf.model.sidecar import Count, ModelId, TeacherOf
from tinyvmaf.validation import Sha256, Strict, Version1, parse, read_json

_SECTION: Final = re.compile(r"## Proven\n.*?(?=^## |\Z)", re.DOTALL | re.MULTILINE)
Points = Annotated[float, Field(ge=0)]


class ProofRecord(Strict):
    """What was proven of a registered model. Its fields stand in the file in this order."""

    schema_: Version1 = Field(alias="schema")
    model: ModelId
    sha256: Sha256
    """Of the ONNX file."""
    teacher: TeacherOf
    domain: Sha256
    method: Sha256
    """Of the code that bounds a box."""
    bound_points: Annotated[float, Field(gt=0)]
    """The model is at most so far from its teacher."""
    largest_points: Points
    """The largest bound of any box."""
    first_boxes: Count
    """How many boxes the domain was cut into at first."""
    boxes: Count
    """How many boxes were looked at."""
    hardest: Count
    """Into how many a first box was split, at most."""

    def text(self) -> str:
        """The file's content."""
        content: dict[str, Any] = self.model_dump(mode="json", by_alias=True)
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def proof_path(model_id: str, folder: Path) -> Path:
    """The file of a model's proof, in the folder of its registry."""
    return folder / "proofs" / f"{model_id}.json"


def read_proof(model_id: str, folder: Path) -> ProofRecord | None:
    """What was proven of a model; None if nothing is recorded.

    Raises:
        RegistryError: the file is not a record of this model's proof.
    """
    path = proof_path(model_id, folder)
    try:
        content = read_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise RegistryError(f"{path}: {getattr(error, 'strerror', None) or error}", hint=_again(model_id)) from error
    try:
        found = parse(ProofRecord, content, str(path), RegistryError)
    except RegistryError as error:
        raise RegistryError(error.message, hint=_again(model_id)) from error
    if found.model != model_id:
        raise RegistryError(f"{path}: it is about {found.model}", hint=_again(model_id))
    return found


def with_proof(card: str, found: ProofRecord | None) -> str:
    """A card that says what is proven, if anything is; what it said before is gone."""
    rest = _SECTION.sub("", card)
    if found is None:
        return rest
    section = f"""## Proven

Nowhere in the teacher's domain is this model more than {found.bound_points:g} VMAF points from its teacher, rounding
included. `tinyvmaf prove {found.model}` proves it again ([how](../docs/proof.md)).
"""
    head, origin, tail = rest.partition("## Origin and licence")
    return f"{head.rstrip()}\n\n{section}\n{origin}{tail}" if origin else f"{rest.rstrip()}\n\n{section}"


def _again(model_id: str) -> str:
    return f"tinyvmaf prove {model_id} --record"
