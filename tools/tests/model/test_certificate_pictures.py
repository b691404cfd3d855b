"""Certificates of graphs that take pictures: each rule at its boundary, and random graphs on every engine at hand."""

import os
from functools import cache
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto, load_model_from_string
from onnx.reference import ReferenceEvaluator

from tinyvmaf.model.certificate import ExactnessCertificate, certify, load

from ..effort import tries
from .certificate_samples import LIMIT, node, refused
from .picture_graphs import Array, Grower, Grown, behind, divided, floats, model, whole_numbers

GRAPHS = int(os.environ.get("TINYVMAF_FUZZ_GRAPHS", tries(16, 600)))
SMALL = (66, 80)
ALONG = {"axes": np.array([2, 3], dtype=np.int64), "one": floats(1), "zero": floats(0), "top": floats(255)}


def conv(w: Any, **how: Any) -> ExactnessCertificate:
    return behind([node("Conv", ["q", "w"], "y", **how)], {"w": floats(w)})


# Each rule.


@pytest.mark.parametrize(("extra", "certified"), [(0, True), (1, False)])
def test_a_convolution_adds_up_to_2_24_steps(extra: int, certified: bool) -> None:
    """4 places of 255 times 16,447 are 16,775,940; the bias makes it 2^24, then one more."""
    bias = floats([LIMIT - 4 * 255 * 16447 + extra])
    nodes = [node("Conv", ["q", "w", "b"], "y", strides=[2, 2])]
    found = behind(nodes, {"w": floats(np.full((1, 1, 2, 2), 16447)), "b": bias})
    assert found.certified is certified
    if certified:
        assert found.accumulator_bits == 24
        assert found.largest_picture == (4320, 8192)
        assert "for pictures up to 8192x4320" in found.explain()
    else:
        refused(found, "partial sums reach 16,777,217 steps", "Conv")


@pytest.mark.parametrize(
    ("shape", "how", "certified"),
    [
        ((4, 1, 3, 3), {}, False),
        ((4, 1, 5, 5), {"pads": [2, 2, 2, 2]}, False),
        ((4, 1, 1, 3), {}, False),
        ((4, 1, 1, 1), {}, True),
        ((4, 1, 3, 3), {"strides": [2, 2]}, True),
        ((4, 1, 3, 3), {"strides": [1, 2]}, True),
        ((4, 1, 3, 3), {"dilations": [2, 2]}, True),
        ((4, 1, 3, 3), {"dilations": [1, 2]}, False),
        ((4, 1, 3, 3), {"strides": [2, 2], "auto_pad": "SAME_UPPER"}, False),
    ],
)
def test_kernels_that_engines_transform_are_refused(
    shape: tuple[int, ...], how: dict[str, Any], certified: bool
) -> None:
    found = conv(np.ones(shape), **how)
    assert found.certified is certified, found.explain()
    if not certified:
        refused(found, "Winograd|auto_pad", "Conv")


def test_a_kernel_for_each_channel_may_have_a_stride_of_1() -> None:
    wide = node("Conv", ["q", "v"], "c", strides=[2, 2])
    own = node("Conv", ["c2", "w"], "y", group=4, pads=[1, 1, 1, 1])
    held = {"v": floats(np.ones((4, 1, 2, 2))), "w": floats(np.ones((4, 1, 3, 3)))}
    assert behind([wide, node("Identity", ["c"], "c2"), own], held).certified
    in_twos = node("Conv", ["c2", "w"], "y", group=2, pads=[1, 1, 1, 1])
    held["w"] = floats(np.ones((4, 2, 3, 3)))
    refused(behind([wide, node("Identity", ["c"], "c2"), in_twos], held), "Winograd", "Conv")


