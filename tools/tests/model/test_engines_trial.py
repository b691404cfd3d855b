"""An engine that crashes or hangs on a model is named, and ends nothing else."""

import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from tinyvmaf.measure.engine_agreement import odd_one_out
from tinyvmaf.model.engines import Availability, find, trial
from tinyvmaf.model.engines.trial import EngineDiedError, check_survives

from .engine_samples import IDENTITY

GELU = """
<ir_version: 8, opset_import: ["": 17]>
gelu (float[N, 2] features) => (float[N, 1] score)
<float[2, 1] w = {1, 2}, float[1] b = {0}, float root = {1.4142135}, float one = {1}, float half = {0.5}> {
    z = Gemm (features, w, b)
    scaled = Div (z, root)
    erf = Erf (scaled)
    more = Add (erf, one)
    share = Mul (half, more)
    score = Mul (z, share)
}"""


def gelu() -> bytes:
    return bytes(onnx.parser.parse_model(GELU).SerializeToString())


@pytest.mark.skipif(not find("opencv").available().version.startswith("5.0.0"), reason="the fault is of OpenCV 5.0.0")
def test_opencv_dies_of_gelu_and_only_opencv() -> None:
    with pytest.raises(EngineDiedError, match=r"opencv 5\.0\.0\S* dies of SIGSEGV on it: a fault of the engine"):
        check_survives("opencv", gelu(), 2)
    check_survives("onnxruntime-cpu", gelu(), 2)


@pytest.mark.parametrize(
    ("script", "how"),
    [
        ("kill -SEGV $$", "dies of SIGSEGV"),
        ("exit 3", "dies of status"),
        ("exec sleep 9", "not loaded and run it within 1 s"),
    ],
)
def test_a_crash_and_a_hang_are_told(script: str, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    for _ in range(2):
        with pytest.raises(EngineDiedError, match=how):
            check_survives("onnxruntime-cpu", script.encode(), 1, seconds=1.0)
    check_survives("numpy", b"", 1)  # cannot crash, so it is not tried


def test_what_survived_is_not_tried_again_and_what_died_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In later runs. Another version of the engine, and another model, are tried."""
    log = tmp_path / "log"

    def tries(status: int, *, model: bytes = b"m", version: str = "1") -> int:
        log.write_text("", encoding="utf-8")
        python = tmp_path / "python"
        python.write_text(f"#!/bin/sh\necho tried >> {log}\nexit {status}\n", encoding="utf-8")
        python.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(python))
        monkeypatch.setattr(type(find("opencv")), "available", lambda _: Availability(True, version=version))
        trial._death.cache_clear()  # another run
        with suppress(EngineDiedError):
            check_survives("opencv", model, 1)
        return log.read_text(encoding="utf-8").count("tried")

    assert [tries(3), tries(3), tries(0), tries(0)] == [1, 1, 1, 0]
    assert [tries(0, version="2"), tries(0, version="2")] == [1, 0]
    assert tries(0, model=b"another") == 1
    monkeypatch.setenv("TINYVMAF_CACHE", str(log))  # no folder
    assert [tries(0), tries(0)] == [1, 1]


def test_a_refusal_is_no_crash() -> None:
    check_survives("onnxruntime-cpu", b"not a model", 1)
    check_survives("onnxruntime-cpu", IDENTITY, 1)


def test_one_that_differs_from_all_others_is_named() -> None:
    """An engine, or some levels of one; of two nobody knows which."""
    right, wrong = np.ones(3, np.float32), np.full(3, np.nan, np.float32)

    def odd(**scores: NDArray[np.float32]) -> list[str]:
        return odd_one_out({(name[0], name[1:] or "all"): found for name, found in scores.items()}, 2)

    assert odd(a=right, b=wrong, c=right) == ["b at level all"]
    assert odd(a=wrong, ax=wrong, ay=right, b=right) == ["a at level all", "a at level x"]
    assert odd(a=wrong, ax=wrong, b=right, c=right) == ["a at level all", "a at level x"]
    assert odd(a=right, b=right, c=right) == []
    assert odd(a=right, b=wrong) == []
    assert odd(a=right, ax=wrong) == []
    assert odd(a=right, b=wrong, c=right * 2) == []
