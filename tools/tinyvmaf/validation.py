"""Content of files checked by pydantic models; what is wrong is told in sentences that name the key."""

import dataclasses
import json
import math
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from reprlib import Repr
from typing import Annotated, Any, Final, Literal, NoReturn, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from tinyvmaf.errors import TinyvmafError, nearest

_UNKNOWN: Final = ("extra_forbidden", "unexpected_keyword_argument")
_MOST: Final = 3  # faults in one message
_T = TypeVar("_T")
_M = TypeVar("_M", bound=BaseModel)
_short: Final = Repr()
_short.maxstring = _short.maxlong = _short.maxother = 80

STRICT: Final = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True)
"""No unknown key, no conversion (but an int is a float too), no number that is not finite. A model is built when it is
first used, because most commands use few of them."""


class Strict(BaseModel):
    """Base of what is read from a file."""

    model_config = STRICT


def _known_version(value: object) -> object:
    if type(value) is not int or value != 1:  # pydantic takes True for 1
        raise ValueError("this tinyvmaf knows 1")
    return value


Version1 = Annotated[Literal[1], BeforeValidator(_known_version)]
"""The `schema` of a file, of which there has been one version so far."""
Items = Annotated[tuple[_T, ...], Field(strict=False)]
"""A list in the file, a tuple in the model."""
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


def one_of(known: Iterable[str]) -> AfterValidator:
    """One of these words, where a `Literal` cannot be written because the code has them as data."""
    words = list(known)

    def check(value: str) -> str:
        if value not in words:
            raise ValueError(f"it must be one of {', '.join(words)}")
        return value

    return AfterValidator(check)


def unique(values: tuple[_T, ...]) -> tuple[_T, ...]:
    """For `AfterValidator`: each value once."""
    if len(set(values)) != len(values):
        raise ValueError("a value is there twice")
    return values


def parse(model_type: type[_M], content: object, where: str, error_type: type[TinyvmafError]) -> _M:
    """`content`, as JSON or TOML gave it, as a model.

    Args:
        where: the file; messages begin with it.

    Raises:
        error_type: it does not fit; names each key (with dots), what is wrong with it, the values that are allowed, and
            for an unknown key the nearest known one.
    """
    try:
        return model_type.model_validate(content)
    except ValidationError as error:
        message, hint = explain(error, model_type, content)
        raise error_type(f"{where}: {message}", hint=hint) from None


def explain(error: ValidationError, model_type: type, content: object) -> tuple[str, str | None]:
    """A sentence for each of the first faults, joined by `; `, and a hint where there is one.

    Args:
        model_type: a pydantic model, or a dataclass that a `TypeAdapter` validates.
        content: what was validated.
    """
    faults: dict[str, str] = {}
    hint = None
    for detail in error.errors(include_url=False):
        path = _path(detail["loc"], content)
        at = ".".join(path)
        if detail["type"] in _UNKNOWN:
            hint = hint or _nearest(path, model_type, detail["loc"])
        words = _words(detail, at)
        if at in faults:  # another member of a union
            words = f"{faults[at]} or {words.partition('it must be ')[2]}" if "it must be " in words else faults[at]
        faults[at] = words
    more = len(faults) - _MOST
    return "; ".join([*list(faults.values())[:_MOST], *([f"and {more} more"] if more > 0 else [])]), hint


def read_json(data: bytes | str) -> Any:
    """What a JSON file says (bytes: in UTF-8), without what Python allows beyond JSON.

    Raises:
        ValueError: not JSON, nested too deeply, a key twice, or a number that is not finite or does not fit in a float.
    """
    try:
        return json.loads(
            data if isinstance(data, str) else data.decode(),
            parse_constant=_no_number,
            parse_float=_number,
            parse_int=_whole,
            object_pairs_hook=_once,
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None


def read_toml(data: bytes | str) -> dict[str, Any]:
    """What a TOML file says (bytes: in UTF-8).

    Raises:
        ValueError: not TOML, or nested too deeply.
    """
    try:
        return tomllib.loads(data if isinstance(data, str) else data.decode())
    except RecursionError:
        raise ValueError("nested too deeply") from None


def brief(value: object) -> str:
    """A value as Python writes it, cut to what fits in a message."""
    try:
        return _short.repr(value)
    except ValueError:
        return "a number of thousands of digits"


def _words(detail: ErrorDetails, at: str) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "missing":
        return f"{at} is missing"
    if kind in _UNKNOWN:
        return f"unknown key {at}"
    if kind == "union_tag_not_found":
        return f"{at}.{context['discriminator'].strip(chr(39))} is missing"
    if kind == "union_tag_invalid":
        at, value = f"{at}.{context['discriminator'].strip(chr(39))}", context["tag"]
        return f"{at} is {brief(value)}; it must be {context['expected_tags'].replace(', ', ' or ')}"
    text = re.sub(r"^(Value error, |Assertion failed, )", "", detail["msg"])
    text = re.sub(r"^(Input|String|Tuple|Dictionary|Value) should ", "it must ", text)
    text = re.sub(r"a valid (tuple|dictionary.*)", lambda m: "a list" if m[1] == "tuple" else "a table", text)
    text = re.sub(r" after validation, not \d+$", "", text)
    text = (
        re.sub(r"\bbe a valid ", "be a ", text)
        .replace("be a integer", "be a whole number")
        .replace("be an object", "be a table")
    )
    if not at:
        return text
    if detail["loc"][-1] == "[key]":
        return f"key {at}: {text}"
    own = kind == "value_error" and isinstance(detail["input"], dict)  # of a validator that looks at a whole table
    return f"{at}: {text}" if own else f"{at} is {brief(detail['input'])}; {text}"


def _path(loc: tuple[int | str, ...], content: Any) -> list[str]:
    """The keys of a fault; `loc` holds names of union members beside them."""
    path = []
    for number, part in enumerate(loc):
        table = isinstance(content, Mapping) and part != "[key]"
        index = part if isinstance(content, list) and isinstance(part, int) else -1
        if part in content if table else 0 <= index < len(content):
            content = content[part]
        elif number < len(loc) - 1 or not (table or index >= 0):
            continue
        key = str(part)
        path.append(key if key.isprintable() and len(key) <= 80 else brief(key))
    return path


def _nearest(path: list[str], model_type: type, loc: tuple[int | str, ...]) -> str:
    """A hint for an unknown key: the nearest known one, or all of them."""
    models = [model_type]
    for part in loc[:-1]:
        tagged = [m for m in models if any(part in get_args(annotation) for annotation in _fields(m).values())]
        inside = [found for m in models for found in _models(_fields(m).get(str(part)))]
        models = inside or tagged or models
    known = list(dict.fromkeys(name for m in models for name in _fields(m)))
    near = nearest(path[-1], known)
    return f"did you mean {near}?" if near else f"known: {', '.join(known)}"


def _fields(model: type) -> dict[str, object]:
    """The keys of a model in a file, with their types."""
    if issubclass(model, BaseModel):
        return {field.alias or name: field.annotation for name, field in model.model_fields.items()}
    return {field.name: field.type for field in dataclasses.fields(model)} if dataclasses.is_dataclass(model) else {}


def _models(annotation: object) -> Iterator[type]:
    if isinstance(annotation, type) and (issubclass(annotation, BaseModel) or dataclasses.is_dataclass(annotation)):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text if len(text) < 80 else text[:80] + '…'} is not a number that fits in a float")


def _number(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _no_number(text)


def _whole(text: str) -> int:
    _number(text)
    return int(text)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"key {brief(twice)} is there twice")
    return content
