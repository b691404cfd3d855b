"""The rule of each operator, and the reasons why other operators have none."""

from typing import Final

from tinyvmaf.model.certificate import arithmetic, casts, choosing, matrices, moving
from tinyvmaf.model.certificate.pictures import Rule, picture_rules
from tinyvmaf.model.certificate.windows import average_pool, conv, max_pool, pad

RULES: Final[dict[str, Rule]] = {
    **dict.fromkeys(("Add", "Sub"), arithmetic.add),
    "Sum": arithmetic.add_all,
    "Mul": arithmetic.multiply,
    "Div": arithmetic.divide,
    "Reciprocal": arithmetic.reciprocal,
    "Neg": arithmetic.negate,
    "Gemm": matrices.gemm,
    "MatMul": matrices.matmul,
    **dict.fromkeys(("ReduceSum", "ReduceSumSquare", "ReduceMean"), matrices.reduce_sum),
    **dict.fromkeys(("ReduceMax", "ReduceMin"), choosing.reduce_choice),
    **dict.fromkeys(("Max", "Min"), choosing.maximum),
    "Relu": choosing.relu,
    "Clip": choosing.clip,
    "Abs": choosing.absolute,
    "Where": choosing.select,
    **dict.fromkeys(("Round", "Floor", "Ceil"), choosing.to_integers),
    "Sign": choosing.sign,
    **dict.fromkeys(("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"), choosing.compare),
    **dict.fromkeys(("And", "Or", "Xor", "Not"), choosing.logic),
    "Cast": casts.cast,
    "Constant": casts.constant_node,
    "Identity": moving.identity,
    "Flatten": moving.flatten,
    "Reshape": moving.reshape,
    "Squeeze": moving.squeeze,
    "Unsqueeze": moving.unsqueeze,
    "Transpose": moving.transpose,
    "Concat": moving.concat,
    "Slice": moving.slice_,
    "Split": moving.split,
    "Expand": moving.expand,
    "Gather": moving.gather,
    # These take pictures only, and say so of anything else.
    "Conv": conv,
    "AveragePool": average_pool,
    "MaxPool": max_pool,
    "Pad": pad,
}
"""Of tensors that are no pictures."""
PICTURES: Final = picture_rules(RULES)
"""Of pictures."""

_APPROXIMATED = "engines have different approximations of it, which differ in their last bits"
_APPROXIMATED_HINT = "use Clip, Relu, or a table behind Gather as the activation"
_DATA = "its scale depends on the data, and its kernels saturate on some processors"
_EIGHT_BITS = "engines that see weights of 8 bits round the activations to 8 bits too, or saturate on some processors"
_EIGHT_BITS_HINT = "store the weights as float32: the same few bits, four times the bytes"

_KNOWN_NOT_TO: Final = {
    **dict.fromkeys(
        (
            "Sqrt",
            "Exp",
            "Log",
            "Tanh",
            "Erf",
            "Sigmoid",
            "HardSigmoid",
            "Softmax",
            "LogSoftmax",
            "Softplus",
            "Softsign",
            "Elu",
            "Selu",
            "Gelu",
            "Mish",
            "HardSwish",
            "Pow",
            "Sin",
            "Cos",
            "Tan",
            "Atan",
            "LayerNormalization",
            "BatchNormalization",
            "ReduceL2",
            "ReduceLogSumExp",
        ),
        (_APPROXIMATED, _APPROXIMATED_HINT),
    ),
    **dict.fromkeys(("DynamicQuantizeLinear", "QuantizeLinear"), (_DATA, _EIGHT_BITS_HINT)),
    **dict.fromkeys(
        ("MatMulInteger", "ConvInteger", "QLinearMatMul", "QLinearConv", "DequantizeLinear"),
        (_EIGHT_BITS, _EIGHT_BITS_HINT),
    ),
    **dict.fromkeys(
        ("RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli", "Multinomial"),
        ("its result is random", None),
    ),
}


_COUNT: Final = "it divides by the number of a picture's cells, and engines differ in how"
_COUNT_HINT: Final = "add the cells and their number by ReduceSum, and divide integers (docs/exactness.md)"
_OF_PICTURES: Final = dict.fromkeys(("ReduceMean", "GlobalAveragePool"), (_COUNT, _COUNT_HINT))


def why_no_rule(op: str, *, picture: bool = False) -> tuple[str, str | None]:
    """Why an operator has no rule, and what to use instead."""
    if picture and op in _OF_PICTURES:
        return _OF_PICTURES[op]
    if picture and op in RULES:
        return ("the proof does not know this operator for pictures", f"it knows {', '.join(sorted(PICTURES))}")
    unknown = ("the proof does not know this operator", f"it knows {', '.join(sorted(RULES))}")
    return _KNOWN_NOT_TO.get(op, unknown)
