"""What is wrong with a file is said in a sentence: the key, the nearest known key, the values that are allowed."""

import math
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, ValidationError

from tinyvmaf.errors import RegistryError
from tinyvmaf.validation import Items, Sha256, Strict, Version1, parse, read_json, read_toml


class Tensor(Strict):
    name: str
    shape: Items[int | str]


class Adam(Strict):
    name: Literal["adam"]
    rate: float = Field(gt=0)


class Squares(Strict):
    name: Literal["squares"]
    steps: int


class Thing(Strict):
    schema_: Version1 = Field(alias="schema")
    tensors: Items[Tensor]
    tier: Literal["nano", "tiny"]
    sha256: Sha256
    measured: dict[Annotated[str, Field(pattern="^[a-z_]+$")], float]
    optimiser: Annotated[Adam | Squares, Field(discriminator="name")]


GOOD: dict[str, Any] = {
    "schema": 1,
    "tensors": [{"name": "x", "shape": ["N", 6]}],
    "tier": "nano",
    "sha256": "0" * 64,
    "measured": {"plcc": 1},
    "optimiser": {"name": "adam", "rate": 0.5},
}


def test_what_fits_is_a_frozen_model() -> None:
    thing = parse(Thing, GOOD, "thing.json", RegistryError)
    assert thing.tensors[0].shape == ("N", 6)
    assert thing.measured == {"plcc": 1.0}
    with pytest.raises(ValidationError, match="frozen"):
        thing.tier = "tiny"


@pytest.mark.parametrize(
    ("changed", "message", "hint"),
    [
        ({"schema": 2}, "schema is 2; this tinyvmaf knows 1", None),
        ({"schema": True}, "schema is True; this tinyvmaf knows 1", None),
        ({"teir": 1}, "unknown key teir", "did you mean tier?"),
        ({"tensors": [{"name": "x", "shape": [], "shap": 1}]}, "unknown key tensors.0.shap", "did you mean shape?"),
        ({"tensors": [{"name": "x", "shape": [], "qq": 1}]}, "unknown key tensors.0.qq", "known: name, shape"),
        ({"two\nlines": 1}, "unknown key 'two\\nlines'", f"known: {', '.join(GOOD)}"),
        ({"x" * 10_000: 1}, "unknown key 'xxxx", f"known: {', '.join(GOOD)}"),
        ({"tensors": [{"name": "x"}]}, "tensors.0.shape is missing", None),
        ({"tensors": {}}, "tensors is {}; it must be a list", None),
        ({"tensors": [1]}, "tensors.0 is 1; it must be a table", None),
        (
            {"tensors": [{"name": "x", "shape": [1.0]}]},
            "tensors.0.shape.0 is 1.0; it must be a whole number or a string",
            None,
        ),
        ({"tier": "huge"}, "tier is 'huge'; it must be 'nano' or 'tiny'", None),
        ({"sha256": "0" * 64 + "\n"}, "it must match pattern '^[0-9a-f]{64}$'", None),
        ({"sha256": 10**5000}, "sha256 is a number of thousands of digits; it must be a string", None),
        ({"measured": {"plcc": math.nan}}, "measured.plcc is nan; it must be a finite number", None),
        ({"measured": {"plcc": True}}, "measured.plcc is True; it must be a number", None),
        ({"measured": {"plcc": "1"}}, "measured.plcc is '1'; it must be a number", None),
        ({"measured": {"a b": 1}}, "key measured.a b: it must match pattern", None),
        ({"optimiser": {"name": "adm"}}, "optimiser.name is 'adm'; it must be 'adam' or 'squares'", None),
        ({"optimiser": {}}, "optimiser.name is missing", None),
        ({"optimiser": {"name": "adam", "rate": 0}}, "optimiser.rate is 0; it must be greater than 0", None),
        ({"optimiser": {"name": "adam", "rate": 1, "steps": 1}}, "unknown key optimiser.steps", "known: name, rate"),
    ],
)
def test_a_fault_is_named(changed: dict[str, Any], message: str, hint: str | None) -> None:
    with pytest.raises(RegistryError) as caught:
        parse(Thing, GOOD | changed, "thing.json", RegistryError)
    assert caught.value.message.startswith("thing.json: ")
    assert message in caught.value.message
    assert caught.value.hint == hint
    assert len(caught.value.message) < 250


@pytest.mark.parametrize("content", [None, [], "text", 1])
def test_what_is_not_a_table_is_refused(content: object) -> None:
    with pytest.raises(RegistryError, match=r"^thing\.json: it must be a table$"):
        parse(Thing, content, "thing.json", RegistryError)


def test_three_faults_are_named_and_the_rest_counted() -> None:
    with pytest.raises(RegistryError, match="schema is missing; tensors is missing; tier is missing; and 3 more"):
        parse(Thing, {}, "thing.json", RegistryError)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "Expecting property name"),
        ("[NaN]", "NaN is not a number"),
        ("[-Infinity]", "-Infinity is not a number"),
        ("[1e999]", "1e999 is not a number that fits in a float"),
        ("1" + "0" * 400, "000… is not a number that fits in a float"),
        ("1" + "0" * 5000, "000… is not a number that fits in a float"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a": 1, "b": 2, "a": 1}', "key 'a' is there twice"),
        (b"\xff", "codec can't decode"),
    ],
)
def test_what_is_not_json_is_refused(text: str | bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_json(text)


def test_json_is_read() -> None:
    assert read_json(b'{"a": [1, 2.5, null, "x"]}') == {"a": [1, 2.5, None, "x"]}


@pytest.mark.parametrize("data", [b"a = ", b"\xff", f"a = {'[' * 9999}"])
def test_what_is_no_toml_is_a_value_error(data: bytes | str) -> None:
    with pytest.raises(ValueError, match=r"TOML|Invalid|codec|nested too deeply"):
        read_toml(data)


def test_toml_is_read_from_bytes_and_text() -> None:
    assert read_toml(b"a = 1") == read_toml("a = 1") == {"a": 1}
