"""Special cases of single libraries: providers of ONNX Runtime, OpenVINO, OpenCV, PyTorch."""

import itertools
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from tinyvmaf.model import engines
from tinyvmaf.model.engines import EngineError, Settings, UnsupportedModelError
from tinyvmaf.model.engines.onnxruntime_cpu import CONFIG, OnnxRuntimeSession
from tinyvmaf.model.engines.onnxruntime_provider import OnnxRuntimeProvider, build_has, computed_on, require
from tinyvmaf.model.engines.torch_ops import Torch

from .engine_samples import IDENTITY, Node, f32, grid, load, model, rows

# Providers of ONNX Runtime.


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    """A real profile from the CPU."""
    session = OnnxRuntimeSession(
        grid(), Settings(), "CPUExecutionProvider", {}, CONFIG, profile=str(tmp_path / "profile")
    )
    session.run(rows(1))
    return session.end_profile()


def test_a_profile_says_where_each_node_ran(profile: Path) -> None:
    found = computed_on(profile)
    assert list(found) == ["CPUExecutionProvider"]
    assert len(found["CPUExecutionProvider"]) >= 10
    require("CPUExecutionProvider", found)


def test_a_model_that_ran_on_the_cpu_after_all_is_caught(profile: Path) -> None:
    with pytest.raises(EngineError, match=r"no node ran on CUDAExecutionProvider, but on CPUExecutionProvider: \w+"):
        require("CUDAExecutionProvider", computed_on(profile))
    with pytest.raises(EngineError, match="but on nothing"):
        require("CUDAExecutionProvider", {})
    with pytest.raises(UnsupportedModelError, match=r"not all of the model ran on CUDAExecutionProvider; on CPU.*: a"):
        require("CUDAExecutionProvider", {"CUDAExecutionProvider": ["b"], "CPUExecutionProvider": ["a"]})


@pytest.mark.parametrize("text", ["", "{", '{"cat": "Node"}', '[{"cat": "Node", "name": "a_kernel_time"}]', "[1]"])
def test_a_broken_profile_is_an_error(text: str, tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text(text)
    with pytest.raises(EngineError, match=r"p\.json is not a profile|no node ran"):
        require("CUDAExecutionProvider", computed_on(tmp_path / "p.json"))


def test_a_provider_that_this_build_lacks_says_so() -> None:
    lacking = OnnxRuntimeProvider("onnxruntime-x", "XExecutionProvider", "onnxruntime-x")
    here = lacking.available()
    assert here.reason == "this ONNX Runtime has no XExecutionProvider: install onnxruntime-x"
    with pytest.raises(EngineError, match="onnxruntime-x is not available"):
        lacking.load(IDENTITY)


def test_a_provider_whose_device_is_missing_says_so() -> None:
    here = OnnxRuntimeProvider("a", build_has()[0], device=str, device_name="NVIDIA GPU").available()
    assert (here.ok, here.reason) == (False, "no NVIDIA GPU here")


def test_a_provider_that_leaves_all_to_the_cpu_is_refused() -> None:
    """The Azure provider computes nothing here: a real silent fallback."""
    if "AzureExecutionProvider" not in build_has():
        pytest.skip("this ONNX Runtime has no provider to try it with")
    with pytest.raises(UnsupportedModelError, match="fallback to CPU EP has been explicitly disabled"):
        OnnxRuntimeProvider("onnxruntime-azure", "AzureExecutionProvider").load(grid())


# OpenVINO and OpenCV.


def test_openvino_does_not_phone_home(tmp_path: Path) -> None:
    """Its telemetry leaves an identifier in the home folder at the first import."""
    load("openvino", IDENTITY)
    (tmp_path / "m.onnx").write_bytes(IDENTITY)
    (tmp_path / "home").mkdir()
    code = (
        "import sys; from pathlib import Path; from tinyvmaf.model import engines;"
        f"engines.find('openvino').load(Path({str(tmp_path / 'm.onnx')!r}).read_bytes()).run([[1.0]]);"
        "print([name for name in sys.modules if name.startswith('openvino_telemetry')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "HOME": str(tmp_path / "home")},
    )
    assert done.stdout.strip() == "[]"
    assert not list((tmp_path / "home").rglob("*"))


def test_openvino_multiplies_in_float32() -> None:
    """By default it uses bfloat16 if the CPU has it, which keeps 8 bits of 1 + 2^-12."""
    data = model([("MatMul", ["features", "w"], "score", {})], {"w": f32(np.full((64, 1), 1 + 2**-12))}, width=64)
    assert load("openvino", data).run(np.ones((4096, 64))).tolist() == [64 + 2**-6] * 4096


def test_opencv_is_not_another_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    load("opencv", IDENTITY)
    monkeypatch.setenv("OPENCV_FORCE_DNN_ENGINE", "4")
    with pytest.raises(EngineError, match="OPENCV_FORCE_DNN_ENGINE is set"):
        engines.find("opencv").load(IDENTITY)


def test_opencv_refuses_what_it_reads_as_an_empty_network() -> None:
    data = model([("Clip", ["features", "a", "b"], "score", {})], {"a": f32(1), "b": f32(-1)}, width=1)
    with pytest.raises(UnsupportedModelError, match="empty network"):
        load("opencv", data)


def test_threads_of_the_process_are_as_before() -> None:
    """Other code in the process may use the library too."""
    for name, module, getter in (("opencv", "cv2", "getNumThreads"), ("torch-eager", "torch", "get_num_threads")):
        count = getattr(pytest.importorskip(module), getter)
        before = count()
        load(name, grid(), Settings(threads=before + 1)).run(rows(5))
        assert count() == before


# PyTorch.


def test_compiling_needs_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    load("torch-eager", IDENTITY)
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(
        EngineError, match=r"torch\.compile needs a C\+\+ compiler: no-such-compiler is not on the PATH"
    ):
        engines.find("torch-compiled").load(IDENTITY)


def test_pytorch_without_a_gpu_says_so() -> None:
    here = Torch("torch-cuda", device="cuda").available()
    if here.ok:
        pytest.skip("there is one")
    assert here.reason in ("this PyTorch is built for the CPU only: install one with CUDA", "no NVIDIA GPU here")


@pytest.mark.slow
def test_more_models_are_compiled_than_pytorch_keeps_of_one_code() -> None:
    """PyTorch compiles one code object at most 8 times by default: each model must have its own.

    And a warning of its compiler does not end a run in which warnings are errors.
    """
    torch = pytest.importorskip("torch")
    with torch._dynamo.config.patch(recompile_limit=2), warnings.catch_warnings():
        warnings.simplefilter("error")
        for count in (1, 2, 3):
            names = ["features", *(f"v{i}" for i in range(count - 1)), "score"]
            adds: list[Node] = [("Add", [x, "one"], y, {}) for x, y in itertools.pairwise(names)]
            session = load("torch-compiled", model(adds, {"one": f32(1)}, width=1))
            assert session.run([[1.0], [2.0]]).tolist() == [1 + count, 2 + count]
