"""The engines that a model's sidecar names, and the line about exactness on its card."""

from typing import Final

from tinyvmaf.model.certificate import certify
from tinyvmaf.model.engines import Engine, our_engines
from tinyvmaf.model.engines.model_file import number_types

_ML: Final = ("onnxruntime-cpu", "numpy", "onnx-reference")
"""Our engines that have operators of `ai.onnx.ml`."""
_NO_PICTURES: Final = ("torch-compiled", "onnxruntime-web")
"""Our engines that take rows only: compiling for each size takes seconds, and the page's code has one shape."""


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
    """The engines that have the model's number types and its operators of `ai.onnx.ml`, and take what it takes.

    Args:
        model: the bytes of an ONNX file.

    Returns:
        None, which means any, for a model of rows, of ONNX's own operators in float32. Else the names of those of our
        engines that have what it needs, installed or not, so that the list is the same on every machine.

    Raises:
        ModelError: not an ONNX file.
    """
    needs = needs_of(model)
    return [engine.name for engine in our_engines() if not _lacks(engine, needs)] if needs else None


def lacks(engine: Engine, model: bytes) -> str:
    """What the model needs and the engine has not, in words; empty if nothing is known to be missing.

    Raises:
        ModelError: not an ONNX file.
    """
    return " and ".join(sorted(_lacks(engine, needs_of(model))))


def needs_of(model: bytes) -> set[str]:
    """What not every engine has: number types, by the names in `FLOATS`, the domain `ai.onnx.ml`, and pictures.

    Raises:
        ModelError: not an ONNX file.
    """
    double = certify(model).arithmetic == "float64"
    import onnx  # slow

    from tinyvmaf.model.contract import ml
    from tinyvmaf.model.contract.pictures import takes_pictures

    graph = onnx.load_model_from_string(model).graph
    trees = any(node.domain == ml.DOMAIN for node in graph.node)
    halves = number_types(graph) & {"float16", "bfloat16"}
    more = {"float64": double, ml.DOMAIN: trees, "pictures": takes_pictures(graph)}
    return halves | {what for what, needed in more.items() if needed}


def _lacks(engine: Engine, needs: set[str]) -> set[str]:
    pictures = set() if engine.name in _NO_PICTURES else {"pictures"}
    return needs - engine.arithmetic - pictures - ({"ai.onnx.ml"} if engine.name in _ML else set())
