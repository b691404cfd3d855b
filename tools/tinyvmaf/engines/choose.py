"""Which engines a model is for."""

from tinyvmaf.certificate import certify
from tinyvmaf.engines import all_engines, onnxruntime_provider


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
