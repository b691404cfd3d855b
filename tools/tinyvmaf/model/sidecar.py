"""The sidecar of a model: `<id>.json`, which says what the ONNX file beside it is, and what is claimed of it.

This module alone reads and writes sidecars.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field

from tinyvmaf.errors import ModelError, RegistryError
from tinyvmaf.files import read_bounded, sha256
from tinyvmaf.model.certificate import certify
from tinyvmaf.model.contract import LARGEST_SIDECAR, Tier, tier
from tinyvmaf.validation import Items, Sha256, Strict, Version1, parse, read_json, unique

if TYPE_CHECKING:  # slow to import, and most commands do not need it
    import onnx

ModelId = Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Count = Annotated[int, Field(ge=1)]
_OLD_KINDS: Final = {"svr": "teacher", "student": "regressor"}
KindName = Annotated[
    str,
    Field(pattern="^[a-z][a-z0-9_]{0,63}$"),
    BeforeValidator(lambda value: _OLD_KINDS.get(value, value) if isinstance(value, str) else value),
]


class Tensor(Strict):
    """An input or output of the graph."""

    name: str
    dtype: str
    shape: Items[int | str]
    """A number, or the name of a dimension, for each axis."""


class TeacherOf(Strict):
    """The teacher that a model stands in for."""

    id: str
    sha256: Sha256


class Exactness(Strict):
    """What `certificate.certify` proves of the file."""

    certified: bool
    in_float64: bool
    accumulator_bits: Count | None
    flush_to_zero_safe: bool

    @property
    def word(self) -> str:
        """`certified`, `in float64`, or `no`."""
        return "certified" if self.certified else "in float64" if self.in_float64 else "no"


class Training(Strict):
    """How a student was fitted."""

    recipe: str
    recipe_sha256: Sha256
    seed: int
    corpus_sha256: str | None
    commit: str | None
    machine: Annotated[str, Field(pattern="^[0-9a-f]{12}$")] | None = None
    """The machine that fitted it, by a hash of hardware and system; None if that is not known."""


class VariantOf(Strict):
    """The float model that a quantised variant was made of."""

    id: ModelId
    sha256: Sha256
    """Of the parent's ONNX file."""
    method: Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")]
    """How it was quantised, as `tinyvmaf quantise --only` calls it."""


class Sidecar(Strict):
    """A sidecar. Its fields stand in the file in this order."""

    schema_: Version1 = Field(alias="schema")
    id: ModelId
    kind: KindName
    """The name of one of `judge.kinds`."""
    tier: Tier
    sha256: Sha256
    """Of the ONNX file."""
    bytes: Count
    opset: Count
    inputs: Annotated[Items[Tensor], Field(min_length=1)]
    outputs: Annotated[Items[Tensor], Field(min_length=1)]
    feature_order: Annotated[Items[str], AfterValidator(unique)]
    """The columns of a row; empty for a model that takes pictures."""
    teacher: TeacherOf
    exact: Exactness
    engines: Annotated[Items[str], Field(min_length=2), AfterValidator(unique)] | None
    """The engines that the model is for; None if it is for any."""
    training: Training | None
    """None for a model that was exported, not trained."""
    measured: Mapping[str, float]
    """Values by the name of the figure, which ends with the unit."""
    promised: Mapping[str, Annotated[float, Field(gt=0)]]
    """Bounds that the model holds itself to, beside those of gates.toml, by the name of the measure."""
    proven_everywhere_points: Annotated[float, Field(gt=0)] | None = None
    """The model is proven to be at most so far from its teacher everywhere in the domain. Absent: it is not.
    `tinyvmaf prove --record` alone writes it."""
    variant_of: VariantOf | None = None
    """Absent: it is no variant. A variant is also held against its parent."""
    licence: str

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        left_out = {name for name in ("proven_everywhere_points", "variant_of") if getattr(self, name) is None}
        return self.model_dump(mode="json", by_alias=True, exclude=left_out, exclude_unset=True)

    def text(self) -> str:
        """The file's content."""
        return json.dumps(self.as_dict(), indent=2, ensure_ascii=False) + "\n"