def test_pads_add_terms_of_0() -> None:
    """The difference of two values from 4000 to 4255 is at most 255; of one and a 0 beside the picture, it is 4255."""
    nodes = [node("Add", ["q", "k"], "far0"), node("Floor", ["far0"], "far1"), node("Clip", ["far1", "k", "t"], "far")]
    held = {"k": floats(4000), "t": floats(4255), "w": floats([[[[1.0, -1.0]]]]), "v": floats([[[[3941.0]]]])}
    for pads, largest in (([0, 0, 0, 0], 255), ([0, 1, 0, 1], 4255)):
        padded = node("Conv", ["far", "w"], "c0", strides=[2, 2], pads=pads)
        nodes_of = [*nodes, padded, node("Floor", ["c0"], "c"), node("Conv", ["c", "v"], "y")]
        assert behind(nodes_of, held).accumulator_bits == (largest * 3941 - 1).bit_length()
    held["v"] += 4
    refused(behind(nodes_of, held), "a product takes 25 significant bits", "Conv")


@pytest.mark.parametrize(("most", "certified"), [(0.4, True), (121 / 256, True), (0.5, False)])
def test_a_sum_over_the_picture_has_a_term_for_each_of_its_cells(most: float, certified: bool) -> None:
    """512 x 270 cells of 121 are 16,727,040; of 127 they are 17,556,480."""
    strided = [node("Conv", ["q", "w"], "c", strides=[16, 16]), node("ReduceSum", ["c", "axes"], "y")]
    found = behind(strided, {"w": floats(np.ones((1, 1, 1, 1))), **ALONG}, most=float(int(256 * most)))
    assert found.certified is certified, found.explain()
    if not certified:
        refused(found, "partial sums reach 17,694,720", "ReduceSum")


def test_means_over_a_picture_are_refused() -> None:
    refused(behind([node("GlobalAveragePool", ["q"], "y")]), "number of a picture's cells", "GlobalAveragePool")
    refused(behind([node("ReduceMean", ["q"], "y", axes=[2, 3])]), "number of a picture's cells", "ReduceMean")


@pytest.mark.parametrize(
    ("nodes", "why"),
    [
        ([node("ReduceSum", ["q", "one"], "y")], "one of height and width"),
        ([node("Add", ["q", "row"], "y")], "meets the height and width"),
        ([node("Concat", ["q", "q"], "y", axis=3)], "another axis than its channels"),
        ([node("Flatten", ["q"], "y")], "does not know this operator for pictures"),
        ([node("Reshape", ["q", "shape"], "y")], "does not know this operator for pictures"),
        ([node("Transpose", ["q"], "y", perm=[0, 1, 3, 2])], "does not know this operator for pictures"),
        ([node("MatMul", ["q", "q"], "y")], "does not know this operator for pictures"),
        ([node("Resize", ["q", "", "scales"], "y")], "does not know this operator"),
        ([node("AveragePool", ["q"], "y", kernel_shape=[3, 3])], "no power of two"),
        ([node("AveragePool", ["q"], "y", kernel_shape=[2, 2], pads=[1, 1, 1, 1])], "another count"),
        ([node("AveragePool", ["q"], "y", kernel_shape=[2, 2], ceil_mode=1)], "another count"),
        ([node("MaxPool", ["q"], "y", kernel_shape=[2, 2], ceil_mode=1)], "ceil_mode"),
        ([node("Pad", ["q", "crop"], "y")], "cut it"),
        ([node("Pad", ["q", "more"], "y")], "adds pictures or channels"),
        ([node("Slice", ["q", "two", "three", "one", "minus"], "y")], "backwards"),
        ([node("DepthToSpace", ["q"], "y", blocksize=2)], "no multiple of 4"),
        ([node("Conv", ["q", "q"], "y")], "not constants"),
    ],
)
def test_what_the_proof_does_not_follow(nodes: list[Any], why: str) -> None:
    held = {
        "one": np.array([2]),
        "two": np.array([2]),
        "three": np.array([9]),
        "minus": np.array([-1]),
        "row": floats(np.ones(64)),
        "shape": np.array([0, -1]),
        "scales": floats([1, 1, 2, 2]),
        "crop": np.array([0, 0, -1, 0, 0, 0, 0, 0]),
        "more": np.array([0, 1, 0, 0, 0, 0, 0, 0]),
    }
    refused(behind(nodes, held), why)


