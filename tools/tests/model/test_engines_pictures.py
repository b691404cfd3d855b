"""Every engine runs models that take pictures, and says so where it cannot."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from onnx import helper

from tinyvmaf.errors import ModelError
from tinyvmaf.model.engines import NotFiniteError, UnsupportedModelError, all_pictures
from tinyvmaf.model.engines.onnxruntime_cpu import OnnxRuntimeCpu
from tinyvmaf.model.engines.picture_operators import PICTURE_OPERATORS

from .engine_samples import INSTALLED, load, model
from .picture_models import (
    BYTE,
    FLOAT,
    SIZES,
    Net,
    exact_filter,
    exact_score,
    fixed_size,
    float_filter,
    float_score,
    identity_filter,
    pictures,
    three_channels,
)

EXACT: dict[str, tuple[Callable[[int], bytes], int]] = {
    "score of floats": (exact_score, FLOAT),
    "score of bytes": (exact_score, BYTE),
    "filter of floats": (exact_filter, FLOAT),
    "filter of bytes": (exact_filter, BYTE),
    "identity of bytes": (identity_filter, BYTE),
}


@pytest.mark.parametrize("name", INSTALLED)
@pytest.mark.parametrize("case", EXACT)
def test_engines_give_the_same_bits_for_whole_numbers_at_any_size(name: str, case: str) -> None:
    make, element = EXACT[case]
    data = make(element)
    with load(name, data) as session, load("onnxruntime-cpu", data) as reference:
        for height, width in SIZES:
            given = pictures(3, height, width, element=element)
            got, expected = session.run_pictures(given), reference.run_pictures(given)
            np.testing.assert_array_equal(got, expected)
            assert (got.dtype, got.shape) == (expected.dtype, expected.shape)
            assert len(np.unique(expected)) > 1, "a constant proves nothing"


@pytest.mark.parametrize("name", INSTALLED)
@pytest.mark.parametrize(("make", "off"), [(float_score, 1e-3), (float_filter, 1e-6)])
def test_engines_are_close_on_floating_point(name: str, make: Callable[[], bytes], off: float) -> None:
    given = pictures(2, 90, 160)
    with load(name, make()) as session, load("onnxruntime-cpu", make()) as reference:
        assert np.abs(session.run_pictures(given) - reference.run_pictures(given)).max() <= off


@pytest.mark.parametrize("name", INSTALLED)
def test_no_picture_gives_nothing(name: str) -> None:
    nothing = np.zeros((0, 1, 64, 64), np.float32)
    assert load(name, exact_score()).run_pictures(nothing).shape == (0,)
    assert load(name, exact_filter()).run_pictures(nothing).shape == (0, 1, 64, 64)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (np.zeros((1, 1, 64, 64), np.uint8), r"takes float32 \[N, 1, H, W\], not uint8"),
        (np.zeros((1, 1, 64, 64)), "not float64"),
        (np.zeros((1, 3, 64, 64), np.float32), r"not float32 \[1, 3, 64, 64\]"),
        (np.zeros((64, 64), np.float32), r"not float32 \[64, 64\]"),
        (np.zeros((1, 1, 63, 64), np.float32), "a picture of 64x63; the least is 64 each"),
    ],
)
def test_other_pictures_are_refused(given: NDArray[Any], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        OnnxRuntimeCpu(exact_score()).run_pictures(given)


def test_rows_and_pictures_are_not_mixed_up() -> None:
    with pytest.raises(ModelError, match="takes pictures, not rows"):
        OnnxRuntimeCpu(exact_score()).run(np.zeros((1, 6), np.float32))
    rows = OnnxRuntimeCpu(model([("ReduceMean", ["features"], "score", {"axes": [1]})]))
    with pytest.raises(ModelError, match="takes rows of features, not pictures"):
        rows.run_pictures(pictures(1, 64, 64))


@pytest.mark.parametrize("name", ["onnxruntime-cpu", "onnx-reference"])
def test_three_channels_are_refused_with_what_to_do(name: str) -> None:
    with pytest.raises(ModelError, match="takes 3 channels") as error:
        load(name, three_channels())
    assert "put a convolution in front" in str(error.value)


def test_an_engine_that_takes_no_pictures_says_so() -> None:
    with pytest.raises(UnsupportedModelError, match="torch-compiled takes no pictures"):
        load("torch-compiled", exact_score())


def test_a_fixed_size_is_refused_with_what_to_do() -> None:
    with pytest.raises(ModelError, match="takes pictures of 224x224 only") as error:
        OnnxRuntimeCpu(fixed_size())
    assert "symbolic H and W" in str(error.value)


def spoilt(output: str) -> bytes:
    """0 / 0 in a black picture."""
    net = Net()
    ratio = net.add("Div", "luma", "luma")
    if output == "score":
        net.add("ReduceMean", ratio, out="score", axes=[2, 3], keepdims=0)
        net.nodes[-1] = helper.make_node("ReduceMean", [ratio], ["mean"], axes=[2, 3], keepdims=0)
        net.add("Identity", "mean", out="score")
    else:
        net.add("Identity", ratio, out="picture")
    return net.model(output)


@pytest.mark.parametrize("output", ["score", "picture"])
def test_what_is_not_finite_is_told_with_its_place(output: str) -> None:
    session = OnnxRuntimeCpu(spoilt(output))
    given = pictures(2, 64, 70) + np.float32(0.5)
    given[1, 0, 5, 7] = 0.0
    with pytest.raises(NotFiniteError, match=r"gave nan for picture 1.*, 70x64"):
        session.run_pictures(given)
    found = all_pictures(session, given)
    assert np.isfinite(found[0]).all()
    assert not np.isfinite(found[1]).all()


def test_a_shape_that_does_not_follow_the_input_is_told() -> None:
    net = Net()
    net.add("AveragePool", "luma", out="picture", kernel_shape=[2, 2], strides=[2, 2])
    data = net.model("picture", gives=("N", 1, "H2", "W2"))
    with pytest.raises(ModelError, match=r"gave float32 \[1, 1, 32, 32\] for pictures \[1, 1, 64, 64\]"):
        OnnxRuntimeCpu(data).run_pictures(np.zeros((1, 1, 64, 64), np.float32))


WEIGHTS = np.random.default_rng(0).integers(-2, 3, (4, 2, 3, 2)).astype(np.float32)
STEMS: dict[str, tuple[str, list[Any], dict[str, Any]]] = {
    "average": ("AveragePool", [], {"kernel_shape": [2, 4], "strides": [2, 2]}),
    "average, padded": ("AveragePool", [], {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}),
    "average, padding counts": (
        "AveragePool",
        [],
        {"kernel_shape": [2, 2], "pads": [1, 0, 1, 0], "count_include_pad": 1},
    ),
    "average of all": ("GlobalAveragePool", [], {}),
    "convolution": ("Conv", [WEIGHTS], {"strides": [2, 1], "pads": [0, 1, 2, 3], "dilations": [1, 2]}),
    "convolution, grouped": ("Conv", [WEIGHTS[:, :1]], {"group": 2}),
    "convolution, depthwise, with bias": ("Conv", [WEIGHTS[:2, :1], np.arange(2, dtype=np.float32)], {"group": 2}),
    "convolution, same size": ("Conv", [WEIGHTS], {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    "convolution, same size, lower": ("Conv", [WEIGHTS], {"auto_pad": "SAME_LOWER"}),
    "depth to space": ("DepthToSpace", [], {"blocksize": 2}),
    "depth to space, columns first": ("DepthToSpace", [], {"blocksize": 2, "mode": "CRD"}),
    "largest": ("MaxPool", [], {"kernel_shape": [3, 2], "strides": [2, 1], "pads": [1, 0, 0, 1]}),
    "largest of all": ("GlobalMaxPool", [], {}),
    "normalisation": ("InstanceNormalization", [np.array([1.0, 2.0], np.float32), np.zeros(2, np.float32)], {}),
    "padding, constant": ("Pad", [np.array([0, 0, 1, 2, 0, 0, 3, 0]), np.array(5.0, np.float32)], {}),
    "padding, edge": ("Pad", [np.array([0, 0, 1, 2, 0, 0, 3, 0])], {"mode": "edge"}),
    "padding, reflected": ("Pad", [np.array([0, 0, 1, 2, 0, 0, 3, 1])], {"mode": "reflect"}),
    "resize, nearest": (
        "Resize",
        [None, np.array([1, 1, 2, 3], np.float32)],
        {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
    ),
    "resize, linear": ("Resize", [None, np.array([1, 1, 2, 2], np.float32)], {"mode": "linear"}),
    "space to depth": ("SpaceToDepth", [], {"blocksize": 2}),
    "transposed": ("ConvTranspose", [WEIGHTS[:2]], {"strides": [2, 2], "pads": [1, 0, 0, 1], "output_padding": [1, 0]}),
    "transposed, grouped": ("ConvTranspose", [WEIGHTS[:2, :1]], {"group": 2, "strides": [2, 3]}),
}


def around(case: str) -> bytes:
    """Two or eight channels of the luma, the operator, and one number of each place of what it makes."""
    operator, inputs, attributes = STEMS[case]
    net = Net()
    count = 8 if operator == "DepthToSpace" else 2
    x = net.add("Conv", "luma", net.constant(np.arange(1, 1 + count * 4).reshape(count, 1, 2, 2)), strides=[2, 2])
    names = ["" if one is None else net.constant(one, one.dtype) for one in inputs]
    made = net.add(operator, x, *names, **attributes)
    # The places of a picture have weights of their own, so that an exchange of two is seen.
    turned = net.add("Mul", made, net.add("Sigmoid", net.add("ReduceMean", made, axes=[3], keepdims=1)))
    total = net.add("ReduceMean", turned, axes=[1, 2, 3], keepdims=0)
    net.add("Unsqueeze", total, net.constant([1], np.int64), out="score")
    return net.model("score")


@pytest.mark.parametrize("case", STEMS)
@pytest.mark.parametrize("name", ["numpy", "torch-eager"])
def test_the_interpreter_follows_the_specification(name: str, case: str) -> None:
    """Against ONNX Runtime; the reference evaluator of onnx fails on some of them."""
    given = pictures(2, 68, 72) - np.float32(0.5)
    got = load(name, around(case)).run_pictures(given)
    np.testing.assert_allclose(got, OnnxRuntimeCpu(around(case)).run_pictures(given), rtol=2e-5, atol=1e-5)


def test_every_operator_of_pictures_is_tried() -> None:
    assert {operator for operator, _, _ in STEMS.values()} == set(PICTURE_OPERATORS)


@pytest.mark.parametrize(
    ("operator", "attributes", "said"),
    [
        ("AveragePool", {"kernel_shape": [2, 2], "ceil_mode": 1}, "ceil_mode"),
        ("Resize", {"mode": "cubic"}, "nearest and linear"),
    ],
)
def test_what_the_interpreter_lacks_is_told(operator: str, attributes: dict[str, Any], said: str) -> None:
    net = Net()
    scales = [] if operator == "AveragePool" else ["", net.constant([1, 1, 2, 2])]
    made = net.add(operator, "luma", *scales, **attributes)
    net.add("Flatten", net.add("GlobalAveragePool", made), out="score")
    with pytest.raises(UnsupportedModelError, match=said):
        load("numpy", net.model("score"))


def test_torch_is_left_as_it_was() -> None:
    before = torch.get_num_threads()
    load("torch-eager", float_score()).run_pictures(pictures(1, 64, 64))
    assert torch.get_num_threads() == before
