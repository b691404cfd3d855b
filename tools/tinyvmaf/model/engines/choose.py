"""The engines that a model's sidecar names, and the line about exactness on its card."""

from tinyvmaf.model.certificate import certify
from tinyvmaf.model.engines import our_engines


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
    """The engines that compute in the model's number type.

    Args:
        model: the bytes of an ONNX file.

    Returns:
        None, which means any, for a float32 model. For a model with float64 inside: the names of our engines that
        compute float64, installed or not, so that the list is the same on every machine.

    Raises:
        ModelError: not an ONNX file.
    """
    if certify(model).arithmetic == "float32":
        return None
    return [engine.name for engine in our_engines() if "float64" in engine.arithmetic]
