"""The command line: output, errors and exit statuses."""

import argparse
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from tinyvmaf.app.cli import main, parser
from tinyvmaf.app.cli.tasks import COMMANDS as COMMANDS_BY_NAME
from tinyvmaf.data.golden.files import natural_root
from tinyvmaf.files import home
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import KNOWN

RAW = ["--size", "128x96", "--pix-fmt", "yuv420p"]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run a command; argparse's own exits count too."""
    try:
        status = main(list(arguments))
    except SystemExit as ended:
        status = int(ended.code or 0)
    out = capsys.readouterr()
    return status, out.out, out.err


@pytest.mark.parametrize(
    "way", [["-m", "tinyvmaf"], ["-c", "import sys; from tinyvmaf.app.cli import main; sys.exit(main())"]]
)
def test_it_runs_as_a_process(way: list[str]) -> None:
    done = subprocess.run([sys.executable, *way, "--version"], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.startswith("tinyvmaf 0.")


COMMANDS = [
    "",
    "gate",
    "init",
    "score",
    "info",
    "quantise",
    "export-teacher",
    "models",
    "verify",
    "extract",
    "import",
    "store",
    "store ls",
    "store verify",
    "store prune",
    "corpus",
    "corpus check",
    "corpus build",
    "corpus pictures",
    "corpus extremes",
    "corpus split",
    "golden",
    "golden fetch",
    "golden patterns",
    "golden freeze",
    "train",
    "recipes",
    "adopt",
    "register",
    "unregister",
    "certify",
    "prove",
    "refit",
    "bench",
    "bench run",
    "bench baseline",
    "bench history",
    "bench plot",
    "mcp",
    "completion",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches(
    command: str, capsys: pytest.CaptureFixture[str], snapshot: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("NO_COLOR", "1")
    status, out, _ = run(capsys, *command.split(), "--help")
    assert status == 0
    words = " ".join(out.split())  # Python versions break lines differently
    assert words == snapshot


def leaves(command: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The commands that have none below them."""
    inner = [action for action in command._actions if isinstance(action, argparse._SubParsersAction)]
    for action in inner:
        for one in action.choices.values():
            yield from leaves(one)
    if not inner:
        yield command


@pytest.mark.parametrize("command", list(leaves(parser())), ids=lambda command: command.prog)
def test_examples_of_the_help_are_commands_that_work(command: argparse.ArgumentParser) -> None:
    """Each command has one, and the parser takes it."""
    assert command.epilog is not None
    examples = [line for line in command.epilog.splitlines() if line.startswith(f"  {command.prog}")]
    assert examples
    for example in examples:
        _, *words = shlex.split(example.partition(" > ")[0])
        assert parser().parse_args(words).run


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["score"], "name a reference and what to score: REF DIS..., or --pairs FILE.csv"),
        (["score", "a.yuv", "b.yuv"], "a.yuv: raw files have no header: give both --size WxH and --pix-fmt FORMAT"),
        (["score", "a.mp4", ""], "an empty name"),
        (["score", "a.mp4", "b.mp4", "--size", "1x1"], "--size and --pix-fmt are for raw files"),
        (["score", "a.mp4", "b.mp4", "--teacher", "vmaf"], "unknown teacher 'vmaf'; "),
        (["score", "a.mp4", "b.mp4", "--teacher-sha256", "0"], "--teacher-sha256 needs --teacher-json FILE"),
        (["score", "a.mp4", "b.mp4", "--threads", "0"], "'0' is not a positive whole number"),
        (["score", "a.mp4", "b.mp4", "--threads", "many"], "'many' is not a positive whole number"),
        (["score", "a.mp4", "b.mp4", "--timeout", "nan"], "'nan' is not a positive number"),
        (["score", "a.mp4", "b.mp4", "--timeout", "soon"], "'soon' is not a positive number"),
        (["score", "a.mp4", "b.mp4", "--scale", "lanczos"], "invalid choice"),
        (["score", "a.mp4", "b.mp4", "--jso"], "unrecognized arguments: --jso; did you mean --json?"),
        (["gate", "--modle=a.onnx"], "unrecognized arguments: --modle=a.onnx; did you mean --model?"),
        (["prove", "--jbos", "2"], "tinyvmaf prove: error: unrecognized arguments: --jbos; did you mean --jobs?"),
        (["store", "prune", "--dayz", "3"], "one of the arguments --days --all is required"),
        (["bench", "hisotry"], "; did you mean history?"),
        (["score", "a.mp4", "b.mp4", "--scale", "bicubi"], "; did you mean bicubic?"),
        (["golden", "fetch", "--to", "x", "no.yuv"], "unknown file no.yuv; known: src01_hrc00"),
        (["scroe"], "; did you mean score?"),
        (["socre"], "; did you mean score?"),
        (["zzz"], "invalid choice: 'zzz' (choose from"),
        ([], "usage: tinyvmaf [-h] [--version] COMMAND ..."),
        (["corpus"], "print a split into training and test clips"),
        (["bench"], "list the runs and the changes of latency"),
        (["store"], "check every entry"),
    ],
)
def test_wrong_use_is_status_2(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, *arguments)
    assert (status, out) == (2, "")
    assert message in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["score", "no.mp4", "no.mp4"], "no.mp4: no such file"),
        (["score", "no.yuv", "no.yuv", "--size", "axb", "--pix-fmt", "yuv420p"], "'axb' is not a frame size"),
        (["score", "no.yuv", "no.yuv", "--size", "1x1", "--pix-fmt", "rgb24"], "unknown pixel format 'rgb24'"),
        (["score", "no.mp4", "no.mp4", "--ffmpeg", "/no/ffmpeg"], "--ffmpeg: /no/ffmpeg is not an executable file"),
        (["score", "no.mp4", "no.mp4", "--teacher-json", "/no.json"], "/no.json: No such file"),
        (["export-teacher", "vmaf"], "unknown teacher 'vmaf'"),
        (["verify", "nano"], "no model 'nano' is registered"),
    ],
)
def test_what_cannot_be_done_is_status_1_and_prints_no_score(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = run(capsys, *arguments)
    assert (status, out) == (1, "")
    assert message in err
    assert "Traceback" not in err


def test_info_says_what_is_in_use(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "info")
    assert status == 0
    for name in (*KNOWN, "motion epoch mirror-fix", "imageio-ffmpeg"):
        assert name in out


def test_info_of_an_older_libvmaf_says_what_is_missing(capsys: pytest.CaptureFixture[str], old_ffmpeg: FFmpeg) -> None:
    status, out, _ = run(capsys, "info", "--ffmpeg", str(old_ffmpeg.path))
    assert status == 0
    assert "motion epoch before" in out
    assert "not in this libvmaf" in out


def test_models_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "models")
    assert status == 0
    rows = [line.split()[:3] for line in out.splitlines()[1:]]
    assert [row[0] for row in rows] == sorted(path.stem for path in (home() / "model").glob("*.onnx"))
    assert ["tinyvmaf_nano", "regressor", "nano"] in rows
    assert ["vmaf_v0.6.1_svr", "teacher", "tiny"] in rows


def test_fetch_keeps_right_files_and_names_wrong_ones(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    root = natural_root()
    name = "src01_hrc00_576x324.yuv420p10le.yuv"
    if root is None:
        pytest.skip("the natural golden files are missing here")
    other = "src01_hrc01_576x324.yuv420p10le.yuv"
    status, out, err = run(capsys, "golden", "fetch", "--from", str(root), "--to", str(tmp_path), name, other)
    assert (status, err) == (0, "")
    assert out.count("fetched and verified") == 2
    status, out, err = run(
        capsys,
        "golden",
        "fetch",
        "--from",
        str(tmp_path / "none"),
        "--to",
        str(tmp_path),
        name,
        "src01_hrc00_576x324.yuv",
    )
    assert status == 1
    assert f"{name}: already there, verified" in out
    assert "src01_hrc00_576x324.yuv: failed" in out
    assert "No such file" in err


def test_each_command_of_the_top_help_is_declared_by_its_module() -> None:
    for name in COMMANDS_BY_NAME:
        with pytest.raises(SystemExit) as ended:
            parser(name).parse_args([name, "--help"])
        assert ended.value.code == 0
    declared = next(a for a in parser()._actions if isinstance(a, argparse._SubParsersAction)).choices
    assert set(declared) == set(COMMANDS_BY_NAME)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--engine", "onnxruntime-cpq"], "unknown engine 'onnxruntime-cpq'\n  hint: did you mean onnxruntime-cpu?"),
        (["--require-engine", "torch"], "unknown engine 'torch'\n  hint: did you mean torch-"),
        (["--model", "tinyvmaf_nano"], "--model takes an ONNX file; registered models are judged without it"),
    ],
)
def test_the_gate_refuses_at_once_what_it_cannot_judge(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, err = run(capsys, "gate", *options)
    assert status == 10
    assert message in err


def test_a_closed_standard_output_is_said() -> None:
    script = f'"{sys.executable}" -m tinyvmaf models >&-'
    done = subprocess.run(["/bin/sh", "-c", script], stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "tinyvmaf: standard output is closed" in done.stderr
