"""An exception names one model and one gate, says who allows it and until when, and nothing else passes for one."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from tinyvmaf.errors import CouldNotRunError
from tinyvmaf.judge import waivers
from tinyvmaf.judge.waivers import Waiver, read_waivers

TODAY = datetime.now(UTC).date()
GOOD = """\
[[waiver]]
model = "m"
gate = "backends.ulp"
reason = "a fix is under way"
owner = "ops@example.org"
expires = 2999-12-31
"""


def read(folder: Path, text: str) -> list[Waiver]:
    path = folder / "waivers.toml"
    path.write_text(text, encoding="utf-8")
    return read_waivers(path)


def test_a_waiver_is_read(tmp_path: Path) -> None:
    (one,) = read(tmp_path, GOOD + "up_to = 40\n")
    assert (one.model, one.gate, one.expires, one.up_to) == ("m", "backends.ulp", date(2999, 12, 31), 40.0)
    assert waivers.find([one], "m", "backends.ulp") is one
    assert one.as_dict()["expires"] == "2999-12-31"


@pytest.mark.parametrize(("model", "gate"), [("n", "backends.ulp"), ("m", "backends.exact"), (None, "backends.ulp")])
def test_it_is_for_nothing_else(model: str | None, gate: str, tmp_path: Path) -> None:
    assert waivers.find(read(tmp_path, GOOD), model, gate) is None


@pytest.mark.parametrize(("days", "expired"), [(-1, True), (0, False), (1, False)])
def test_it_holds_until_the_end_of_its_last_day(days: int, expired: bool) -> None:
    one = Waiver(model="m", gate="loso.plcc", reason="r", owner="o", expires=TODAY + timedelta(days=days))
    assert one.expired(TODAY) is expired
    assert (waivers.find([one], "m", "loso.plcc", today=TODAY) is None) is expired


def test_no_file_is_no_waiver_and_a_named_one_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gates.toml").touch()
    monkeypatch.setenv("TINYVMAF_HOME", str(tmp_path))
    assert read_waivers() == []
    with pytest.raises(CouldNotRunError, match="No such file"):
        read_waivers(tmp_path / "waivers.toml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('model = "m"\n', "", "waiver 1: model is missing"),
        ('owner = "ops@example.org"', 'owner = " "', "owner is ' '; it must match"),
        ("expires = 2999-12-31", 'expires = "2999-12-31"', "expires is .*; it must be a date without quotes"),
        ("expires = 2999-12-31", "expires = 2999-12-31T10:00:00", "expires is .*; it must be a date without quotes"),
        ("expires = 2999-12-31", "", "expires is missing"),
        ('reason = "a', 'because = "x"\nreason = "a', "unknown key because"),
        (
            'gate = "backends.ulp"',
            'gate = "lattency.teacher"',
            "gate is 'lattency.teacher'; gates of a model begin with",
        ),
        ('gate = "backends.ulp"', 'gate = "corpus.sources"', "gate is 'corpus.sources'; gates of a model begin with"),
        ("expires", "up_to = true\nexpires", "up_to is True; it must be a number"),
        ("expires", "up_to = nan\nexpires", "up_to is nan; it must be a finite number"),
        ("expires", "up_to = -5\nexpires", "up_to is -5; it must not be negative"),
        pytest.param(GOOD, f"waiver = {'[' * 3000}{']' * 3000}", "nested too deeply", id="nested"),
        ("[[waiver]]", "[waiver]", r"only tables \[\[waiver\]\] belong there"),
        ("[[waiver]]", "[[waivers]]", r"only tables \[\[waiver\]\] belong there"),
        (GOOD, GOOD + GOOD, "two waivers of backends.ulp for m"),
        (GOOD, "waiver = [1]", "waiver 1: it must be a table"),
        (GOOD, "[", "waivers.toml"),
    ],
)
def test_what_is_not_a_waiver_could_not_run(old: str, new: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(CouldNotRunError, match=message):
        read(tmp_path, GOOD.replace(old, new, 1))


def test_only_a_gate_of_values_below_zero_has_a_waiver_below_zero(tmp_path: Path) -> None:
    (one,) = read(tmp_path, GOOD.replace("backends.ulp", "contract.range_low") + "up_to = -5\n")
    assert one.up_to == -5
