"""Data in a file that breaks the contract: external, sparse, too large, not finite."""

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tinyvmaf.model.contract import faults, file_faults

from .contract_samples import FLOAT, INT64, behind, dumps, external, linear, node, refused, weight

OUTSIDE = ["../w.bin", "a/../../w.bin", "/etc/passwd", r"..\w.bin", r"C:\w.bin", r"\\host\share\w.bin"]


@pytest.mark.parametrize("location", ["w.bin", "data/w.bin", *OUTSIDE])
def test_external_data_is_refused_with_its_location(location: str, tmp_path: Path) -> None:
    """Refused even if the file exists. The message says whether it is outside the folder."""
    if location not in OUTSIDE:
        (tmp_path / location).parent.mkdir(exist_ok=True)
        (tmp_path / location).write_bytes(bytes(16))
    model = linear()
    external(weight(model), location)
    path = tmp_path / "m.onnx"
    path.write_bytes(dumps(model))
    (found,) = file_faults(path)
    assert found.startswith(f"initializer 'w' has external data in {location!r}")
    assert ("which leads out of the model's folder" in found) is (location in OUTSIDE)


def test_external_data_is_found_wherever_a_tensor_is() -> None:
    attribute = behind(
        [
            node("Constant", [], ["k"], value=helper.make_tensor("k", FLOAT, [1], [1.0])),
            node("Add", ["features", "k"], ["x"]),
        ]
    )
    external(attribute.graph.node[0].attribute[0].t, "../k.bin")
    refused(
        attribute, r"attribute 'value' of node 'k' \(Constant\) has external data in '\.\./k\.bin', which leads out"
    )
    several = linear()
    several.graph.node[0].attribute.add(name="t", type=onnx.AttributeProto.TENSORS).tensors.add(dims=[1], data_type=1)
    external(several.graph.node[0].attribute[0].tensors[0], "t.bin")
    refused(several, "attribute 't' of node 'layer' .* has external data in 't.bin'")
    sparse = linear()
    sparse.graph.sparse_initializer.add(dims=[4]).values.CopyFrom(TensorProto(name="s", dims=[1], data_type=1))
    external(sparse.graph.sparse_initializer[0].values, "s.bin")
    refused(sparse, "the graph has a field sparse_initializer", "sparse initializer 's' has external data in 's.bin'")
    nowhere = linear()
    external(weight(nowhere), None)
    refused(nowhere, "initializer 'w' has external data without a location")


def test_sparse_tensors_are_refused_without_any_external_data() -> None:
    values = helper.make_tensor("s", FLOAT, [1], [1.0])
    sparse = helper.make_sparse_tensor(values, helper.make_tensor("i", INT64, [1], [0]), [4])
    model = linear()
    model.graph.sparse_initializer.append(sparse)
    refused(model, "field sparse_initializer, which is refused: not every engine has sparse tensors")
    refused(
        behind([node("Constant", [], ["k"], sparse_value=sparse), node("Add", ["features", "k"], ["x"])]),
        "attribute 'sparse_value' of node 'k' .* has a field sparse_tensor",
    )


