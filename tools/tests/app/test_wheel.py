"""The wheel alone, in an environment of its own: from a file that torch exported to a verdict, in four commands."""

import json
import os
import resource
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinyvmaf.data.embedded import embedded_corpus
from tinyvmaf.files import home
from tinyvmaf.vmaf.features import CANONICAL

from .test_cli_init import ORDER, hand_made

pytestmark = pytest.mark.skipif(not os.environ.get("TINYVMAF_WHEEL"), reason="tox -e wheel runs it")
WARM_S = 180
"""Within which a warm gate gives its verdict on a quiet machine of two cores."""


def torch_made(path: Path) -> None:
    """A small network, fitted to the corpus for a second, as torch exports it."""
    import torch

    data = embedded_corpus().read()
    rows, scores = (torch.tensor(data.columns(*names).astype(np.float32)) for names in (CANONICAL, ["vmaf_v0.6.1"]))
    torch.manual_seed(0)
    last = torch.nn.Linear(16, 1)
    net = torch.nn.Sequential(torch.nn.BatchNorm1d(6), torch.nn.Linear(6, 16), torch.nn.Tanh(), last)
    optimiser = torch.optim.Adam(net.parameters(), 0.02)
    for _ in range(300):
        optimiser.zero_grad()
        loss = ((net(rows) * 30 + 60 - scores) ** 2).mean()
        loss.backward()
        optimiser.step()
    net.eval()
    with torch.no_grad():
        last.weight *= 30
        last.bias.mul_(30).add_(60)
    options: dict[str, Any] = {"input_names": ["features"], "output_names": ["score"], "opset_version": 17}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter that needs no other package
        axes = {"features": {0: "N"}, "score": {0: "N"}}
        torch.onnx.export(net, (rows[:2],), str(path), dynamic_axes=axes, dynamo=False, **options)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an environment, a home, a cache and a temporary folder."""
    base = tmp_path_factory.mktemp("wheel")
    for name in ("home", "cache", "tmp", "dist"):
        (base / name).mkdir()
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(base / "dist"), str(home())]
    subprocess.run(build, check=True)
    (wheel,) = (base / "dist").glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", str(base / "env")], check=True)
    pip = [str(base / "env" / "bin" / "python"), "-m", "pip"]
    subprocess.run([*pip, "install", "-q", "-c", str(home() / "constraints.txt"), f"{wheel}[gate]"], check=True)
    return base


def run(world: Path, folder: Path, *command: str, ok: tuple[int, ...] = (0,)) -> tuple[str, float, float]:
    """Run a command of the environment; gives what it printed, seconds and CPU seconds."""
    variables = {"HOME": world / "home", "TINYVMAF_CACHE": world / "cache", "TMPDIR": world / "tmp"}
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    program, *words = command
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [str(world / "env" / "bin" / program), *words],
        cwd=folder,
        env=kept | {name: str(path) for name, path in variables.items()},
        capture_output=True,
        text=True,
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode in ok, done.stdout + done.stderr
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done.stdout, time.monotonic() - began, cpu


def listed(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of change of every file below a folder."""
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def verdict(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "report" / "verdict.json").read_text(encoding="utf-8"))
    return found


def test_from_torch_to_a_verdict(world: Path, tmp_path: Path) -> None:
    """`init` and `gate` behind `venv` and `pip`. Nothing is written beside the folder and the cache."""
    torch_made(tmp_path / "mine.onnx")
    installed = listed(world / "env")
    run(world, tmp_path, "tinyvmaf", "init", "--feature-order", ORDER)
    text, cold, _ = run(world, tmp_path, "tinyvmaf", "gate", ok=(0, 1))
    found = verdict(tmp_path)
    assert found["verdict"] in ("PASS", "FAIL"), text
    assert found["could_not_run"] == []
    assert [one["id"] for one in found["models"]] == ["mine"]
    assert (tmp_path / "report" / "index.html").stat().st_size > 10_000
    again, warm, cpu = run(world, tmp_path, "tinyvmaf", "gate", ok=(0, 1))
    assert again.splitlines()[-1].split(" (")[0] == text.splitlines()[-1].split(" (")[0]
    print(f"gate: {cold:.0f} s cold, {warm:.0f} s warm, {cpu:.0f} s of CPU; {text.splitlines()[-1]}")
    assert cpu < WARM_S
    assert warm < WARM_S or os.getloadavg()[0] > 2
    assert listed(world / "env") == installed
    # ONNX Runtime and matplotlib have a cache of their own.
    assert [name for name in listed(world / "home") if not name.startswith(".cache/")] == []
    assert listed(world / "tmp") == {}
    top = {path.name for path in tmp_path.iterdir()}
    assert top <= {"mine.onnx", "tinyvmaf.toml", ".github", "model", "report", ".benchmarks"}


def test_a_good_model_passes_without_a_project(world: Path, tmp_path: Path) -> None:
    """In any folder, with files of theirs that are called like ours."""
    hand_made(tmp_path / "hand.onnx")
    for name in ("conftest.py", "onnx.py", "tinyvmaf.py", "train.py"):
        (tmp_path / name).write_text("raise SystemExit(9)\n", encoding="utf-8")
    installed = listed(world / "env")
    text, _, _ = run(world, tmp_path, "tinyvmaf", "gate", "--model", "hand.onnx", "--feature-order", ORDER)
    assert verdict(tmp_path)["verdict"] == "PASS", text
    assert listed(world / "env") == installed


def test_a_suite_and_a_test_of_theirs(world: Path, tmp_path: Path) -> None:
    """By `--pyargs`, and by the fixtures of the plugin."""
    hand_made(tmp_path / "hand.onnx")
    (tmp_path / "test_theirs.py").write_text(
        f"""
def test_it(assert_stands_in, judge):
    from tinyvmaf.judge.checks import agrees_on_engines
    assert_stands_in("hand.onnx", feature_order="{ORDER}")
    judge(*agrees_on_engines("hand.onnx", feature_order="{ORDER}"))
""",
        encoding="utf-8",
    )
    text, _, _ = run(world, tmp_path, "pytest", "-q", "test_theirs.py")
    assert "1 passed" in text
    words = ["--pyargs", "tinyvmaf.suites.contract", "--model", "hand.onnx", "--feature-order", ORDER]
    text, _, _ = run(world, tmp_path, "pytest", *words)
    assert "VERDICT: PASS" in text
    assert (tmp_path / "report" / "index.html").is_file()


def test_what_tinyvmaf_brings_cannot_be_changed(world: Path, tmp_path: Path) -> None:
    """Without a project nothing is registered, recorded or accepted."""
    hand_made(tmp_path / "hand.onnx")
    installed = listed(world / "env")
    for words in (
        ["register", "hand.onnx", "--feature-order", ORDER],
        ["unregister", "tinyvmaf_nano"],
        ["bench", "baseline", "--accept", "tinyvmaf_nano", "--reason", "none"],
    ):
        run(world, tmp_path, "tinyvmaf", *words, ok=(1,))
    assert listed(world / "env") == installed
