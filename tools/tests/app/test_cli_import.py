"""`tinyvmaf import`: what it prints, what it refuses, and its exit status."""

import json
from pathlib import Path

import numpy as np
import pytest

from tinyvmaf.app.cli import main
from tinyvmaf.data import dataset
from tinyvmaf.data.imported import read_imported
from tinyvmaf.files import home
from tinyvmaf.vmaf.features import CANONICAL
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import load_built_in


@pytest.fixture
def logs(tmp_path: Path, ffmpeg: FFmpeg, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two logs of real rows, in `logs` of the folder that commands run in."""
    whole = dataset.read(home() / "fixtures" / "corpus" / "features.parquet").columns(*CANONICAL)
    teacher = load_built_in(ffmpeg)
    for number, clip in enumerate(("a__1", "b__1")):
        rows = whole[1000 + 60 * number :][:30]
        columns = np.column_stack([np.arange(30), np.round(rows, 6), np.round(teacher.predict(rows), 6)])
        lines = [",".join([f"{line[0]:.0f}", *(f"{value:.6f}" for value in line[1:]), ""]) for line in columns]
        header = ",".join(["Frame", *(f"integer_{name}" for name in CANONICAL), "vmaf", ""])
        (tmp_path / "logs").mkdir(exist_ok=True)
        (tmp_path / "logs" / f"{clip}.csv").write_text("\n".join([header, *lines, ""]))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_json_tells_all_that_the_tables_do(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (logs / "logs" / "c__1.json").write_text('{"version": "3.0.0", "frames": [')
    (logs / "mos.csv").write_text("clip,mos,std,n\na__1.mp4,80,5,25\nb__1.mp4,30,5,25\nc__1.mp4,3,5,25\n")
    assert main(["import", "logs", "--mos", "mos.csv", "--scale", "0,100", "--out", "f.parquet", "--json"]) == 1
    out, errors = capsys.readouterr()
    content = json.loads(out)
    assert {
        name: content[name] for name in ("set", "frames", "clips", "sources", "opinions", "scale", "remembered")
    } == {
        "set": "f",
        "frames": 60,
        "clips": 2,
        "sources": ["a", "b"],
        "opinions": 2,
        "scale": [0, 100],
        "remembered": 0,
    }
    assert content["scores"][0]["teacher"] == "vmaf_v0.6.1"
    assert set(content["decimals"].values()) == {6}
    assert [Path(left["name"]).name for left in content["left_out"]] == ["c__1.json"]
    assert "left out: logs/c__1.json is cut off or damaged, and no frame can be read" in errors
    found = read_imported(logs / "f.parquet")
    assert found.opinions[0].ci == pytest.approx(1.96)
    command = ["tinyvmaf", "import", "logs", "--mos", "mos.csv", "--scale", "0,100"]
    assert found.data.provenance["command"] == command
    assert [file["name"] for file in found.data.provenance["files"]] == ["logs/a__1.csv", "logs/b__1.csv", "mos.csv"]
    assert main(["import", "logs/a__1.csv", "logs/b__1.csv", "--out", "g.parquet", "--name", "mine"]) == 0
    assert "note  2 logs had been read before" in capsys.readouterr().out
    assert read_imported(logs / "g.parquet").name == "mine"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["logs", "--out", "f.csv"], "must end with .parquet"),
        (["none", "--out", "f.parquet"], "no such file: none"),
        (["logs", "--out", "f.parquet", "--mos", "none.csv"], "none.csv"),
        (["logs", "--out", "f.parquet", "--mos", "foreign.csv"], "no opinion is of a clip that has a log"),
        (["logs", "--out", "f.parquet", "--mos", "names.csv"], "names.csv: no column of opinions"),
        (["logs", "--out", "f.parquet", "--mos", "high.csv", "--scale", "1,5"], "outside the scale 1 to 5"),
        (["logs", "--out", "f.parquet", "--mos", "twice.csv"], "two opinions of a__1"),
        (["logs", "--out", "f.parquet", "--mos", "empty.csv"], "empty.csv: no columns"),
        (["logs", "--out", "f.parquet", "--mos", "head.csv"], "head.csv: no opinions"),
        (["logs", "--out", "f.parquet", "--mos", "latin.csv"], "latin.csv: not in UTF-8"),
        (["logs", "--out", "f.parquet", "--mos", "wide.csv"], "wide.csv, line 2: more values than"),
        (["logs", "--out", "f.parquet", "--mos", "comma.csv"], "decimals must follow a point"),
        (["logs", "--out", "f.parquet", "--layout", "x"], "unknown layout 'x'"),
        (["logs", "--out", "f.parquet", "--layouts", "bad.toml"], "bad.toml"),
        (["names.csv", "--out", "f.parquet"], "none of 1 files is a log"),
        (["logs", "--out", "logs/a__1.csv/f.parquet"], "f.parquet: "),
    ],
)
def test_what_cannot_be_imported_is_one_sentence_and_writes_nothing(
    arguments: list[str], message: str, logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (logs / "foreign.csv").write_text("clip,mos\nz,3\n")
    (logs / "names.csv").write_text("clip,who\na__1,me\n")
    (logs / "empty.csv").write_text("")
    (logs / "head.csv").write_text("clip,mos,ci\n")
    (logs / "latin.csv").write_bytes("clip,mos\né,3\n".encode("latin-1"))
    (logs / "wide.csv").write_text("clip,mos,ci\na__1,3,2,0,1\n")
    (logs / "comma.csv").write_text("clip;mos;ci\na__1;3,2;0,1\n")
    (logs / "high.csv").write_text("clip,mos\na__1,30\n")
    (logs / "twice.csv").write_text("clip,mos\na__1,3\na__1,4\n")
    (logs / "bad.toml").write_text("[[layout]]\nname = 'x'\nsource = 1\n")
    before = sorted(logs.rglob("*.parquet"))
    assert main(["import", *arguments]) == 1
    errors = capsys.readouterr().err
    assert errors.startswith("tinyvmaf: ")
    assert message in errors
    assert sorted(logs.rglob("*.parquet")) == before


@pytest.mark.usefixtures("logs")
@pytest.mark.parametrize("scale", ["1", "1,1", "1,inf", "a,b", "1,2,3"])
def test_a_scale_is_two_numbers(scale: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["import", "logs", "--out", "f.parquet", "--scale", scale])
    assert stopped.value.code == 2
    assert "--scale" in capsys.readouterr().err
