"""Which engines a model is for, and on which it is the same."""

from tinyvmaf.model.certificate import certify
from tinyvmaf.model.engines import all_engines, onnxruntime_provider


def exact_in_words(model: bytes) -> str:
    """A line of a model card's table: where the model gives the same bits; empty if that is not proven.

    Raises:
        ModelError: not an ONNX file.
    """
    proof = certify(model)
    if not proof.exact_in_float64:
        return ""
    kind = "float32" if proof.certified else "float64"
    return f"| exact | proven: the same bits on every engine with IEEE {kind} (`tinyvmaf certify`) |\n"


def engines_of(model: bytes) -> list[str] | None:
    """The engines that compute in the types that a model has.

    Args:
        model: the bytes of an ONNX file.

    Returns:
        None, which means any, for a model in float32; of one with float64 inside the names of those that are known to
        compute float64 as it is, here or not: the same list on every machine.

    Raises:
        ModelError: not an ONNX file.
    """
    if certify(model).arithmetic == "float32":
        return None
    only_here = {engine.name for engine in onnxruntime_provider.others()}
    return [e.name for e in all_engines() if "float64" in e.arithmetic and e.name not in only_here]
