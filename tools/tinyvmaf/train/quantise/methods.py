"""The ways to quantise, by name: each makes a file of the prepared parent."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, load_model_from_string

from tinyvmaf.model.engines.model_file import number_types
from tinyvmaf.train.quantise import halves, weights
from tinyvmaf.train.quantise.aware import tuned
from tinyvmaf.train.quantise.parent import prepared
from tinyvmaf.train.quantise.runtime import dynamic, static
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.teacher import Teacher

SAMPLES: Final = 4096


@dataclass(frozen=True)
class QuantiseJob:
    """What every method starts from."""

    model: ModelProto
    """The prepared parent."""
    rows: NDArray[np.float32]
    """`[N, F]`, for calibration: samples of the teacher's domain, and its corners."""
    teacher: Teacher
    order: Sequence[int]
    """The columns of the teacher's features, in the order in which the model takes them."""
    seed: int
    as_it_is: bool = False
    """Whether the quantiser of ONNX Runtime gets the graph unchanged, with its own defaults."""


def job_of(
    data: bytes,
    features: Sequence[str],
    teacher: Teacher,
    *,
    samples: int = SAMPLES,
    seed: int = 0,
    as_it_is: bool = False,
) -> QuantiseJob:
    """The job of a parent, a file of the model contract that takes these features of its teacher."""
    order = [teacher.feature_names.index(name) for name in features]
    rows = calibration(Domain(teacher.features), samples, seed)[:, order]
    return QuantiseJob(prepared(data, None if as_it_is else rows), rows, teacher, order, seed, as_it_is)


def methods_for(data: bytes) -> list[str]:
    """The methods that make another file of a model."""
    double = "float64" in number_types(load_model_from_string(data).graph)
    return [method for method in METHODS if double or method != "float32"]


def calibration(domain: Domain, samples: int, seed: int) -> NDArray[np.float32]:
    """Samples of a domain and its corners, float32 `[N, F]`: no row of the domain saturates more than these do."""
    corners = np.array([*product((0.0, 1.0), repeat=len(domain.features))])
    return np.concatenate([domain.sample(samples, seed), domain.rows(corners)]).astype(np.float32)


def made(method: str, job: QuantiseJob) -> bytes:
    """The variant of a method, by its name in `METHODS`.

    Raises:
        TinyvmafError: the quantiser cannot do it, or a package is missing.
    """
    model = ModelProto()
    model.CopyFrom(job.model)
    return METHODS[method](model, job)


def _static(form: str, *, every: bool = False) -> Callable[[ModelProto, QuantiseJob], bytes]:
    return lambda model, job: static(model, job.rows, form, every=every, as_it_is=job.as_it_is)


def _qat(model: ModelProto, job: QuantiseJob) -> bytes:
    data = static(model, job.rows, "QDQ", as_it_is=job.as_it_is)
    return tuned(data, job.model.SerializeToString(), job.teacher, job.order, job.seed)


METHODS: Final[Mapping[str, Callable[[ModelProto, QuantiseJob], bytes]]] = {
    "float32": lambda model, _: bytes(model.SerializeToString(deterministic=True)),
    "dynamic": lambda model, job: dynamic(model, job.as_it_is),
    "qdq": _static("QDQ"),
    "qdq_all": _static("QDQ", every=True),
    "qoperator": _static("QOperator"),
    "qat": _qat,
    "weights8": lambda model, _: weights.rounded(model, 8),
    "weights4": lambda model, _: weights.rounded(model, 4),
    "nbits8": lambda model, _: weights.blocks(model, 8),
    "nbits4": lambda model, _: weights.blocks(model, 4),
    "float16": lambda model, _: halves.float16(model),
    "bfloat16": lambda model, _: halves.bfloat16_weights(model),
}
"""The maker of each of `words.WORDS`."""
