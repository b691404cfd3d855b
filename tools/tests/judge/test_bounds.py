"""A bound holds what it says; gates.toml chooses within what a gate allows; the most specific table wins."""

import unittest
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyvmaf.errors import CouldNotRunError, TinyvmafError
from tinyvmaf.files import home
from tinyvmaf.judge.bounds import Bound, for_no_model, load_bounds
from tinyvmaf.judge.gates import GATES, SELECTORS
from tinyvmaf.model.registry import find, subjects

TOML = (home() / "gates.toml").read_text(encoding="utf-8")
BOUNDS = load_bounds()
PLACES, POINTS, LEAST = (BOUNDS.for_(name) for name in ("golden.record", "golden.near", "loso.plcc"))


def changed(tmp_path: Path, old: str, new: str) -> Path:
    """A copy of gates.toml with one piece changed."""
    assert old in TOML
    path = tmp_path / "gates.toml"
    path.write_text(TOML.replace(old, new, 1), encoding="utf-8")
    return path


def added(tmp_path: Path, table: str, value: str = "5") -> Path:
    """A copy of gates.toml with one table more."""
    path = tmp_path / "gates.toml"
    path.write_text(f'{TOML}\n[{table}]\nvalue = {value}\nreason = "r"\nsource = "s"\n', encoding="utf-8")
    return path


@given(st.floats(-100, 100), st.floats(-2e-4, 2e-4))
def test_places_is_unittests(a: float, d: float) -> None:
    try:
        unittest.TestCase().assertAlmostEqual(a, a + d, places=4)  # noqa: PT009
        close = True
    except AssertionError:
        close = False
    assert PLACES.accepts(a - (a + d)) is close


@pytest.mark.parametrize("bound", [PLACES, POINTS, LEAST], ids=str)
def test_what_is_not_finite_is_never_within_a_bound(bound: Bound) -> None:
    for value in (float("nan"), float("inf"), float("-inf")):
        assert not bound.accepts(value)


@given(st.sampled_from(sorted(GATES)), st.floats(-1e6, 1e6))
def test_a_margin_is_negative_exactly_outside(name: str, measured: float) -> None:
    bound = BOUNDS.for_(name, tier="nano")
    if bound.gate.unit != "places":  # which round
        assert (bound.margin(measured) >= 0) is bound.accepts(measured)


def test_every_gate_has_a_bound_with_a_reason_and_a_source() -> None:
    assert {bound.gate.name for bound in BOUNDS} == set(GATES)
    assert all(bound.reason and bound.source for bound in BOUNDS)


def test_golden_gates_look_at_no_fewer_places_than_the_publisher() -> None:
    for bound in BOUNDS:
        if bound.gate.unit == "places":
            assert bound.value >= 4, bound.table
            assert bound.gate.fault(3)


@pytest.mark.parametrize(
    ("asked", "table"),
    [
        ({}, "[backends.ulp]"),
        ({"model": "tinyvmaf_nano"}, "[backends.ulp]"),
        ({"model": "m", "tier": "nano"}, "[backends.ulp.model.m]"),
        ({"engine": "numpy"}, "[backends.ulp.engine.numpy]"),
        ({"engine": "numpy", "model": "m"}, "[backends.ulp.model.m]"),
        ({"engine": "numpy", "kind": "teacher"}, "[backends.ulp.engine.numpy]"),
        ({"kind": "teacher", "engine": "openvino"}, "[backends.ulp.kind.teacher]"),
        ({"kind": "teacher", "model": "m", "engine": "opencv"}, "[backends.ulp.model.m.engine.opencv]"),
        ({"model": "n", "engine": "opencv"}, "[backends.ulp]"),
    ],
)
def test_the_most_specific_table_wins(asked: dict[str, str], table: str, tmp_path: Path) -> None:
    path = tmp_path / "gates.toml"
    more = ("model.m", "engine.numpy", "kind.teacher", "model.m.engine.opencv")
    path.write_text(
        TOML + "".join(f'\n[backends.ulp.{one}]\nvalue = 3\nreason = "r"\nsource = "s"\n' for one in more),
        encoding="utf-8",
    )
    assert load_bounds(path).for_("backends.ulp", **asked).table == f"gates.toml {table}"


@pytest.mark.parametrize("name", ["model.tinyvmaf_nano", "kind.regressor"])
def test_a_table_for_what_a_file_says_of_itself_is_for_registered_models(name: str, tmp_path: Path) -> None:
    bounds = load_bounds(added(tmp_path, f"backends.ulp.{name}"))
    ours, theirs = (replace(find("tinyvmaf_nano"), registered=one) for one in (True, False))
    assert bounds.for_subject("backends.ulp", ours).table == f"gates.toml [backends.ulp.{name}]"
    assert bounds.for_subject("backends.ulp", theirs).table == "gates.toml [backends.ulp]"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            "corpus.frames.model.tinyvmaf_nano",
            "unknown key 'model'\n  hint: corpus.frames does not depend on the model",
        ),
        ("backends.ulp.engine.numpy.engine.opencv", "unknown key 'engine'\n  hint: engine stands there twice"),
        ("golden.rows.teacher.x", "unknown key 'teacher'"),
        ("loso.plcc.engine.numpy", "unknown key 'engine'"),
        ("backends.ulp.engine.openvinno", r"no engine openvinno; did you mean openvino\?"),
        ("loso.plcc.kind.regresor", r"no kind regresor; did you mean regressor\?"),
        ("loso.plcc.teacher.vmaf_v061", r"no teacher vmaf_v061; did you mean vmaf_v0\.6\.1"),
    ],
)
def test_a_table_that_no_test_asks_for_is_refused(table: str, message: str, tmp_path: Path) -> None:
    """It would be read, and change nothing."""
    with pytest.raises(CouldNotRunError, match=message):
        load_bounds(added(tmp_path, table))


