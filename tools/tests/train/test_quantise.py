"""Quantised variants: each is what its name says, close to its parent, and made of the parent alone."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from tinyvmaf.errors import ModelError
from tinyvmaf.judge.kinds import find
from tinyvmaf.model import contract, registry
from tinyvmaf.model.engines import OnnxRuntimeCpu
from tinyvmaf.model.sidecar import metadata
from tinyvmaf.train.quantise import METHODS, QuantiseJob, job_of, made, methods_for, prepared, refuse, write_variant
from tinyvmaf.train.quantise.aware import tuned
from tinyvmaf.train.quantise.words import WORDS
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.teacher import Teacher

from ..processor import SATURATES, saturates, whole_products
from .quantise_samples import net, written

SAMPLES = 400
HAS = {
    "dynamic": {"DynamicQuantizeLinear", "MatMulInteger"},
    "qdq": {"QuantizeLinear", "DequantizeLinear"},
    "qdq_all": {"QuantizeLinear", "DequantizeLinear"},
    "qoperator": {"QLinearMatMul"},
    "weights8": {"DequantizeLinear"},
    "weights4": {"DequantizeLinear"},
    "nbits8": {"MatMulNBits"},
    "nbits4": {"MatMulNBits"},
    "float16": {"Cast"},
    "bfloat16": {"Cast"},
}
WITHIN = {"weights4": 10.0, "nbits4": 10.0, "float16": 0.1, "bfloat16": 0.4}
"""VMAF points, RMSE on rows of the domain; of the others 1.5."""


@pytest.fixture(scope="module")
def parent(teacher: Teacher) -> bytes:
    return net(teacher)


@pytest.fixture(scope="module")
def job(parent: bytes, teacher: Teacher) -> QuantiseJob:
    return job_of(parent, teacher.feature_names, teacher, samples=SAMPLES)


@pytest.fixture(scope="module")
def rows(teacher: Teacher) -> NDArray[np.float32]:
    return Domain(teacher.features).sample(500, 7).astype(np.float32)


def operators(data: bytes) -> set[str]:
    return {node.op_type for node in onnx.load_model_from_string(data).graph.node}


def off(data: bytes, parent: bytes, rows: NDArray[np.float32]) -> float:
    """RMSE, VMAF points."""
    return float(np.sqrt(np.mean((OnnxRuntimeCpu(data).run(rows) - OnnxRuntimeCpu(parent).run(rows)) ** 2)))


def test_each_method_has_words() -> None:
    assert list(METHODS) == list(WORDS)
    assert set(HAS) == set(METHODS) - {"qat", "float32"}


@pytest.mark.parametrize("method", HAS)
def test_a_variant_is_what_its_name_says(
    method: str, job: QuantiseJob, parent: bytes, rows: NDArray[np.float32]
) -> None:
    data = made(method, job)
    assert HAS[method] <= operators(data)
    lossy = saturates() and method in ("dynamic", "qdq_all")
    assert 0 < off(data, parent, rows) < (50.0 if lossy else WITHIN.get(method, 1.5)), SATURATES
    assert set(metadata(data)) == {"teacher"}  # it is not what the parent's recipe makes


def test_the_same_seed_gives_the_same_file(job: QuantiseJob) -> None:
    assert made("qdq", job) == made("qdq", job)


def test_weights_of_four_bits_have_fifteen_levels(job: QuantiseJob) -> None:
    model = onnx.load_model_from_string(made("weights4", job))
    levels = [numpy_helper.to_array(one) for one in model.graph.initializer if one.name.endswith("_levels")]
    assert len(levels) == 3
    assert all(one.dtype == np.int8 and one.min() >= -7 and one.max() <= 7 for one in levels)


def test_each_feature_is_scaled_by_itself(
    parent: bytes, job: QuantiseJob, teacher: Teacher, rows: NDArray[np.float32]
) -> None:
    """Without it, eight bits over motion leave ADM a dozen steps."""
    assert off(job.model.SerializeToString(), parent, rows) < 1e-3
    plain = job_of(parent, teacher.feature_names, teacher, samples=SAMPLES, as_it_is=True)
    assert "Mul" not in {node.op_type for node in plain.model.graph.node}
    assert off(made("qdq", plain), parent, rows) > 2 * off(made("qdq", job), parent, rows)


def test_features_are_scaled_behind_what_a_model_does_to_them(teacher: Teacher, rows: NDArray[np.float32]) -> None:
    """Such as the correction of silent chroma: the first product need not take the features themselves."""
    model = onnx.load_model_from_string(net(teacher))
    (clip,) = [node for node in model.graph.node if node.output[0] == "clipped"]
    clip.output[0] = "before"
    new = [helper.make_node("Neg", ["before"], ["negative"]), helper.make_node("Neg", ["negative"], ["clipped"])]
    for node in reversed(new):
        model.graph.node.insert(1, node)
    data = model.SerializeToString()
    (scale,) = [node for node in prepared(data, rows).graph.node if node.name == "ScaleFeatures"]
    assert scale.input[0] == "clipped"
    assert off(prepared(data, rows).SerializeToString(), data, rows) < 1e-3


def test_the_order_of_the_models_features_is_heeded(teacher: Teacher) -> None:
    names = teacher.feature_names[::-1]
    found = job_of(net(teacher), names, teacher, samples=SAMPLES)
    assert found.rows[:, 0].max() == job_of(net(teacher), teacher.feature_names, teacher).rows[:, -1].max()


def test_float64_becomes_float32(teacher: Teacher, rows: NDArray[np.float32]) -> None:
    data = net(teacher, dtype=np.float64)
    model = prepared(data, rows)
    assert "Cast" not in {node.op_type for node in model.graph.node}
    assert off(model.SerializeToString(), data, rows) < 1e-2
    assert set(methods_for(data)) - set(methods_for(net(teacher))) == {"float32"}


def test_a_job_of_a_broken_scale_is_seen(parent: bytes, job: QuantiseJob, rows: NDArray[np.float32]) -> None:
    """The bound of these tests, broken on purpose: factors that the weights did not take back."""
    model = onnx.load_model_from_string(job.model.SerializeToString())
    (factors,) = [one for one in model.graph.initializer if one.name == "feature_factors"]
    factors.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(factors) * np.float32(1.5), factors.name))
    assert off(model.SerializeToString(), parent, rows) > 10


@whole_products
def test_training_with_the_rounding_brings_it_closer(
    parent: bytes, job: QuantiseJob, teacher: Teacher, rows: NDArray[np.float32]
) -> None:
    before, order = made("qdq_all", job), range(len(teacher.features))
    after = tuned(before, parent, teacher, order, 0, samples=2000, steps=120)
    assert operators(after) == operators(before)
    assert off(after, parent, rows) < off(before, parent, rows)
    assert contract.faults(after) == []


def test_a_variant_names_its_parent(job: QuantiseJob, teacher: Teacher, tmp_path: Path) -> None:
    parent = written(teacher, tmp_path)
    ours = write_variant(parent, "weights8", made("weights8", job), kind=find("regressor"), folder=tmp_path)
    theirs = write_variant(parent, "nbits8", made("nbits8", job), kind=find("regressor"), folder=tmp_path)
    assert (ours.keeps_the_contract, theirs.keeps_the_contract) == (True, False)
    of = registry.find("small_weights8", tmp_path).sidecar.variant_of
    assert of is not None
    assert (of.id, of.sha256, of.method) == ("small", parent.sidecar.sha256, "weights8")
    assert "A variant of `small`" in ours.path.with_suffix(".md").read_text(encoding="utf-8")


@pytest.mark.parametrize("model", ["tinyvmaf_nano", "tinyvmaf_tiny"])
def test_a_grid_is_refused(model: str) -> None:
    with pytest.raises(ModelError, match="it is proven exact: its weights and activations are whole numbers already"):
        refuse(registry.find(model))


def test_what_cannot_be_quantised_is_refused(teacher: Teacher, job: QuantiseJob, tmp_path: Path) -> None:
    for method, why in {"qdq": "it is quantised already: it has", "float16": "it computes in float16"}.items():
        with pytest.raises(ModelError, match=why):
            refuse(written(teacher, tmp_path, made(method, job)))
