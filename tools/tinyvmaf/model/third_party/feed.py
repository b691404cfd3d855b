"""How a third-party model wants to be fed: by its sidecar, in any of the dialects below, or by options.

What nobody says is not assumed, and what two say differently is not decided: both are errors.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from tinyvmaf.errors import CouldNotRunError
from tinyvmaf.model.contract.words import quoted
from tinyvmaf.vmaf.features import CANONICAL_FEATURES, Feature
from tinyvmaf.vmaf.teacher import DEFAULT, KNOWN

ORDER: Final = ("features", "feature_order")
MEAN: Final = ("feature_mean", "input_mean")
STD: Final = ("feature_std", "input_std")
_TEACHER: Final = ("teacher",)
_SHA256: Final = ("sha256", "onnx_sha256", "model_sha256")
# Words for what is done to inputs or outputs. A key with one of them that is not known here may change every score.
_DOES_SOMETHING: Final = re.compile(
    r"(input|output|feature|target|score|label)s?"
    r"(mean|std|stddev|scale|offset|shift|bias|min|max|norm[a-z]*|clip|transform|log)s?"
    r"|(mean|std|stddev|scale|offset|shift)s?"
    r"|norm[a-z]*|standardi[sz][a-z]*|scaler[a-z]*|scaling|preprocess[a-z]*|postprocess[a-z]*|transforms?"
)
_LARGEST: Final = 1_000_000  # bytes of a sidecar

Features = Callable[[str], Sequence[Feature]]
"""The features of a teacher, by its id."""
_T = TypeVar("_T")


class UndescribedError(CouldNotRunError):
    """Nobody says how a model is to be fed, or two say different things."""


@dataclass(frozen=True)
class FeedOptions:
    """What the command line says of every model that it names: `--feature-order`, `--input-mean`, `--input-std`."""

    feature_order: str | None = None
    input_mean: str | None = None
    input_std: str | None = None

    def __bool__(self) -> bool:
        return any((self.feature_order, self.input_mean, self.input_std))


@dataclass(frozen=True)
class FeedDescription:
    """How a model is to be fed."""

    features: tuple[str, ...]
    """Our names, in the order in which it takes them: some or all of its teacher's."""
    mean: tuple[float, ...] | None
    """Subtracted from the features before; None if nobody says that anything is."""
    std: tuple[float, ...] | None
    """What the rest is divided by, next."""
    teacher: str
    sidecar: Mapping[str, Any]
    """The sidecar, for what it says of the file: `sha256`, `opset`."""
    sources: tuple[str, ...]
    """Where each of these comes from, in sentences, for the report."""

    @property
    def sha256(self) -> str | None:
        """Of the file, by the sidecar."""
        return next((str(self.sidecar[key]) for key in _SHA256 if self.sidecar.get(key) is not None), None)


def sidecar_of(path: Path) -> Path | None:
    """The sidecar beside a model: `NAME.json`, or `NAME.onnx.json`; None if there is none.

    Raises:
        UndescribedError: both are there.
    """
    beside = [path.with_suffix(".json"), path.with_name(f"{path.name}.json")]
    found = [one for one in beside if one.is_file()]
    if len(found) > 1:
        raise UndescribedError(f"{path} has two sidecars, {found[0].name} and {found[1].name}", hint="keep one of them")
    return found[0] if found else None


