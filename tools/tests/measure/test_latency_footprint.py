"""Memory and creation time of a session, in a real new process."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tinyvmaf.errors import ModelError
from tinyvmaf.measure import latency
from tinyvmaf.model import registry
from tinyvmaf.model.engines import EngineError


def test_a_session_takes_time_and_memory() -> None:
    found = latency.footprint(registry.find("vmaf_v0.6.1_svr").file, 6)
    assert 0.05 < found.creation_ms < 1000
    assert found.creation_floor > 1
    if sys.platform == "linux":
        assert found.peak_kib is not None
        assert found.peak_kib > 10_000  # a row has hundreds of kernels in float64, times 4096 rows


def test_a_model_that_does_not_load_is_the_models_fault(tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"nothing")
    with pytest.raises(ModelError, match=r"broken\.onnx: cannot measure its footprint: .*cannot load it"):
        latency.footprint(broken, 6)


def test_a_child_that_hangs_or_dies_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tinyvmaf.measure.latency.footprints._LIMIT_S", 0.5)
    monkeypatch.setattr("tinyvmaf.measure.latency.footprints._CHILD", "import time; time.sleep(60)")
    with pytest.raises(EngineError, match=r"no session within 0\.5 s"):
        latency.footprint(tmp_path / "any.onnx", 6)
    monkeypatch.setattr("tinyvmaf.measure.latency.footprints._LIMIT_S", 30)
    monkeypatch.setattr("tinyvmaf.measure.latency.footprints._CHILD", "import os; os.kill(os.getpid(), 9)")
    with pytest.raises(ModelError, match="cannot measure its footprint: -9"):
        latency.footprint(tmp_path / "any.onnx", 6)


def test_where_the_system_does_not_tell_memory_is_not_known(tmp_path: Path) -> None:
    code = "import pathlib, tinyvmaf.measure.footprint_child as f\nf._STATUS = pathlib.Path('/nowhere')\nf.main()"
    command = [sys.executable, "-c", code, str(registry.find("tinyvmaf_nano").file), "16", "6"]
    done = subprocess.run(command, input=latency.floor_model(6), capture_output=True, check=True, cwd=tmp_path)
    found = json.loads(done.stdout)
    assert found["peak_kib"] is None
    assert found["creation_ms"] > 0