def test_a_table_for_a_model_names_a_registered_one() -> None:
    registered = {entry.id for entry in subjects()}
    named = {dict(bound.selectors).get("model") for bound in BOUNDS} - {None}
    assert named
    assert named <= registered


def test_a_table_for_a_model_that_is_not_registered_is_reported(tmp_path: Path) -> None:
    """It loads, as the model may be registered later; the run says that nothing has this bound."""
    bounds = load_bounds(added(tmp_path, "latency.floor.model.tinyvmaf_nanno"))
    assert for_no_model(BOUNDS) == []
    assert for_no_model(bounds) == [
        "gates.toml [latency.floor.model.tinyvmaf_nanno]: no model tinyvmaf_nanno is registered, so nothing has this "
        "bound; did you mean tinyvmaf_nano?"
    ]


def test_selectors_stand_in_one_order_only(tmp_path: Path) -> None:
    """So that no two tables are for the same."""
    with pytest.raises(CouldNotRunError, match="unknown key 'model'\n  hint: model comes before engine"):
        load_bounds(added(tmp_path, "backends.ulp.engine.numpy.model.m"))
    assert SELECTORS[0] == "model"


def test_a_bound_for_nothing_that_is_asked_could_not_run() -> None:
    with pytest.raises(CouldNotRunError, match=r"no bound latency\.frames_a_second for tier large"):
        BOUNDS.for_("latency.frames_a_second", tier="large")
    with pytest.raises(CouldNotRunError, match=r"no bound no\.such"):
        BOUNDS.for_("no.such")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("value = 4", "value = 0.9", "golden.published.: value 0.9 is outside 4 to 9 places"),
        ("value = 4", "value = 4.5", "value 4.5 is not a whole number of places"),
        ("value = 4", "value = true", "value is True, not a number"),
        ("value = 3.0", "value = 1e308", r"golden.near.: value 1e\+308 is outside 0 to 20 VMAF points"),
        ("value = 3.0", "value = nan", "value nan is outside"),
        ("value = 3.0", "value = -1", "value -1 is outside"),
        pytest.param("3.0", "9" * 400, "value does not fit in a float; it must be 0 to 20 VMAF points", id="digits"),
        pytest.param("value = 3.0", f"value{'.a' * 3000} = 1", r"value is \{'a': .*\}, not a number", id="dots"),
        pytest.param("value = 3.0", f"value = {'[' * 3000}{']' * 3000}", r"toml: nested too deeply", id="nested"),
        ("value = 3.0", "value = '6'", "value is '6', not a number"),
        ("value = 3.0\n", "", "golden.near. has no value"),
        ("value = 0.97", "value = 0.1", "loso.plcc.: value 0.1 is outside 0.5 to 1"),
        ("value = 4", 'value = 4\nunit = "VMAF points"', "unknown key 'unit'"),
        ("value = 0.97", 'value = 0.97\ndirection = "at most"', "unknown key 'direction'"),
        ("[golden.near]", "[golden.nearr]", r"no gate golden.nearr; did you mean golden.near\?"),
        ("[latency.floor.model.tinyvmaf_nano]", "[latency.floor.modle.x]", r"'modle'; did you mean model\?"),
        ("[latency.frames_a_second.tier.nano]", "[latency.frames_a_second.tier.nanno]", r"did you mean nano\?"),
        ("[latency.floor.model.tinyvmaf_nano]", "[latency.floor.model]", "is not a table"),
        ("[golden.near]", "[golden]\nnear = 3\n[golden.other]", "is not a table"),
        ('reason = "the publisher', 'reason = ""\nother = "', "unknown key 'other'"),
        ('source = "as loso.frame_max_error"', 'source = ""', "reason and source are sentences"),
    ],
)
def test_gates_toml_chooses_only_within_the_gate(old: str, new: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(CouldNotRunError, match=message):
        load_bounds(changed(tmp_path, old, new))


@pytest.mark.parametrize("text", ["", "a = 3", "not toml at all", "[a.b]\nvalue = 1\nreason = 'r'\nsource = 's'"])
def test_a_file_that_holds_no_bounds_could_not_run(text: str, tmp_path: Path) -> None:
    (tmp_path / "gates.toml").write_text(text, encoding="utf-8")
    with pytest.raises(CouldNotRunError):
        load_bounds(tmp_path / "gates.toml")


def test_a_promise_tightens_and_never_loosens() -> None:
    assert (POINTS.tightened(0.1, "sidecar").value, POINTS.tightened(0.1, "sidecar").table) == (0.1, "sidecar")
    assert POINTS.tightened(60.0, "sidecar") == POINTS


def test_a_home_without_gates_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYVMAF_HOME", str(tmp_path))
    with pytest.raises(TinyvmafError, match=r"no gates\.toml in "):
        home()


@pytest.mark.parametrize(
    ("model", "floor", "teacher"),
    [
        ("tinyvmaf_exact", "latency.floor.tier.nano", "latency.teacher"),
        ("tinyvmaf_nano", "latency.floor.tier.nano", "latency.teacher"),
        ("tinyvmaf_tiny", "latency.floor.tier.nano", "latency.teacher.arithmetic.float64"),
    ],
)
def test_a_copy_under_another_name_has_the_bounds_of_its_tier_and_arithmetic(
    model: str, floor: str, teacher: str
) -> None:
    copy = replace(find(model), id="copy", registered=False)
    assert BOUNDS.for_subject("latency.floor", copy).table == f"gates.toml [{floor}]"
    assert BOUNDS.for_subject("latency.teacher", copy).table == f"gates.toml [{teacher}]"