def read_sidecar(path: Path) -> Sidecar:
    """A sidecar.

    Raises:
        RegistryError: missing, not JSON, or not a sidecar; says where.
    """
    try:
        content = read_json(read_bounded(path, LARGEST_SIDECAR))
    except FileNotFoundError as error:
        raise RegistryError(f"no sidecar {path}", hint=f"put {path.name} beside the model") from error
    except (OSError, ValueError) as error:
        raise RegistryError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    return parse(Sidecar, content, str(path), RegistryError)


def sidecar_faults(sidecar: Sidecar, data: bytes) -> list[str]:
    """Where a sidecar and a model file disagree; empty if nowhere."""
    try:
        facts = graph_facts(data)
    except RegistryError as error:
        return [error.message]
    found = [
        f"{key} is {own!r}, the model file says {facts[key]!r}"
        for key, own in sidecar.as_dict().items()
        if key in facts and own != facts[key]
    ]
    shape = facts["inputs"][0]["shape"]
    if pictures := len(shape) == 4:
        if sidecar.feature_order:
            found.append(f"feature_order names {', '.join(sidecar.feature_order)}, and the graph takes pictures")
    elif len(sidecar.feature_order) != (width := shape[-1]) or not width:
        found.append(f"{len(sidecar.feature_order)} features, the graph takes {width}")
    # Another order gives wrong scores that look right; another teacher is what they are compared with.
    written = {"feature_order": ",".join(sidecar.feature_order), "teacher": sidecar.teacher.id}
    if pictures:
        del written["feature_order"]
    stated = metadata(data)
    found += [
        f"{key} is {own!r}, the model file's metadata says {stated[key]!r}"
        for key, own in written.items()
        if stated.get(key, own) != own
    ]
    return found


def metadata(data: bytes) -> dict[str, str]:
    """What the metadata of an ONNX file says, by key; `tinyvmaf train` writes `feature_order` and `teacher`."""
    import onnx

    return {one.key: one.value for one in onnx.load_model_from_string(data).metadata_props}


def graph_facts(data: bytes) -> dict[str, Any]:
    """The entries of a sidecar that the model file itself shows: sha256, bytes, tier, opset, inputs, outputs, exact.

    Raises:
        RegistryError: not an ONNX model, or larger than the largest tier.
    """
    import onnx

    try:
        model = onnx.load_model_from_string(data)
        opset = next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
        inputs, outputs = _tensors(model.graph.input), _tensors(model.graph.output)
        if not (inputs and outputs and all(tensor["shape"] for tensor in inputs)):
            raise ValueError("no input, no output, or an input without a shape")
    except Exception as error:  # protobuf's DecodeError has no stable home; StopIteration: no opset; KeyError: a dtype
        raise RegistryError(f"not an ONNX model: {error!r}") from error
    return {
        "sha256": sha256(data),
        "bytes": len(data),
        "tier": tier(len(data)),
        "opset": opset,
        "inputs": inputs,
        "outputs": outputs,
        "exact": _exact(data),
    }


def _exact(data: bytes) -> dict[str, Any]:
    try:
        proof = certify(data)
    except ModelError as error:
        raise RegistryError(error.message, hint=error.hint) from error
    return {
        "certified": proof.certified,
        "in_float64": proof.exact_in_float64,
        "accumulator_bits": proof.accumulator_bits if proof.exact_in_float64 else None,
        "flush_to_zero_safe": proof.flush_to_zero_safe and proof.exact_in_float64,
    }


def _tensors(values: "Iterable[onnx.ValueInfoProto]") -> list[dict[str, Any]]:
    from onnx.helper import tensor_dtype_to_np_dtype

    tensors = []
    for value in values:
        kind = value.type.tensor_type
        shape = [d.dim_param or d.dim_value for d in kind.shape.dim]
        dtype = tensor_dtype_to_np_dtype(kind.elem_type).name
        tensors.append({"name": value.name, "dtype": dtype, "shape": shape})
    return tensors
