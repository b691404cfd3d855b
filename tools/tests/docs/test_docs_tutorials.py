"""The tutorials: every command is run as a reader types it, one after the other, and prints what is shown.

The first one runs always; TINYVMAF_DOCS=1 (`tox -e docs`) runs all of them.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixture_types import Encode
from tinyvmaf.app.cli import parser
from tinyvmaf.files import home
from tinyvmaf.judge import verdict
from tinyvmaf.vmaf.features import CANONICAL

ALL = bool(os.environ.get("TINYVMAF_DOCS"))


def steps(page: str) -> Iterator[tuple[str, str, int]]:
    """Each command of a tutorial, what it shows, and its exit status."""
    for block in re.findall(r"```sh-session\n(.*?)```", page, re.DOTALL):
        parts = re.split(r"^\$ (.*)\n", block, flags=re.MULTILINE)
        assert parts[0] == ""
        for command, shown in zip(parts[1::2], parts[2::2], strict=True):
            status = re.search(r"^\[(\d+)\]\s*\Z", shown, re.MULTILINE)
            yield command, shown[: status.start()] if status else shown, int(status[1]) if status else 0


def words(command: str, folder: Path) -> list[str]:
    """A command's words, with wildcards as the shell resolves them."""
    found = []
    for word in shlex.split(command):
        found += sorted(path.name for path in folder.glob(word)) if "*" in word else [word]
    return found


def videos(work: Path, encode: Encode) -> None:
    """What the reader of a tutorial on scores has: a video, and encodes of it."""
    for rate in (100, 200, 800):
        encode(f"x264_{rate}k.mp4", "-b:v", f"{rate}k", frames=25, size="320x180", folder=work)
    encode("reference.mp4", "-qp", "4", frames=25, size="320x180", folder=work)


def corpus(work: Path, encode: Encode) -> None:
    """What the reader of a tutorial on corpora has: three sources with three encodes each."""
    for name in ("clips/ref", "clips/dis"):
        (work / name).mkdir(parents=True)
    for number, source in enumerate(("Forest", "Harbour", "Tower")):
        noise = ("-vf", f"noise=alls={20 * number}:allf=t", "-pix_fmt", "yuv420p")
        lossless = (*noise, "-c:v", "ffv1")
        encode(f"{source}_25fps.mkv", *lossless, frames=12, size="320x180", folder=work / "clips/ref")
        for level, rate in enumerate((100, 200, 400), 1):
            name = f"{source}_{level}_180_{rate}.mp4"
            encode(name, *noise, "-b:v", f"{rate}k", frames=12, size="320x180", folder=work / "clips/dis")


def model(work: Path, encode: Encode) -> None:
    """What the reader of a tutorial on the gate has: a model, and the file that says how it is fed."""
    del encode
    shutil.copy(home() / "model" / "tinyvmaf_nano.onnx", work / "mine.onnx")
    (work / "mine.json").write_text(json.dumps({"features": CANONICAL}), encoding="utf-8")


TUTORIALS = {"score": videos, "corpus": corpus, "gate": model, "ci": model, "train": None}
QUICK = {"score"}
WHOLE = "tinyvmaf gate --model mine.onnx --report report"


def test_each_tutorial_is_run() -> None:
    assert set(TUTORIALS) == {path.stem for path in (home() / "docs" / "tutorials").glob("*.md")}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name, marks=pytest.mark.skipif(not (ALL or name in QUICK), reason="TINYVMAF_DOCS=1 runs all tutorials")
        )
        for name in TUTORIALS
    ],
)
def test_a_tutorial_works_as_shown(name: str, tmp_path: Path, encode: Encode, monkeypatch: pytest.MonkeyPatch) -> None:
    """`...` stands for any text."""
    monkeypatch.delenv("TINYVMAF_HOME", raising=False)
    folder = tmp_path / "work"
    folder.mkdir()
    if make := TUTORIALS[name]:
        make(folder, encode)
    page = (home() / "docs" / "tutorials" / f"{name}.md").read_text(encoding="utf-8")
    for language, file in (("toml", "mine.toml"), ("json", "mine.json")):
        for text in re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL):
            (folder / file).write_text(text, encoding="utf-8")
    for command, shown, status in steps(page):
        program, *arguments = words(command, folder)
        assert program == "tinyvmaf"
        done = subprocess.run(
            [sys.executable, "-m", "tinyvmaf", *arguments], cwd=folder, capture_output=True, text=True, timeout=1200
        )
        out = done.stdout + done.stderr
        if command == WHOLE and done.returncode == verdict.EXIT[verdict.COULD_NOT_RUN]:
            continue  # latency cannot be told on a busy machine
        assert done.returncode == status, f"{command}: {out}"
        pattern = re.sub(r"(\\?\s)+", r"\\s+", re.escape(shown.strip()).replace(r"\.\.\.", ".*"))
        assert re.fullmatch(pattern, out.strip(), re.DOTALL), f"{command} prints:\n{out}"


def commands() -> Iterator[tuple[str, str]]:
    """Every command of `tinyvmaf` that a page shows in a block of code."""
    for path in sorted([home() / "README.md", *(home() / "docs").rglob("*.md"), *home().glob("suites/*/README.md")]):
        if path.parent.name == "decisions":
            continue
        text = path.read_text(encoding="utf-8").replace("\\\n", " ")
        blocks = re.findall(r"^```(?:console|sh|sh-session|text)?\n(.*?)^```|((?:^ {4}.*\n)+)", text, re.DOTALL | re.M)
        for block in map("".join, blocks):
            for line in re.findall(r"^ *(?:\$ )?(tinyvmaf .*)$", block, re.MULTILINE):
                yield path.name, line.split(" #")[0].strip()


@pytest.mark.parametrize(("page", "command"), sorted(set(commands())))
def test_a_command_that_is_shown_is_one(page: str, command: str) -> None:
    """Commands that take long are not run here. The parser must know them with all their options."""
    del page
    arguments = shlex.split(command.partition(" > ")[0].partition(" | ")[0].replace("...", ""))[1:]
    arguments = ["v1" if one == "house" else one for one in arguments]  # a teacher that a project would have
    try:
        parser(arguments[0] if arguments else "").parse_args(arguments)
    except SystemExit as ended:
        if ended.code:
            pytest.fail(command)
