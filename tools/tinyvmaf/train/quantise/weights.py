"""Weight-only variants: fewer bits for weights, arithmetic in float32."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, helper, numpy_helper

from tinyvmaf.model.engines.interpreter import constants_of
from tinyvmaf.train.quantise.parent import attribute, products

_BLOCK: Final = 16  # weights that share a scale; the smallest that MatMulNBits takes
_DOMAIN: Final = "com.microsoft"


def rounded(model: ModelProto, bits: int) -> bytes:
    """Each unit's weights as whole numbers times a scale, behind a DequantizeLinear. Stored as int8 for 4 bits too,
    since opset 17 has no int4."""
    most = 2 ** (bits - 1) - 1
    for node in products(model):
        name = node.input[1]
        values = constants_of(model.graph)[name].astype(np.float64)
        axis = 0 if attribute(node, "transB", 0) else 1
        scale = np.abs(values).max(axis=1 - axis).astype(np.float32) / np.float32(most)
        scale = np.where(scale > 0, scale, np.float32(1))
        levels = np.rint(values / (scale[:, None] if axis == 0 else scale)).clip(-most, most)
        (old,) = [one for one in model.graph.initializer if one.name == name]
        model.graph.initializer.remove(old)
        parts = [f"{name}_levels", f"{name}_scale"]
        model.graph.initializer.append(numpy_helper.from_array(levels.astype(np.int8), parts[0]))
        model.graph.initializer.append(numpy_helper.from_array(scale, parts[1]))
        model.graph.node.insert(0, helper.make_node("DequantizeLinear", parts, [name], axis=axis))
    return bytes(model.SerializeToString(deterministic=True))


def blocks(model: ModelProto, bits: int) -> bytes:
    """MatMulNBits of ONNX Runtime: 16 weights share a scale. A Gemm becomes it and an Add."""
    for node in products(model):
        values = constants_of(model.graph)[node.input[1]].astype(np.float32)
        if attribute(node, "transA", 0) or attribute(node, "alpha", 1.0) != 1 or attribute(node, "beta", 1.0) != 1:
            continue
        transposed = values if attribute(node, "transB", 0) else values.T
        data, scale = _in_blocks(np.ascontiguousarray(transposed), bits)
        (old,) = [one for one in model.graph.initializer if one.name == node.input[1]]
        model.graph.initializer.remove(old)
        names = [f"{node.name}_packed", f"{node.name}_scales"]
        model.graph.initializer.append(numpy_helper.from_array(data, names[0]))
        model.graph.initializer.append(numpy_helper.from_array(scale, names[1]))
        biased = len(node.input) > 2 and bool(node.input[2])
        units, width = transposed.shape
        sizes = {"K": width, "N": units, "bits": bits, "block_size": _BLOCK}
        product = node.output[0] + "_product" if biased else node.output[0]
        new = [helper.make_node("MatMulNBits", [node.input[0], *names], [product], domain=_DOMAIN, **sizes)]
        if biased:
            new.append(helper.make_node("Add", [product, node.input[2]], [node.output[0]]))
        at = list(model.graph.node).index(node)
        model.graph.node.remove(node)
        for one in reversed(new):
            model.graph.node.insert(at, one)
    model.opset_import.append(helper.make_opsetid(_DOMAIN, 1))
    return bytes(model.SerializeToString(deterministic=True))


def _in_blocks(values: NDArray[np.float32], bits: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Weights `[N, K]` as MatMulNBits takes them: uint8 `[N, blocks, bytes]`, and a scale for each block `[N, blocks]`.

    The zero point is 2^(bits - 1), which is the operator's default.
    """
    units, width = values.shape
    count = -(-width // _BLOCK)
    padded = np.zeros((units, count * _BLOCK), np.float32)
    padded[:, :width] = values
    grouped = padded.reshape(units, count, _BLOCK)
    zero = 2 ** (bits - 1)
    scale = np.abs(grouped).max(axis=2) / np.float32(zero - 1)
    scale = np.where(scale > 0, scale, np.float32(1)).astype(np.float32)
    levels = (np.rint(grouped / scale[:, :, None]) + zero).clip(0, 2 * zero - 1).astype(np.uint8)
    if bits == 4:
        levels = (levels[:, :, 0::2] | (levels[:, :, 1::2] << 4)).astype(np.uint8)
    return levels, scale.reshape(units, count)
