"""docs/importing.md shows what happens: its commands are run on a small set, and their output compared."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from tinyvmaf.app.cli import main
from tinyvmaf.data import dataset
from tinyvmaf.data.imported import read_layouts
from tinyvmaf.data.imported.layouts import Layout
from tinyvmaf.files import home
from tinyvmaf.vmaf.features import CANONICAL
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import load_built_in

PAGE = (home() / "docs/importing.md").read_text(encoding="utf-8")


def sessions() -> list[tuple[str, str]]:
    """Each command of the page's terminals, and the output shown for it."""
    found = []
    for block in re.findall(r"```text\n(\$ .*?)```", PAGE, re.DOTALL):
        parts = re.split(r"^\$ (.*)\n", block, flags=re.MULTILINE)
        found += list(zip(parts[1::2], parts[2::2], strict=True))
    return found


@pytest.fixture
def logs(tmp_path: Path, ffmpeg: FFmpeg, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The set of the page: logs of two tests, one cut off, and their opinions."""
    whole = dataset.read(home() / "fixtures" / "corpus" / "features.parquet").columns(*CANONICAL)
    teacher = load_built_in(ffmpeg, "vmaf_4k_v0.6.1")
    clips = [(1, "harbour_q20"), (1, "harbour_q40"), (1, "forest_q20"), (1, "forest_q40"), (2, "harbour_8s_q30")]
    for number, (test, clip) in enumerate(clips):
        rows = whole[100 * number + 100 :][:20]
        entries = []
        for frame, (row, score) in enumerate(zip(rows, teacher.predict(rows), strict=True)):
            metrics = {f"integer_{name}": round(float(value), 6) for name, value in zip(CANONICAL, row, strict=True)}
            entries.append({"frameNum": frame, "metrics": metrics | {"vmaf": round(float(score), 6)}})
        folder = tmp_path / "logs" / f"test_{test}"
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"version": "3.0.0", "frames": entries}, indent=2)
        (folder / f"{clip}.json").write_text(text if clip != "forest_q40" else text[: len(text) // 2])
    (tmp_path / "mos.csv").write_text(
        "test,clip,mos,ci\n1,harbour_q20,4.4,0.2\n1,harbour_q40,1.8,0.25\n1,forest_q20,5,0\n2,harbour_8s_q30,3.1,0.3\n"
    )
    (tmp_path / "mine.toml").write_text(re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)[1])  # type: ignore[index]
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_commands_print_what_is_shown(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`...` stands for any text."""
    assert len(sessions()) >= 2
    for command, shown in sessions():
        program, *arguments = shlex.split(command)
        assert program == "tinyvmaf"
        status = main(arguments)
        out, errors = capsys.readouterr()
        pattern = re.escape(shown.rstrip()).replace(r"\.\.\.", ".*")
        assert re.fullmatch(pattern, (errors + out).rstrip(), re.DOTALL), errors + out
        assert status == int("left out:" in errors)
    assert (logs / "mine.parquet").is_file()


def test_every_layout_and_every_entry_of_one_stands_on_the_page() -> None:
    for layout in read_layouts():
        assert f"`{layout.name}`" in PAGE, layout.name
    entries = PAGE.split("## Layouts")[1].split("\n## ")[0]
    for name in Layout.model_fields:
        assert f"`{name}`" in entries, name


def test_the_rounding_of_the_page_is_that_of_the_code(ffmpeg: FFmpeg) -> None:
    from tinyvmaf.data.imported import allowed_by_rounding

    rows = dataset.read(home() / "fixtures" / "corpus" / "features.parquet").columns(*CANONICAL)
    for teacher_id, decimals, cell in re.findall(r"\| `(vmaf_[^`]+)` \| (\d) \| ([\d.e-]+) \|", PAGE):
        worst = allowed_by_rounding(load_built_in(ffmpeg, teacher_id), rows, int(decimals), int(decimals)).max()
        assert np.isclose(worst, float(cell), rtol=0.06), (teacher_id, decimals, worst)