def read_sidecar(sidecar: Path | None) -> dict[str, Any]:
    """What a sidecar says; nothing if there is none.

    Raises:
        UndescribedError: it is not JSON, or no table.
    """
    if sidecar is None:
        return {}
    try:
        if sidecar.stat().st_size > _LARGEST:
            raise UndescribedError(f"{sidecar} has {sidecar.stat().st_size} bytes; a sidecar has at most {_LARGEST}")
        content = json.loads(sidecar.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UndescribedError(f"{sidecar}: {getattr(error, 'strerror', None) or error}") from error
    if not isinstance(content, dict):
        raise UndescribedError(f"{sidecar} holds no table of names and values")
    return content


def describe_feed(path: Path, features_of: Features, options: FeedOptions | None = None) -> FeedDescription:
    """How a model is to be fed.

    Args:
        path: the ONNX file, its sidecar beside it.
        features_of: not asked of the default teacher, whose features are canonical-6.
        options: must not contradict the sidecar.

    Raises:
        UndescribedError: the order of its features is not said anywhere; sidecar and options, or two of the sidecar's
            own keys, say different things; a feature or teacher is unknown; mean without std; a std that is not
            positive; or the sidecar has a key that seems to change inputs or outputs in a way that is not known here.
    """
    sidecar = sidecar_of(path)
    content = read_sidecar(sidecar)
    name = sidecar.name if sidecar else "no sidecar"
    options = options or FeedOptions()
    teacher, teacher_by = _teacher(name, content)
    known = CANONICAL_FEATURES if teacher == DEFAULT else features_of(teacher)
    spellings = {theirs: one.name for one in known for theirs in (one.name, one.column, one.model_name)}
    features, ordered_by = _order(path, name, content, options, spellings)
    if strange := list(_strange(content, len(features))):
        raise UndescribedError(
            f"{name} says {', '.join(strange[:5])}, which may change inputs or outputs, and nobody here knows how",
            hint="put it into the graph and take it out of the sidecar",
        )
    mean, mean_by = _numbers(name, content, MEAN, "--input-mean", options.input_mean, features, spellings)
    std, std_by = _numbers(name, content, STD, "--input-std", options.input_std, features, spellings)
    if (mean is None) != (std is None):
        given, lacking = (mean_by, "std") if std is None else (std_by, "mean")
        raise UndescribedError(f"{path}: {given} is given, and no {lacking}", hint="give both, or neither")
    if std is not None and min(std) <= 0:
        raise UndescribedError(f"{path}: {std_by} holds {min(std):g}; what is divided by is positive")
    sentences = [
        f"features {', '.join(features)} ({ordered_by})",
        f"teacher {teacher} ({teacher_by})",
        "features as they are: nobody says that they are normalised outside of the graph"
        if mean is None or std is None
        else f"(features - mean) / std in front of the graph ({mean_by}, {std_by})",
    ]
    return FeedDescription(features, mean, std, teacher, content, tuple(sentences))


def _strange(content: Mapping[str, Any], width: int) -> Iterator[str]:
    """Keys, at any depth, that seem to change inputs or outputs: by their words, or by a number a feature."""
    known = {*ORDER, *MEAN, *STD}
    for key, value in content.items():
        plain = re.sub(r"[^a-z0-9]", "", key.lower())
        numbers = list(value.values()) if isinstance(value, dict) else value
        a_number_each = (
            isinstance(numbers, list) and len(numbers) == width and all(isinstance(one, int | float) for one in numbers)
        )
        if key not in known and value and (_DOES_SOMETHING.fullmatch(plain) or a_number_each):
            yield quoted(key)
        elif isinstance(value, dict) and key not in known:
            yield from _strange(value, width)


def _order(
    path: Path, name: str, content: Mapping[str, Any], options: FeedOptions, spellings: Mapping[str, str]
) -> tuple[tuple[str, ...], str]:
    found: dict[str, tuple[str, ...]] = {}
    for key in ORDER:
        if key in content:
            value = content[key]
            if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
                raise UndescribedError(f"{name}: {key} is not a list of feature names")
            found[f"{key} of {name}"] = _ours(f"{key} of {name}", value, spellings)
    if options.feature_order is not None:
        listed = [one.strip() for one in options.feature_order.split(",")]
        found["--feature-order"] = _ours("--feature-order", listed, spellings)
    if not found:
        raise UndescribedError(
            f"{path}: nobody says which features it takes, in which order: {name} has neither {' nor '.join(ORDER)}",
            hint="--feature-order adm2,vif_scale0,vif_scale1,vif_scale2,vif_scale3,motion2, if that is its order",
        )
    return _agreed(path, found)


def _ours(where: str, names: Sequence[str], spellings: Mapping[str, str]) -> tuple[str, ...]:
    """Our names of features that a file calls as we do, as libvmaf's log does, or as a model's JSON does."""
    if unknown := [name for name in names if name not in spellings]:
        raise UndescribedError(
            f"{where} has {', '.join(map(repr, unknown))}, which its teacher does not take",
            hint=f"it takes {', '.join(dict.fromkeys(spellings.values()))}, spelt so, or as in libvmaf's log or model",
        )
    found = tuple(spellings[name] for name in names)
    if twice := sorted({name for name in found if found.count(name) > 1}):
        raise UndescribedError(f"{where} has {', '.join(twice)} twice")
    return found


def _numbers(
    name: str,
    content: Mapping[str, Any],
    keys: Sequence[str],
    option: str,
    given: str | None,
    features: Sequence[str],
    spellings: Mapping[str, str],
) -> tuple[tuple[float, ...] | None, str]:
    found: dict[str, tuple[float, ...]] = {}
    for key in keys:
        if content.get(key) is not None:
            found[f"{key} of {name}"] = _list_of(f"{key} of {name}", content[key], features, spellings)
    if given is not None:
        try:
            listed = [float(one) for one in given.split(",")]
        except ValueError as error:
            raise UndescribedError(f"{option} {given}: {error}", hint="numbers with commas between them") from error
        found[option] = _list_of(option, listed, features, spellings)
    return _agreed(None, found) if found else (None, "")


def _list_of(where: str, value: Any, features: Sequence[str], spellings: Mapping[str, str]) -> tuple[float, ...]:
    if isinstance(value, dict):
        named = dict(zip(_ours(where, list(value), spellings), value.values(), strict=True))
        if set(named) != set(features):
            raise UndescribedError(f"{where} is of {', '.join(named)}; the model takes {', '.join(features)}")
        value = [named[feature] for feature in features]
    if not isinstance(value, list) or not all(
        isinstance(one, int | float) and not isinstance(one, bool) for one in value
    ):
        raise UndescribedError(f"{where} is neither a list of numbers nor a table of them")
    if len(value) != len(features):
        raise UndescribedError(f"{where} has {len(value)} numbers, for {len(features)} features")
    try:
        numbers = tuple(float(one) for one in value)
    except OverflowError as error:  # an integer of hundreds of digits
        raise UndescribedError(f"{where} holds a number that is not finite") from error
    if not all(math.isfinite(one) for one in numbers):
        raise UndescribedError(f"{where} holds a number that is not finite")
    return numbers


def _agreed(path: Path | None, found: Mapping[str, _T]) -> tuple[_T, str]:
    (first, value), *others = found.items()
    for where, other in others:
        if other != value:
            prefix = f"{path}: " if path else ""
            raise UndescribedError(f"{prefix}{first} and {where} say different things: {value} and {other}")
    return value, first


def _teacher(name: str, content: Mapping[str, Any]) -> tuple[str, str]:
    for key in _TEACHER:
        if key in content:
            value = content[key].get("id") if isinstance(content[key], dict) else content[key]
            if not isinstance(value, str) or value not in KNOWN:
                raise UndescribedError(
                    f"{name}: {key} {quoted(content[key])} is not a known teacher",
                    hint=f"known: {', '.join(KNOWN)}",
                )
            return value, f"{key} of {name}"
    return DEFAULT, "the default: the question is whether it stands in for VMAF"
