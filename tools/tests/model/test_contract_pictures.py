"""The contract of models that take pictures: what it lets through, and what it says of each that breaks it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinyvmaf.model import contract
from tinyvmaf.model.contract import OPERATORS, OUTPUT, pictures
from tinyvmaf.model.contract.luma import PICTURE, picture_faults, picture_file_faults
from tinyvmaf.model.engines.picture_operators import PICTURE_OPERATORS

from .engine_samples import model
from .picture_models import (
    BYTE,
    FLOAT,
    Net,
    brightness_score,
    exact_filter,
    exact_score,
    fixed_size,
    float_filter,
    float_score,
    identity_filter,
    three_channels,
)

GOOD: dict[str, tuple[bytes, str]] = {
    "exact score": (exact_score(), OUTPUT),
    "exact score of bytes": (exact_score(BYTE), OUTPUT),
    "score": (float_score(), OUTPUT),
    "brightness": (brightness_score(), OUTPUT),
    "filter": (float_filter(), PICTURE),
    "exact filter": (exact_filter(), PICTURE),
    "filter of bytes": (exact_filter(BYTE), PICTURE),
    "identity": (identity_filter(), PICTURE),
}


@pytest.mark.parametrize("name", GOOD)
def test_good_ones_keep_it(name: str, tmp_path: Path) -> None:
    data, output = GOOD[name]
    path = tmp_path / "model.onnx"
    path.write_bytes(data)
    assert contract.faults(data) == picture_file_faults(path, output) == []


def test_a_kind_is_told_what_another_kind_gives() -> None:
    (found,) = picture_faults(exact_score(), PICTURE)
    assert found == "the output is called 'score'; the contract is 'picture'"
    assert any(
        "is called 'luma'; the contract is 'features'" in one for one in contract.faults(exact_score(), (OUTPUT,))
    )
    rows = model([("ReduceMean", ["features"], "score", {"axes": [1]})])
    assert any("the contract is 'luma'" in one for one in picture_faults(rows, OUTPUT))


def test_engines_and_contract_have_the_same_operators() -> None:
    assert set(PICTURE_OPERATORS) == pictures.OPERATORS
    assert not pictures.OPERATORS & OPERATORS, "else a model of rows may have them"


def test_rows_may_not_be_convolved() -> None:
    net = Net()
    net.add("GlobalAveragePool", "luma", out="score")
    data = net.model("score", taken=("N", 6), gives=("N", 6)).replace(b"luma", b"features"[:4])
    assert contract.faults(data)


def pooled(**attributes: Any) -> bytes:
    """A mean, between whatever a test puts in front."""
    net = Net()
    made = net.add("MaxPool", "luma", **attributes)
    net.add("Flatten", net.add("GlobalAveragePool", made), out="score")
    return net.model("score")


def indices() -> bytes:
    net = Net()
    net.add("MaxPool", "luma", kernel_shape=[2, 2])
    net.nodes[-1].output.append("where")
    net.add("Flatten", net.add("GlobalAveragePool", net.nodes[-1].output[0]), out="score")
    return net.model("score")


def wide() -> bytes:
    net = Net()
    made = net.add("Conv", "luma", net.constant(np.zeros((65, 1, 1, 1))))
    net.add("ReduceMean", made, out="mean", axes=[1, 2, 3], keepdims=0)
    net.add("Unsqueeze", "mean", net.constant([1], np.int64), out="score")
    return net.model("score")


def attention() -> bytes:
    net = Net()
    rows = net.add("Reshape", "luma", net.constant([0, -1, 1], np.int64))
    product = net.add("MatMul", rows, net.add("Transpose", rows, perm=[0, 2, 1]))
    net.add(
        "Unsqueeze", net.add("ReduceMean", product, axes=[1, 2], keepdims=0), net.constant([1], np.int64), out="score"
    )
    return net.model("score")


def mean_of_the_batch() -> bytes:
    net = Net()
    mean = net.add("ReduceMean", "luma", axes=[0], keepdims=1)
    net.add("ReduceMean", net.add("Sub", "luma", mean), out="score", axes=[2, 3], keepdims=0)
    return net.model("score")


def only(multiple: int) -> bytes:
    """A Reshape that fits sizes that are multiples only."""
    net = Net()
    made = net.add("SpaceToDepth", "luma", blocksize=multiple)
    net.add("Flatten", net.add("GlobalAveragePool", net.add("ReduceMean", made, axes=[1])), out="score")
    return net.model("score")


def smaller() -> bytes:
    net = Net()
    net.add("AveragePool", "luma", out="picture", kernel_shape=[2, 2], strides=[2, 2])
    return net.model("picture", gives=("N", 1, "H", "W"))


def renamed(old: bytes, new: bytes, data: bytes) -> bytes:
    assert len(old) == len(new)
    assert old in data
    return data.replace(old, new)


BROKEN: dict[str, tuple[Callable[[], bytes], str]] = {
    "one size": (fixed_size, "needs pictures of 224x224, and videos have any size from 64x64 up"),
    "colours": (three_channels, "has 3 channels, and the contract is luma alone"),
    "one picture": (lambda: exact_score_of((1, 1, "H", "W")), "a fixed batch of 1"),
    "one symbol": (lambda: exact_score_of(("N", 1, "S", "S")), "N, H and W need a symbol each"),
    "rank 3": (lambda: exact_score_of(("N", "H", "W")), "has rank 3; the contract is [N, 1, H, W]"),
    "halves": (lambda: filter_of(10), "is of element type FLOAT16"),
    "another name": (lambda: renamed(b"luma", b"gray", exact_score()), "the input is called 'gray'"),
    "another output": (lambda: renamed(b"score", b"marks", exact_score()), "the output is called 'marks'"),
    "another type": (lambda: identity_as(FLOAT, BYTE), "they must be equal"),
    "two outputs": (indices, "gives 2 outputs; one is allowed"),
    "wide": (wide, "at most 64 a pixel are allowed"),
    "attention": (attention, "at most 64 a pixel are allowed"),
    "sizes that are multiples": (
        lambda: only(2),
        "takes multiples of 2 only, and gets [1, 1, 67, 101] of a picture of 101x67",
    ),
    "a smaller picture": (smaller, "output 'picture' of 1 pictures of 64x64 is [1, 1, 32, 32]"),
    "an operator": (lambda: pooled_by("RandomNormalLike"), "is not of an allowed operator"),
    "opset 18": (lambda: opset(18), "operator sets: '' version 18"),
}


def exact_score_of(taken: tuple[str | int, ...]) -> bytes:
    net = Net()
    net.add("ReduceMean", "luma", out="score", axes=[*range(2, len(taken))], keepdims=0)
    return net.model("score", taken=taken, gives=(taken[0], 1))


def filter_of(element: int) -> bytes:
    net = Net()
    net.add("Identity", "luma", out="picture")
    return net.model("picture", element=element)


def identity_as(element: int, given: int) -> bytes:
    net = Net()
    net.add("Cast", "luma", out="picture", to=given)
    return net.model("picture", element=element, given=given)


def pooled_by(operator: str) -> bytes:
    net = Net()
    net.add("ReduceMean", net.add(operator, "luma"), out="score", axes=[2, 3], keepdims=0)
    return net.model("score")


def opset(version: int) -> bytes:
    net = Net()
    net.add("Flatten", net.add("GlobalAveragePool", "luma"), out="score")
    return net.model("score", opset=version)


@pytest.mark.parametrize("name", BROKEN)
def test_broken_ones_are_told(name: str) -> None:
    make, said = BROKEN[name]
    found = contract.faults(make())
    assert any(said in one for one in found), found


def test_a_score_that_needs_its_batch_is_left_to_the_tests_that_run_it() -> None:
    assert contract.faults(mean_of_the_batch()) == []


def test_text_attributes_of_these_operators_are_allowed() -> None:
    assert contract.faults(pooled(kernel_shape=[3, 3], auto_pad="SAME_UPPER")) == []
