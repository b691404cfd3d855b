"""Each kind of input gives the score of FFmpeg's own command, or a sentence that refuses it.

The normal run tries some; `tox -e kinds` tries all, and repeats the scores that the table has for the bare commands.
"""

import json
import os
import re
import shlex
import subprocess

import pytest

from tinyvmaf.app.cli import main
from tinyvmaf.vmaf.ffmpeg import FFmpeg

from .kind import Kind, read_table
from .page import BAR, PAGE, renewed
from .workshop import Workshop

ALL = bool(os.environ.get("TINYVMAF_KINDS"))
TABLE = read_table()
EQUAL = 1e-6 + 1e-9  # both are rounded to 6 decimals

SOME = [kind for kind in TABLE.kinds if kind.quick and not kind.xfail]
REST = [kind for kind in TABLE.kinds if kind not in SOME]


@pytest.fixture(scope="session")
def workshop(ffmpeg: FFmpeg, tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(TABLE, ffmpeg, tmp_path_factory.mktemp("kinds"))


def cases(kinds: list[Kind]) -> list[object]:
    """With `xfail`, a kind is known to be wrong: the run is red as soon as it is right."""
    return [
        pytest.param(kind, id=kind.id, marks=[pytest.mark.xfail(reason=kind.xfail, strict=True)] if kind.xfail else [])
        for kind in kinds
    ]


@pytest.mark.parametrize("kind", cases(SOME))
def test_kind(
    kind: Kind, workshop: Workshop, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    check(kind, workshop, monkeypatch, capfd)


@pytest.mark.kinds
@pytest.mark.skipif(not ALL, reason="tox -e kinds runs it")
@pytest.mark.parametrize("kind", cases(REST))
def test_kind_that_only_tox_e_kinds_tries(
    kind: Kind, workshop: Workshop, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    check(kind, workshop, monkeypatch, capfd)


def check(kind: Kind, workshop: Workshop, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    workshop.prepare(kind)
    scratch = workshop.folder / "scratch"
    scratch.mkdir(exist_ok=True)
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    status, out, err = run(kind, workshop, monkeypatch, capfd)
    assert "Traceback" not in err
    assert not list(scratch.iterdir()), "a temporary file was left"
    if kind.refused:
        assert status in (1, 2), f"refused with exit status {status}: {out}{err}"
        assert not out, "a refused pair prints no score"
        sentence = err.splitlines()[-1] if status == 2 else err.split("; its last lines:")[0]
        assert kind.refused.lower() in sentence.lower(), err
        for option in re.findall("`(--[a-z-]+)", kind.instead):
            assert option in err, f"the page says {option}, and the hint does not: {err}"
        return
    assert status == 0, err
    log = json.loads(out)
    expected = workshop.bare(kind) if ALL or kind.score is None else kind.score
    if ALL and kind.stable and kind.score is not None:
        assert abs(expected - kind.score) <= EQUAL, f"bare FFmpeg gives {expected:.6f}; the table says {kind.score}"
    assert abs(log["pooled_metrics"]["vmaf"]["mean"] - expected) <= EQUAL
    assert kind.warns in err if kind.warns else "warning" not in err
    assert kind.says in json.dumps(log["inputs"])


def run(
    kind: Kind, workshop: Workshop, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of the command; in a process of its own where it is more than one command."""
    if kind.command:
        done: subprocess.CompletedProcess[str] = workshop.shell(f"{kind.command} --json", check=False)
        return done.returncode, done.stdout, done.stderr
    monkeypatch.chdir(workshop.work)
    monkeypatch.setenv("TINYVMAF_FFMPEG", str(workshop.ffmpeg.path))
    capfd.readouterr()
    try:
        status = main(["score", kind.reference, kind.distorted, *shlex.split(kind.options), "--json"])
    except SystemExit as end:
        status = int(str(end.code))
    out, err = capfd.readouterr()
    return status, out, err


def test_the_table_has_at_least_60_kinds() -> None:
    assert len(TABLE.kinds) >= 60


@pytest.mark.parametrize("kind", TABLE.kinds, ids=lambda kind: kind.id)
def test_a_kind_has_a_score_or_a_refusal_with_its_reason(kind: Kind) -> None:
    assert bool(kind.bare) != bool(kind.refused)
    reasons = bool(kind.why), bool(kind.instead), bool(kind.like)
    assert reasons in ((True, True, False), (False, False, True)) if kind.refused else not any(reasons)
    assert "-noauto_conversion_filters" in kind.bare or "$BARE" in kind.bare or kind.refused
    assert kind.score is not None or not kind.bare, "write down what the bare command gives"


def test_every_file_is_used() -> None:
    used = {name for kind in TABLE.kinds for name in TABLE.used_in(f"{kind.typed}\n{kind.bare}")}
    used |= {name for file, command in TABLE.files.items() for name in TABLE.used_in(command) if name != file}
    assert set(TABLE.files) == used


def test_the_page_is_that_of_the_table() -> None:
    """Renew it: `PYTHONPATH=tools python -m tests.vmaf.kinds.page`."""
    page = PAGE.read_text(encoding="utf-8")
    assert renewed(page, TABLE) == page
    assert all(kind.why in page and kind.instead.replace("|", BAR) in page for kind in TABLE.kinds)
