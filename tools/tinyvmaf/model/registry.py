"""The models that the gates judge: `model/registry.json`, a sidecar and a card beside each ONNX file.

The registry names each model and the sha256 of its file and of its sidecar, so neither changes unnoticed. This
module writes and reads both; nothing else does.
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from tinyvmaf.errors import ModelError, RegistryError
from tinyvmaf.files import home, sha256, write_atomic
from tinyvmaf.model.certificate import certify
from tinyvmaf.model.contract import TIERS, tier

# onnx and jsonschema are imported where they are used: most commands need neither.
if TYPE_CHECKING:
    import onnx

REGISTRY: Final = "registry.json"

_SHA256: Final = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_ID: Final = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]*$"}
_TENSORS: Final = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "required": ["name", "dtype", "shape"],
        "additionalProperties": False,
        "properties": {
            "name": {"type": "string"},
            "dtype": {"type": "string"},
            "shape": {"type": "array", "items": {"type": ["integer", "string"]}},
        },
    },
}

SIDECAR_SCHEMA: Final[dict[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "tinyvmaf model sidecar",
    "type": "object",
    "additionalProperties": False,
    "required": [
        *("schema", "id", "kind", "tier", "sha256", "bytes", "opset", "inputs", "outputs"),
        *("feature_order", "teacher", "exact", "engines", "training", "measured", "promised", "licence"),
    ],
    "properties": {
        "schema": {"const": 1},
        "id": _ID,
        "kind": {"enum": ["svr", "student"]},
        "tier": {"enum": [name for name, _ in TIERS]},
        "sha256": _SHA256,
        "bytes": {"type": "integer", "minimum": 1},
        "opset": {"type": "integer", "minimum": 1},
        "inputs": _TENSORS,
        "outputs": _TENSORS,
        "feature_order": {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"type": "string"}},
        "teacher": {
            "type": "object",
            "required": ["id", "sha256"],
            "additionalProperties": False,
            "properties": {"id": {"type": "string"}, "sha256": _SHA256},
        },
        "exact": {
            "type": "object",
            "required": ["certified", "in_float64", "accumulator_bits", "flush_to_zero_safe"],
            "additionalProperties": False,
            "properties": {
                "certified": {"type": "boolean"},
                "in_float64": {"type": "boolean"},
                "accumulator_bits": {"type": ["integer", "null"], "minimum": 1},
                "flush_to_zero_safe": {"type": "boolean"},
            },
        },
        "engines": {"type": ["array", "null"], "minItems": 2, "uniqueItems": True, "items": {"type": "string"}},
        "training": {
            "type": ["object", "null"],
            "required": ["recipe", "recipe_sha256", "seed", "corpus_sha256", "commit"],
            "additionalProperties": False,
            "properties": {
                "recipe": {"type": "string"},
                "recipe_sha256": _SHA256,
                "seed": {"type": "integer"},
                "corpus_sha256": {"type": ["string", "null"]},
                "commit": {"type": ["string", "null"]},
            },
        },
        "measured": {"type": "object", "additionalProperties": {"type": "number"}},
        "promised": {"type": "object", "additionalProperties": {"type": "number"}},
        "licence": {"type": "string"},
    },
}
"""What a sidecar must look like. `exact` is what `certificate.certify` proves of the file; `engines` names those that
the model is for, null if it is for any; `training` is null for a model that was exported, not trained; `measured` maps
a figure's name (with its unit at the end) to its value; `promised` maps a measure to the bound that the model holds
itself to, beside those of gates.toml."""

_REGISTRY_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["schema", "models"],
    "additionalProperties": False,
    "properties": {
        "schema": {"const": 1},
        "models": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id", "sha256", "sidecar_sha256"],
                "additionalProperties": False,
                "properties": {"id": _ID, "sha256": _SHA256, "sidecar_sha256": _SHA256},
            },
        },
    },
}


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

    def sidecar(self) -> dict[str, Any]:
        """The sidecar, checked against its schema.

        Raises:
            RegistryError: missing, not JSON, or not by the schema.
        """
        return read_sidecar(self.sidecar_path)


def model_folder() -> Path:
    """The folder with the registry and the models."""
    return home() / "model"


def entries(folder: Path | None = None) -> list[Entry]:
    """The registered models, in the registry's order.

    Raises:
        RegistryError: no registry, not by its schema, an id twice, or no model in it: a gate over no model would
            pass on nothing.
    """
    folder = folder or model_folder()
    path = folder / REGISTRY
    content = _load(path, _REGISTRY_SCHEMA)
    found = [Entry(e["id"], e["sha256"], e["sidecar_sha256"], folder) for e in content["models"]]
    if not found:
        raise RegistryError(f"{path} lists no model", hint="register one: tinyvmaf export-teacher")
    ids = [entry.id for entry in found]
    if len(set(ids)) != len(ids):
        raise RegistryError(f"{path} lists a model twice: {', '.join(ids)}")
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


def read_sidecar(path: Path) -> dict[str, Any]:
    """A sidecar, checked against `SIDECAR_SCHEMA`.

    Raises:
        RegistryError: missing, not JSON, or not by the schema; says where.
    """
    return _load(path, SIDECAR_SCHEMA)


def faults(entry: Entry) -> list[str]:
    """Everything in which a registered model, its sidecar and its card disagree; empty if they agree."""
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
    except (OSError, RegistryError) as error:
        return [*found, f"{entry.sidecar_path.name}: {error}"]
    if written != entry.sidecar_sha256:
        found.append(f"{entry.sidecar_path.name}: sha256 is {written}, registered {entry.sidecar_sha256}")
    found += [f"{entry.sidecar_path.name}: {fault}" for fault in sidecar_faults(sidecar | {"id": entry.id}, data)]
    if sidecar["id"] != entry.id:
        found.append(f"{entry.sidecar_path.name}: id is {sidecar['id']!r}, registered as {entry.id!r}")
    if not entry.onnx.with_suffix(".md").is_file():
        found.append(f"{entry.id}.md: no model card")
    return found


def sidecar_faults(sidecar: Mapping[str, Any], data: bytes) -> list[str]:
    """Everything in which a sidecar and a model file disagree; empty if they agree."""
    try:
        facts = graph_facts(data)
    except RegistryError as error:
        return [error.message]
    found = [
        f"{key} is {sidecar[key]!r}, the model file says {value!r}"
        for key, value in facts.items()
        if sidecar[key] != value
    ]
    width = facts["inputs"][0]["shape"][-1]
    if len(sidecar["feature_order"]) != width:
        found.append(f"{len(sidecar['feature_order'])} features, the graph takes {width}")
    return found


def graph_facts(data: bytes) -> dict[str, Any]:
    """What a sidecar says of a model file that the file itself shows: sha256, bytes, tier, opset, inputs, outputs, and
    what can be proven of it.

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


