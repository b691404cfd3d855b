"""What a terminal gets of text from outside: one line, and nothing that it would obey."""

import json
import shutil
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tinyvmaf.app.cli import main
from tinyvmaf.files import home
from tinyvmaf.terminal import shown, shown_lines

FORGED = "VERDICT: PASS"
EVIL = f"\x1b[31mred\x07\n{FORGED}\r\u202egnp\u2028\x9b2J"
TEXTS = st.text(st.characters(codec=None), max_size=30) | st.text(
    "\x00\t\n\r\x1b\x7f\x85\x9b\u2028\u202e\u2066\ufeffaé"
)


def obeyed(text: str) -> list[str]:
    """The characters that a terminal obeys, or that turn text round."""
    kept = "\n\u200c\u200d"
    return [one for one in text if one not in kept and unicodedata.category(one) in ("Cc", "Cf", "Zl", "Zp")]


@given(TEXTS)
@example(EVIL)
@example("\udc9b31m \udcff")
def test_no_text_is_obeyed(text: str) -> None:
    assert obeyed(shown(text)) == []
    assert "\n" not in shown(text)
    assert obeyed(shown_lines(text, "  ")) == []
    assert all(not line or line.startswith("  ") for line in shown_lines(text, "  ").split("\n")[1:])
    assert "\udc9b" not in shown(text)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
@example("Fußball 足球 \u06a9\u200c\u06a9 👩\u200d💻 \udcff")
def test_what_can_be_printed_stays(text: str) -> None:
    assert shown(text) == text


def test_what_is_escaped_can_be_read() -> None:
    assert shown(EVIL) == rf"\x1b[31mred\x07\n{FORGED}\r\u202egnp\u2028\x9b2J"
    assert shown("\udc9b") == r"\x9b"
    assert shown_lines("a\n  hint: b\nc\x1b", "  ") == "a\n  hint: b\n  c\\x1b"


def is_harmless(captured: Any) -> None:
    text = captured.out + captured.err
    assert obeyed(text) == [], text
    assert not any(line.startswith(FORGED) for line in text.splitlines()), text


@pytest.mark.parametrize(
    "command",
    ["certify NAME", "score NAME r.yuv", "gate --model NAME", "register NAME", "models NAME", "bench NAME", "NAME"],
)
def test_a_name_is_not_obeyed(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    name = f"{EVIL}.onnx"
    for there in (False, True):
        if there:
            (tmp_path / name).write_bytes(b"no model")
        if there and "gate" in command:  # would run every suite
            break
        try:
            status = main([name if word == "NAME" else word for word in command.split()])
        except SystemExit as ended:
            status = int(str(ended.code))
        assert status != 0
        captured = capsys.readouterr()
        is_harmless(captured)
        assert captured.out + captured.err != ""
        assert "red\\x07\n" not in captured.err


def fields(sidecar: dict[str, Any]) -> list[str]:
    return [name for name, value in sidecar.items() if isinstance(value, str)]


SIDECAR = home() / "model/tinyvmaf_nano.json"


@pytest.mark.parametrize("field", [*fields(json.loads(SIDECAR.read_text(encoding="utf-8"))), "unknown"])
def test_a_field_of_a_sidecar_is_not_obeyed(
    field: str, clip: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, sidecar = tmp_path / "nano.onnx", json.loads(SIDECAR.read_text(encoding="utf-8"))
    shutil.copy(SIDECAR.with_suffix(".onnx"), model)
    model.with_suffix(".json").write_text(json.dumps(sidecar | {field: EVIL, EVIL: 1}), encoding="utf-8")
    video = clip()
    geometry = ["--size", "128x96", "--pix-fmt", "yuv420p"]
    for command in (
        ["certify", str(model)],
        ["verify", str(model)],
        ["score", str(video), str(video), *geometry, "--model", str(model)],
    ):
        main(command)
        is_harmless(capsys.readouterr())


@pytest.mark.parametrize("name", [f"{EVIL}.yuv".replace("/", ""), "\u202eyuv.y4m", "\x1b]0;title\x07.mkv"])
def test_a_file_of_a_folder_is_not_obeyed(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("ref", "dis"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_bytes(b"no video")
    main(["corpus", "check", "--data-root", str(tmp_path)])
    is_harmless(capsys.readouterr())
    main(["score", str(tmp_path / "ref"), str(tmp_path / "dis")])
    captured = capsys.readouterr()
    is_harmless(captured)
