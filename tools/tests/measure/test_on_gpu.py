"""tools/benchmarks/on_gpu.sh: its way on the CPU, and what it says of engines that could not run."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tinyvmaf.files import home
from tinyvmaf.model import registry
from tinyvmaf.model.engines import Availability, Session, Settings, find
from tinyvmaf.model.engines.torch_ops import CUDA, Torch

SCRIPT = home() / "tools/benchmarks/on_gpu.sh"


@pytest.fixture
def on_gpu(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(home()))  # a process that is started finds this module, with `Broken`
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    import on_gpu

    return on_gpu


@dataclass(frozen=True)
class Broken:
    """An engine that is here and ends its process, or is not here."""

    name: str
    here: bool = True

    def available(self) -> Availability:
        return Availability(self.here, "" if self.here else "no such card here")

    def load(self, model: bytes, settings: Settings = Settings()) -> Session:  # noqa: B008
        del model, settings
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


def test_the_script_writes_a_page_and_json_on_the_cpu(tmp_path: Path) -> None:
    """The shell script itself, small: one model, two engines."""
    options = ["--cpu", "--model", "tinyvmaf_nano", "--engine", "torch-cpu-tf32", "--batch", "64", "--batch", "300"]
    done = subprocess.run(
        ["sh", SCRIPT, *options, "--rows", "200", "--out", tmp_path],
        env=os.environ | {"PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "on_gpu.json").read_text(encoding="utf-8"))
    assert result["machine"]["cpu"]
    assert result["versions"]["onnxruntime"]
    assert (result["on"], result["failed"]) == ("cpu", [])
    reference, torch = result["engines"]
    assert (reference["name"], torch["name"]) == ("onnxruntime-cpu", "torch-cpu-tf32")
    assert torch["settings"] == {"float32_matmul_precision": "high"}
    found = torch["models"]["tinyvmaf_nano"]
    assert (found["rows"], found["ulp"], found["ulp_between_batches"]) == (200, 0, 0)  # proven exact
    assert set(found["batches"]) == {"64", "300"}
    assert all(rate["rows_per_s"] > 0 for rate in found["batches"].values())
    page = (tmp_path / "on_gpu.md").read_text(encoding="utf-8")
    assert page.startswith("# Shipped models on the CPU\n")
    assert "| tinyvmaf_nano | torch-cpu-tf32 | 200 | 0 | 0 | 0 | " in page
    assert "rows/s at 64 | rows/s at 300" in page


def measured(on_gpu: ModuleType, *chosen: Any, asked: tuple[str, ...] = ()) -> dict[str, Any]:
    """Results by name."""
    found = on_gpu.measure(chosen, [registry.find("tinyvmaf_nano")], asked=asked, batches=[16], most=64)
    return {entry["name"]: entry for entry in found}


def test_an_engine_that_dies_is_in_the_result_with_its_reason(on_gpu: ModuleType) -> None:
    """And takes no other with it."""
    reference = on_gpu.contenders(cpu=True)[0]
    found = measured(on_gpu, reference, on_gpu.Contender("dies", Broken("dies"), "torch-cuda"))
    assert not found["onnxruntime-cpu"]["failed"]
    assert found["dies"]["failed"]
    assert found["dies"]["models"] == {"tinyvmaf_nano": {"reason": "its process ended with signal 9"}}
    page = on_gpu.page(on_gpu.whole(list(found.values()), cpu=False, seconds=1.0), [16])
    assert "- dies, tinyvmaf_nano: its process ended with signal 9" in page
    assert "- **Failed**: dies" in page


def test_an_engine_that_is_missing_fails_unless_it_is_optional_and_nobody_asked_for_it(on_gpu: ModuleType) -> None:
    def entry(*, optional: bool, asked: tuple[str, ...] = ()) -> dict[str, Any]:
        gone: dict[str, Any] = measured(
            on_gpu, on_gpu.Contender("gone", Broken("gone", False), "torch-cuda", optional=optional), asked=asked
        )["gone"]
        return gone

    assert entry(optional=False)["failed"]
    assert entry(optional=False)["reason"] == "no such card here"
    assert not entry(optional=True)["failed"]
    assert entry(optional=True, asked=("gone",))["failed"]


@pytest.mark.skipif(CUDA.available().ok, reason="there is a GPU here")
def test_without_a_gpu_it_says_so_and_fails(
    on_gpu: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = ["--model", "tinyvmaf_nano", "--rows", "16", "--batch", "16", "--out", str(tmp_path)]
    assert on_gpu.main([*small, "--engine", "torch-cuda"]) == 1
    shown = capsys.readouterr()
    assert "- torch-cuda: " in shown.out
    assert "- **Failed**: torch-cuda" in shown.out
    assert "--cpu measures the same on the CPU" in shown.err or CUDA.available().device
    assert on_gpu.main(["--engine", "nobody"]) == 2


def test_on_a_gpu_each_engine_runs_with_tf32_off_and_on(on_gpu: ModuleType) -> None:
    """What would run there; this needs no GPU."""
    chosen = {one.name: one for one in on_gpu.contenders(cpu=False)}
    assert [name for name, one in chosen.items() if one.optional] == [
        "onnxruntime-cuda",
        "onnxruntime-cuda-tf32",
        "onnxruntime-tensorrt",
        "onnxruntime-tensorrt-tf32",
    ]
    assert chosen["onnxruntime-cuda"].engine.options == {"use_tf32": "0"}
    assert chosen["onnxruntime-tensorrt"].variables == {"NVIDIA_TF32_OVERRIDE": "0"}
    assert {name for name, one in chosen.items() if isinstance(one.engine, Torch) and one.engine.tf32} == {
        "torch-cuda-tf32",
        "torch-cuda-compiled-tf32",
    }


def test_no_engine_that_judges_rounds_to_tf32() -> None:
    for name in ("torch-eager", "torch-compiled", "torch-cuda"):
        engine = find(name)
        assert isinstance(engine, Torch)
        assert engine.settings == {"float32_matmul_precision": "highest"}
