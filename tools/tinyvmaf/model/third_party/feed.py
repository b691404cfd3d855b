"""How a third-party model is fed: which features, in which order, normalised by which mean and std.

The sidecar says so, in one of the dialects below, or the options do. A missing or contradictory answer is an error.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final, Literal, TypeVar, get_args

from tinyvmaf.errors import known_hint
from tinyvmaf.model.contract.words import quoted
from tinyvmaf.model.third_party.sidecars import (
    MEAN,
    ORDER,
    STD,
    UndescribedError,
    read_sidecar,
    sidecar_of,
    strange_keys,
    with_scaler,
)
from tinyvmaf.vmaf.features import Feature

_TEACHER: Final = ("teacher",)
_SHA256: Final = ("sha256", "onnx_sha256", "model_sha256")
Normalisation = Literal["graph", "sidecar", "none"]
_NONE: Final = "no sidecar"

Features = Callable[[str], Sequence[Feature]]
"""The features of a teacher, by its id."""
_T = TypeVar("_T")


@dataclass(frozen=True)
class FeedOptions:
    """The options that say how a model is fed, by their names. They apply to every `--model`."""

    feature_order: str | None = None
    input_mean: str | None = None
    input_std: str | None = None
    normalisation: str | None = None
    """Who normalises: "graph" or "none": the numbers only describe the model; "sidecar": they are applied."""

    def __post_init__(self) -> None:
        if self.normalisation not in (None, *get_args(Normalisation)):
            raise UndescribedError(
                f"--normalisation {self.normalisation}", hint=f"give one of {', '.join(get_args(Normalisation))}"
            )

    def __bool__(self) -> bool:
        return any(getattr(self, one.name) is not None for one in fields(self))

    @classmethod
    def of(cls, given: Callable[[str], str | None]) -> "FeedOptions":
        """The options as a command line has them.

        Args:
            given: what an option's name, without the dashes, was given; None if it was not.

        Raises:
            UndescribedError: --normalisation is none of its three words.
        """
        return cls(*map(given, cls.names()))

    def words(self) -> list[str]:
        """What was given, for a command line."""
        given = [getattr(self, one.name) for one in fields(self)]
        return [f"--{name}={value}" for name, value in zip(self.names(), given, strict=True) if value is not None]

    @classmethod
    def names(cls) -> list[str]:
        """The options' names, without the dashes."""
        return [one.name.replace("_", "-") for one in fields(cls)]

    @classmethod
    def listed(cls) -> str:
        """The options' names, for a sentence."""
        *most, last = (f"--{name}" for name in cls.names())
        return f"{', '.join(most)} and {last}"


@dataclass(frozen=True)
class FeedDescription:
    """How a model is fed."""

    features: tuple[str, ...]
    """Some or all of its teacher's features, by our names, in the model's order."""
    mean: tuple[float, ...] | None
    """Subtracted from the features first; None for no normalisation outside the graph."""
    std: tuple[float, ...] | None
    """Divides the result; None like `mean`."""
    teacher: str
    sidecar: Mapping[str, Any]
    """Content of the sidecar, with what it claims of the file: `sha256`, `opset`."""
    sources: tuple[str, ...]
    """Sentences for the report: where each of these comes from."""
    settled: bool = False
    """Whether an option says who normalises, or there is nothing to normalise by."""
    numbers: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    """Mean and std that sidecar or options give, applied or not."""
    by_options: bool = False
    """Whether options give these numbers: that is an instruction, even if the graph has them too."""

    def read_as(self, who: Normalisation, why: str) -> "FeedDescription":
        """The same description with the other answer to who normalises.

        Args:
            why: for the report.
        """
        mean, std = self.numbers if self.numbers and who == "sidecar" else (None, None)
        fed = "(features - mean) / std in front of the graph" if mean else "features as they are"
        return replace(self, mean=mean, std=std, sources=(*self.sources[:-1], f"{fed}: {why}"))

    @property
    def sha256(self) -> str | None:
        """SHA-256 of the file according to the sidecar."""
        return next((str(self.sidecar[key]) for key in _SHA256 if self.sidecar.get(key) is not None), None)