def test_height_and_width_must_be_symbols() -> None:
    nodes, held = whole_numbers()
    fixed = certify(model([*nodes, node("MaxPool", ["q"], "y", kernel_shape=[2, 2])], held, shape=["N", 1, 64, 64]))
    refused(fixed, "height and width are not both symbols", "MaxPool")
    refused(certify(model([*nodes, node("Identity", ["q"], "y")], held, shape=[1, 1, "H", "W"])), "only the first axis")


def test_pictures_of_8_bits_are_integers() -> None:
    nodes = [node("Cast", ["luma"], "q", to=TensorProto.FLOAT), node("Conv", ["q", "w"], "y", strides=[2, 2])]
    held = {"w": floats(np.full((1, 1, 2, 2), 16447))}
    found = certify(model(nodes, held, takes=TensorProto.UINT8))
    assert (found.certified, found.accumulator_bits) == (True, 24), found.explain()
    assert found.flush_to_zero_safe
    assert not certify(model(nodes, {"w": held["w"] + 2}, takes=TensorProto.UINT8)).certified


# Division.


def mean(nodes: list[Any] | None = None, a: str = "sum", b: str = "count", **held: Array) -> ExactnessCertificate:
    """Of the mean of a picture of 16 x 16 blocks."""
    before = [
        node("Conv", ["q", "w"], "c0", strides=[16, 16]),
        node("Floor", ["c0"], "c"),
        node("ReduceSum", ["c", "axes"], "sum0"),
        node("Floor", ["sum0"], "sum"),
        node("Clip", ["c", "one", "one"], "ones"),
        node("ReduceSum", ["ones", "axes"], "count0"),
        node("Floor", ["count0"], "count"),
    ]
    end = [*(divided(a, b, "z") if nodes is None else nodes), node("Clip", ["z", "zero", "top"], "y")]
    return behind([*before, *end], {"w": floats(np.ones((1, 1, 1, 1))), **ALONG, **held}, most=100)


def test_a_quotient_that_its_remainder_corrects_is_certified() -> None:
    found = mean()
    assert found.certified, found.explain()


def test_a_quotient_of_sums_needs_floors() -> None:
    refused(mean(a="sum0"), "not proven to be integers", "Sub")
    refused(mean(b="count0"), "not proven to be integers", "Sub")


def test_a_quotient_that_others_see_or_that_is_not_corrected_is_refused() -> None:
    """Each change to the pattern makes it an ordinary division again."""
    *nodes, last = divided("sum", "count", "z")
    for seen in (one.output[0] for one in nodes):
        logic = seen in ("g", "l")
        again = node("Where", [seen, "z0", "zero"], "z") if logic else node("Max", ["z0", seen], "z")
        found = mean([*nodes, node("Sub", list(last.input), "z0"), again])
        refused(found, "divisor is not a constant power of two", "Div")
    nodes = divided("sum", "count", "z")
    for wrong in (
        node("Sub", ["m", "sum"], "r"),
        node("GreaterOrEqual", ["count", "r"], "g"),
        node("Less", ["zero", "r"], "l"),
        node("Ceil", ["d"], "q0"),
        node("Mul", ["q0", "sum"], "m"),
        node("Sub", ["q0", "u"], "s"),
        node("Sub", ["k", "s"], "z"),
        node("Div", ["count", "sum"], "d"),
    ):
        changed = [wrong if one.output == wrong.output else one for one in nodes]
        assert not mean(changed).certified, wrong
    assert not mean(zero=floats(1)).certified


def rest(nodes: list[Any], times: float = 1.0) -> tuple[ExactnessCertificate, bytes]:
    """Of what is left of the sum of a picture, divided by its number of blocks."""
    before, held = whole_numbers(100)
    made = [
        node("Conv", ["q", "w"], "c0", strides=[16, 16]),
        node("Floor", ["c0"], "c"),
        node("ReduceSum", ["c", "axes"], "sum0"),
        node("Floor", ["sum0"], "sum"),
        node("Clip", ["c", "one", "one"], "ones"),
        node("ReduceSum", ["ones", "axes"], "count0"),
        node("Floor", ["count0"], "count"),
        *divided("sum", "count", "z"),
        *nodes,
    ]
    data = model([*before, *made], held | {"w": floats(np.ones((1, 1, 1, 1))), "times": floats(times), **ALONG})
    return certify(data), data