def register(model_id: str, data: bytes, described: dict[str, Any], card: str, folder: Path | None = None) -> Entry:
    """Write a model with its sidecar and card, and enter it into the registry, in place of one of the same id.

    The registry is written last: until then the old entry stands.

    Args:
        data: the ONNX file.
        described: the sidecar's fields that the file does not show (kind, teacher, training, ...).
        card: the model card, Markdown.

    Raises:
        RegistryError: the sidecar would not be by its schema.
    """
    folder = folder or model_folder()
    sidecar = {"schema": 1, "id": model_id} | graph_facts(data) | described
    _validate(sidecar, SIDECAR_SCHEMA, f"sidecar of {model_id}")
    ordered = {key: sidecar[key] for key in SIDECAR_SCHEMA["properties"]}
    text = json.dumps(ordered, indent=2, ensure_ascii=False) + "\n"
    entry = Entry(model_id, sha256(data), sha256(text.encode()), folder)
    others = [e for e in entries(folder) if e.id != model_id] if _has_models(folder) else []
    write_atomic(entry.onnx, data)
    write_atomic(entry.sidecar_path, text)
    write_atomic(entry.onnx.with_suffix(".md"), card)
    listed = sorted([*others, entry], key=lambda e: e.id)
    content = {
        "schema": 1,
        "models": [{"id": e.id, "sha256": e.sha256, "sidecar_sha256": e.sidecar_sha256} for e in listed],
    }
    write_atomic(folder / REGISTRY, json.dumps(content, indent=2) + "\n")
    return entry


def _has_models(folder: Path) -> bool:
    path = folder / REGISTRY
    return path.exists() and bool(_load(path, _REGISTRY_SCHEMA)["models"])


def _tensors(values: "Iterable[onnx.ValueInfoProto]") -> list[dict[str, Any]]:
    from onnx.helper import tensor_dtype_to_np_dtype

    tensors = []
    for value in values:
        kind = value.type.tensor_type
        shape = [d.dim_param or d.dim_value for d in kind.shape.dim]
        dtype = tensor_dtype_to_np_dtype(kind.elem_type).name
        tensors.append({"name": value.name, "dtype": dtype, "shape": shape})
    return tensors


def _load(path: Path, schema: dict[str, Any]) -> dict[str, Any]:
    try:
        content = json.loads(
            path.read_text(encoding="utf-8"), parse_constant=_no_number, parse_float=_number, parse_int=_whole
        )
    except (OSError, ValueError, RecursionError) as error:
        raise RegistryError(f"{path}: {error}") from error
    _validate(content, schema, str(path))
    return dict(content)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _number(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _no_number(text)


def _whole(text: str) -> int:
    _number(text)  # what does not fit into a float has no place in a page either
    return int(text)


def _validate(content: object, schema: dict[str, Any], where: str) -> None:
    import jsonschema

    error = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(schema).iter_errors(content))
    if error is not None:
        at = "/".join(map(str, error.absolute_path)) or "the top"
        raise RegistryError(f"{where}: at {at}: {error.message}")
