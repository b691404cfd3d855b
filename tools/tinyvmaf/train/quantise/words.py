"""What each way to quantise makes, in words; imported by the command line, so it imports nothing."""

from collections.abc import Mapping
from typing import Final

WORDS: Final[Mapping[str, str]] = {
    "float32": "weights and arithmetic in float32, of a model that has float64",
    "dynamic": "int8 weights; activations get 8 bits over their batch",
    "qdq": "int8 weights and activations, as QuantizeLinear and DequantizeLinear",
    "qdq_all": "as qdq, with the first and the last product in 8 bits too",
    "qoperator": "as qdq, with operators of ONNX Runtime",
    "qat": "as qdq, its weights trained on with the rounding in place",
    "weights8": "weights rounded to 8 bits, arithmetic in float32",
    "weights4": "weights rounded to 4 bits, stored as int8, arithmetic in float32",
    "nbits8": "weights of 8 bits in MatMulNBits of ONNX Runtime",
    "nbits4": "weights of 4 bits in MatMulNBits of ONNX Runtime",
    "float16": "weights and arithmetic in float16, float32 at both ends",
    "bfloat16": "weights in bfloat16, arithmetic in float32",
}
