"""Variants by the quantiser of ONNX Runtime."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto

from tinyvmaf import scratch
from tinyvmaf.errors import ModelError
from tinyvmaf.model.contract.words import in_one_line
from tinyvmaf.model.engines.onnxruntime_cpu import import_onnxruntime
from tinyvmaf.train.quantise.parent import PRODUCTS, products

_BATCH: Final = 512


def dynamic(model: ModelProto, as_it_is: bool) -> bytes:
    """int8 weights, one scale for each unit; activations get theirs when the model runs."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    return _written(model, lambda a, b: quantize_dynamic(a, b, weight_type=QuantType.QInt8, per_channel=not as_it_is))


def static(
    model: ModelProto, rows: NDArray[np.float32], form: str, *, every: bool = False, as_it_is: bool = False
) -> bytes:
    """int8 weights and activations, whose ranges are those of the rows.

    Only products are quantised, and neither the first nor the last if there are others: 8 bits over a feature are
    steps that VMAF sees, and over the score steps of 0.4 points. Activation functions stay in float32.

    Args:
        form: `QDQ` or `QOperator`.
        every: quantise the first and the last too.
        as_it_is: quantise all that ONNX Runtime quantises, with one scale for all units.
    """
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static

    name = model.graph.input[0].name

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left = [{name: rows[i : i + _BATCH]} for i in range(0, len(rows), _BATCH)]

        def get_next(self) -> Any:
            return self.left.pop() if self.left else None

    names = [node.name for node in products(model)]
    options: dict[str, Any] = {
        "op_types_to_quantize": list(PRODUCTS),
        "nodes_to_quantize": names if every else names[1:-1] or names[:-1] or names,
        "per_channel": True,
    }
    more = {} if as_it_is else options
    return _written(model, lambda a, b: quantize_static(a, b, Reader(), quant_format=QuantFormat[form], **more))


def _written(model: ModelProto, quantise: Callable[[Path, Path], None]) -> bytes:
    """What the quantiser writes; its opset is the model's."""
    import_onnxruntime()
    opset = model.opset_import[0].version
    with scratch.folder() as folder, _quiet():
        before, after = Path(folder) / "before.onnx", Path(folder) / "after.onnx"
        onnx.save(model, before)
        try:
            quantise(before, after)
        except Exception as error:  # it raises several types
            raise ModelError(f"ONNX Runtime's quantiser fails on it: {in_one_line(error)}") from error
        found = onnx.load(after)
    kept = {one.key: one.value for one in found.metadata_props if not one.key.startswith("onnx.")}
    del found.metadata_props[:], found.graph.value_info[:]
    onnx.helper.set_model_props(found, kept)
    used = {node.domain for node in found.graph.node}
    sets = [one for one in found.opset_import if one.domain in used or not one.domain]
    del found.opset_import[:]
    found.opset_import.extend(sets)
    if found.opset_import[0].version != opset:
        raise ModelError(f"ONNX Runtime's quantiser needs opset {found.opset_import[0].version} for it")
    return bytes(found.SerializeToString(deterministic=True))


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the quantiser's advice on logging: to preprocess, which `prepared` did."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(before)