def test_a_file_of_200_mb_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "large.onnx"
    with path.open("wb") as file:
        file.truncate(200_000_000)
    tracemalloc.start()
    found = file_faults(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == ["200000000 bytes; a model must be smaller than 1000000 bytes; it was not read"]
    assert peak < 1_000_000


def test_the_limit_is_the_largest_tiers(tmp_path: Path) -> None:
    model = linear()
    model.doc_string = " " * (999_999 - len(dumps(model)) - 4)  # its tag, and 3 bytes for its length
    assert len(dumps(model)) == 999_999
    assert not faults(dumps(model))
    model.doc_string += " "
    path = tmp_path / "m.onnx"
    path.write_bytes(dumps(model))
    for found in (faults(dumps(model)), file_faults(path)):
        assert found[0].startswith("1000000 bytes; a model must be smaller")


@pytest.mark.parametrize("dims", [[50_000_000], [2**31, 2**31], [2**62] * 8, [1000, 1000]])
def test_dimensions_that_no_small_file_can_hold_are_refused(dims: list[int]) -> None:
    """100 bytes must not cause an allocation of 200 MB, or of more than there is."""
    model = linear()
    weight(model).dims[:] = dims
    refused(model, r"initializer 'w' declares \[.*\], \d+ elements, which no file below 1000000 bytes can hold")


def test_dimensions_may_not_add_up_either() -> None:
    model = linear()
    for i in range(4):
        model.graph.initializer.add(name=f"v{i}", dims=[300_000], data_type=FLOAT)
    refused(model, "all tensors together declare 1200004 elements")


@pytest.mark.parametrize(
    ("dims", "reason"),
    [
        ([4, 2], r"declares \[4, 2\], which is 32 bytes, and holds 16"),
        ([], r"declares \[\], which is 4 bytes"),
        ([0], r"declares \[0\], which is 0 bytes, and holds 16"),
        ([-4, -1], ".*, with a negative dimension"),
        ([1] * 9, "declares 9 dimensions"),
        ([2**62] * 50_000, "declares 50000 dimensions"),
    ],
)
def test_dimensions_agree_with_the_bytes(dims: list[int], reason: str) -> None:
    model = linear()
    weight(model).dims[:] = dims
    refused(model, f"initializer 'w' {reason}")


def test_elements_are_where_their_type_has_them() -> None:
    typed, twice, elsewhere, text, segment = (linear() for _ in range(5))
    weight(typed).CopyFrom(TensorProto(name="w", dims=[4, 1], data_type=FLOAT, float_data=[1.0] * 3))
    refused(typed, r"initializer 'w' declares \[4, 1\], which is 4 elements, and holds 3")
    weight(twice).float_data.extend([1.0] * 4)
    refused(twice, "initializer 'w' holds its elements twice, in raw_data and in float_data")
    weight(elsewhere).int64_data.extend([1] * 4)
    refused(elsewhere, "initializer 'w' has int64_data; elements of its type are in raw_data or float_data")
    weight(text).CopyFrom(numpy_helper.from_array(np.full((4, 1), b"1", object), "w"))
    refused(text, "initializer 'w' has element type STRING")
    weight(segment).segment.begin = 0
    refused(segment, "initializer 'w' has segment")
    weight(segment).data_type = 99
    refused(segment, "initializer 'w' has element type number 99")


@pytest.mark.parametrize("wrong", ["nan", "inf", "-inf"])
@pytest.mark.parametrize("raw", [True, False], ids=["raw_data", "typed_field"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_a_weight_that_is_not_finite_is_named_with_its_place(dtype: type[np.floating], raw: bool, wrong: str) -> None:
    array: NDArray[np.floating] = np.ones((4, 3), dtype)
    array[2, 1] = array[3, 0] = float(wrong)
    tensor = numpy_helper.from_array(array, "v")
    if not raw:
        kind = helper.np_dtype_to_tensor_dtype(array.dtype)
        held = array.view(np.uint16) if dtype is np.float16 else array
        field = {"float32": "float_data", "float64": "double_data", "float16": "int32_data"}[array.dtype.name]
        content: dict[str, Any] = {field: held.ravel().tolist()}
        tensor = TensorProto(name="v", dims=[4, 3], data_type=kind, **content)
        np.testing.assert_array_equal(numpy_helper.to_array(tensor), array)
    model = linear()
    model.graph.initializer.append(tensor)
    refused(model, rf"initializer 'v' holds {wrong} at \[2, 1\]; 2 of its 12 values are not finite")


@pytest.mark.parametrize("attribute", ["value", "value_float", "value_floats"])
def test_a_constant_that_is_not_finite_is_refused(attribute: str) -> None:
    held: Any = {
        "value": numpy_helper.from_array(np.array(np.nan, np.float32)),
        "value_float": float("nan"),
        "value_floats": [1.0, float("inf")],
    }[attribute]
    model = behind([node("Constant", [], ["k"], **{attribute: held}), node("Add", ["features", "k"], ["x"])])
    refused(model, rf"attribute '{attribute}' of node 'k' \(Constant\) holds (a value that is not finite|nan at \[\])")
