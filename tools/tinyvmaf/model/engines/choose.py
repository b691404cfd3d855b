"""The engines that a model's sidecar names, and the line about exactness on its card."""

from typing import Final

from tinyvmaf.model.certificate import certify
from tinyvmaf.model.engines import our_engines
from tinyvmaf.model.engines.model_file import number_types

_ML: Final = ("onnxruntime-cpu", "numpy", "onnx-reference")
"""Our engines that have operators of `ai.onnx.ml`."""


def exact_in_words(model: bytes) -> str:
    """The model card's table row about exactness; empty if the model is not proven exact.

    Raises:
        ModelError: not an ONNX file.
    """
    proof = certify(model)
    if not proof.exact_in_float64:
        return ""
    kind = "float32" if proof.certified else "float64"
    return f"| exact | proven: the same bits on every engine with IEEE {kind} (`tinyvmaf certify`) |\n"


def engines_of(model: bytes) -> list[str] | None:
    """The engines that have the model's number types and its operators of `ai.onnx.ml`.

    Args:
        model: the bytes of an ONNX file.

    Returns:
        None, which means any, for a model of ONNX's own operators in float32. Else the names of those of our engines
        that have what it needs, installed or not, so that the list is the same on every machine.

    Raises:
        ModelError: not an ONNX file.
    """
    double = certify(model).arithmetic == "float64"
    import onnx  # slow

    from tinyvmaf.model.contract import ml

    graph = onnx.load_model_from_string(model).graph
    needs = (number_types(graph) & {"float16", "bfloat16"}) | ({"float64"} if double else set())
    trees = any(node.domain == ml.DOMAIN for node in graph.node)
    if not needs and not trees:
        return None
    return [engine.name for engine in our_engines() if needs <= engine.arithmetic and (engine.name in _ML or not trees)]