def test_what_is_left_of_a_quotient_is_below_the_divisor() -> None:
    """138,240 blocks at most: what is left, times 121, is below 2^24, and times 127 takes 25 bits."""
    left = [
        node("Mul", ["z", "count"], "back"),
        node("Sub", ["sum", "back"], "left"),
        node("Mul", ["left", "times"], "l2"),
        node("Neg", ["l2"], "l3"),
        node("Add", ["l3", "one"], "y"),
    ]
    for times, certified in ((121.0, True), (127.0, False)):
        found, data = rest(left, times)
        assert found.certified is certified, found.explain()
        if certified:
            for picture in pictures(0):
                q = np.clip(np.floor(picture[:1].astype(np.float64) * 256), 0, 100)[:, :, ::16, ::16]
                truth = 1 - q.sum() % q.size * times
                session = ort.InferenceSession(data, providers=["CPUExecutionProvider"])
                assert session.run(None, {"luma": picture[:1]})[0].item() == truth
    for wrong in (
        [node("Mul", ["z", "count"], "back"), node("Sub", ["back", "sum"], "left"), *left[2:]],
        [node("Mul", ["z", "sum"], "back"), node("Sub", ["sum", "back"], "left"), *left[2:]],
        [node("Clip", ["z", "one", "top"], "c1"), node("Mul", ["c1", "count"], "back"), *left[1:]],
    ):
        assert not rest(wrong)[0].certified


def test_a_divisor_may_not_be_0() -> None:
    refused(mean(b="sum"), "divisor below 1")


# Random graphs.


@cache
def grown(seed: int) -> tuple[Grown, ExactnessCertificate]:
    graph = Grower(seed).grow()
    return graph, certify(graph.onnx())


@pytest.fixture(autouse=True)
def _small(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random graphs are proven for pictures that can be tried, so that a bound that is one cell too low shows."""
    if "seed" in request.fixturenames or "random" in request.node.name:
        monkeypatch.setattr(load, "LARGEST_PICTURE", SMALL)


def pictures(seed: int) -> list[Array]:
    rng = np.random.default_rng(seed)
    tall, wide = rng.random((2, 1, SMALL[1], SMALL[0])), np.ones((1, 1, *SMALL))
    stripes = np.indices((1, 1, 64, 67)).sum(axis=0) % 2
    return [floats(one) for one in (tall, wide, stripes, rng.normal(0.5, 1e3, (1, 1, 65, 66)))]


def everywhere(graph: Grown, picture: Array) -> dict[str, Array]:
    data = graph.onnx()
    session = ort.InferenceSession(data, providers=["CPUExecutionProvider"])
    found = {"onnxruntime": session.run(None, {"luma": picture})[0]}
    reference: Any = ReferenceEvaluator(load_model_from_string(data))
    found["reference"] = reference.run(None, {"luma": picture})[0]
    with_openvino = pytest.importorskip("openvino")
    core = with_openvino.Core()
    compiled = core.compile_model(core.read_model(data), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found["openvino"] = compiled([picture])[compiled.output(0)]
    return found


@pytest.mark.parametrize("seed", range(GRAPHS))
def test_a_certified_graph_gives_exact_integers_on_every_engine(seed: int) -> None:
    graph, certificate = grown(seed)
    if not certificate.certified:
        return
    exact: Any = ReferenceEvaluator(load_model_from_string(graph.onnx(double=True)))
    for picture in pictures(seed):
        truth = exact.run(None, {"luma": picture.astype(np.float64)})[0]
        for name, got in everywhere(graph, picture).items():
            assert got.dtype == np.float32
            np.testing.assert_array_equal(got, truth, f"graph {seed} on {name}")


def test_a_fair_share_of_random_graphs_is_certified() -> None:
    certified = [grown(seed)[1].certified for seed in range(GRAPHS)]
    assert 0.3 * GRAPHS <= sum(certified) <= 0.9 * GRAPHS