def describe_feed(
    path: Path, features_of: Features, options: FeedOptions | None = None, inputs: Sequence[str] = ()
) -> FeedDescription:
    """Read from sidecar and options how a model is fed.

    Args:
        path: the ONNX file, its sidecar beside it.
        features_of: gives the features of a teacher, by its id.
        options: must not contradict the sidecar.
        inputs: the names of the file's inputs. Where each feature has an input with its name, they are the order.

    Raises:
        UndescribedError: the order of the features is missing; two keys, or a key and an option, contradict each
            other; a feature or teacher is unknown; mean without std; a std that is not positive; or an unknown key of
            the sidecar may change inputs or outputs.
    """
    sidecar = sidecar_of(path)
    content = read_sidecar(sidecar)
    name = sidecar.name if sidecar else _NONE
    options = options or FeedOptions()
    teacher, teacher_by = _teacher(name, content)
    known = features_of(teacher)
    spellings = {theirs: one.name for one in known for theirs in (one.name, one.column, one.model_name)}
    plain = [one.removesuffix(":0") for one in inputs]  # TensorFlow's names of tensors
    if len(inputs) > 1 and set(plain) <= set(spellings):
        features, ordered_by = _ours(f"inputs of {path.name}", plain, spellings), "the names of its inputs"
    else:
        features, ordered_by = _order(path, name, content, options, spellings)
    who = options.normalisation
    if strange := list(strange_keys(content, len(features), graph_normalises=who in ("graph", "none"))):
        raise UndescribedError(
            f"{name} has {', '.join(strange[:5])}, which may change inputs or outputs and is unknown here",
            hint="do it inside the graph, and delete it from the sidecar; --normalisation graph says that keys of "
            "inputs only describe what the graph does",
        )
    if who in ("graph", "none"):
        if options.input_mean is not None or options.input_std is not None:
            raise UndescribedError(
                f"{path}: --normalisation {who} leaves nothing for --input-mean and --input-std to do",
                hint="leave them out, or pass --normalisation sidecar",
            )
        does = "the graph normalises" if who == "graph" else "nothing normalises"
        by = f"features as they are: {does} (--normalisation {who})"
        sources = (f"features {', '.join(features)} ({ordered_by})", f"teacher {teacher} ({teacher_by})", by)
        return FeedDescription(features, None, None, teacher, content, sources, settled=True)
    scaled = with_scaler(content)
    mean, mean_by = _numbers(name, scaled, MEAN, "--input-mean", options.input_mean, features, spellings)
    std, std_by = _numbers(name, scaled, STD, "--input-std", options.input_std, features, spellings)
    if (mean is None) != (std is None):
        given, lacking = (mean_by, "std") if std is None else (std_by, "mean")
        raise UndescribedError(f"{path}: {given} is given, and no {lacking}", hint="give both or neither")
    if who == "sidecar" and mean is None:
        raise UndescribedError(
            f"{path}: --normalisation sidecar, and neither sidecar nor options give mean and std",
            hint='add "input_mean" and "input_std" to the sidecar, or pass --input-mean and --input-std',
        )
    if std is not None and min(std) <= 0:
        raise UndescribedError(f"{path}: {std_by} holds {min(std):g}; a std must be positive")
    sentences = [
        f"features {', '.join(features)} ({ordered_by})",
        f"teacher {teacher} ({teacher_by})",
        "features as they are: sidecar and options give no mean and std"
        if mean is None or std is None
        else f"(features - mean) / std in front of the graph ({mean_by}, {std_by})",
    ]
    numbers = None if mean is None or std is None else (mean, std)
    settled = numbers is None or who == "sidecar"
    by_options = options.input_mean is not None
    return FeedDescription(features, mean, std, teacher, content, tuple(sentences), settled, numbers, by_options)


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
            f"{path}: {name} says which features the model takes"
            if name == _NONE
            else f"{path}: {name} does not say which features the model takes",
            hint=f'add "features": [...] to {path.stem}.json, or pass --feature-order, for example '
            + ",".join(dict.fromkeys(spellings.values())),
        )
    return _agreed(path, found)


def _ours(where: str, names: Sequence[str], spellings: Mapping[str, str]) -> tuple[str, ...]:
    """Our names for features that are spelt as here, as in libvmaf's log, or as in libvmaf's model JSON."""
    if unknown := [name for name in names if name not in spellings]:
        floats = any(name.startswith(("float_", "VMAF_feature_")) for name in unknown)
        raise UndescribedError(
            f"{where} has {', '.join(map(repr, unknown))}, which its teacher does not take",
            hint='features of floats are those of another teacher: add "teacher": "vmaf_float_v0.6.1" to the sidecar'
            if floats
            else f"it takes {', '.join(dict.fromkeys(spellings.values()))}; libvmaf's names are accepted too",
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
            raise UndescribedError(f"{option} {given}: {error}", hint="give numbers separated by commas") from error
        found[option] = _list_of(option, listed, features, spellings)
    return _agreed(None, found) if found else (None, "")


def _list_of(where: str, value: Any, features: Sequence[str], spellings: Mapping[str, str]) -> tuple[float, ...]:
    if isinstance(value, dict):
        named = dict(zip(_ours(where, list(value), spellings), value.values(), strict=True))
        if set(named) != set(features):
            raise UndescribedError(f"{where} is for {', '.join(named)}; the model takes {', '.join(features)}")
        value = [named[feature] for feature in features]
    if not isinstance(value, list) or not all(
        isinstance(one, int | float) and not isinstance(one, bool) for one in value
    ):
        raise UndescribedError(f"{where} is neither a list of numbers nor an object of numbers")
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
    from tinyvmaf.vmaf.teacher import DEFAULT, KNOWN  # here: each trial of a file would import FFmpeg's part of it

    for key in _TEACHER:
        if key in content:
            value = content[key].get("id") if isinstance(content[key], dict) else content[key]
            if not isinstance(value, str) or value not in KNOWN:
                raise UndescribedError(
                    f"{name}: {key} {quoted(content[key])} is not a known teacher",
                    hint=known_hint(str(value), KNOWN),
                )
            return value, f"{key} of {name}"
    return DEFAULT, "the default"
