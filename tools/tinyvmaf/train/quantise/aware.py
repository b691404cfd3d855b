"""Quantisation-aware training: weights go on learning while every value is rounded as in the file.

A rounding's gradient is taken as 1, and that of a value beyond its range as 0 (the straight-through estimator of
Bengio, Léonard and Courville, 2013). The graph runs by the interpreter of the engine `torch-eager`, so the file that is
trained is the file that is written.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto

from tinyvmaf.errors import ModelError, TinyvmafError, install
from tinyvmaf.model.engines import quantized
from tinyvmaf.model.engines.interpreter import Program, constants_of
from tinyvmaf.model.engines.model_file import parse
from tinyvmaf.model.engines.onnxruntime_cpu import OnnxRuntimeCpu
from tinyvmaf.model.engines.protocol import Settings
from tinyvmaf.model.engines.torch_ops import EAGER, TorchLibrary
from tinyvmaf.train.quantise.parent import PRODUCTS, replace_constant
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.teacher import Teacher

SAMPLES: Final = 40_000
STEPS: Final = 1500
_BATCH: Final = 512
_LEVELS: Final = 0.1  # the first step of a weight, in levels
_SHARE: Final = 1e-3  # the first step of a number that is not quantised, of the largest of its tensor
Tensor = Any


class _Learning(Program):
    """A QDQ graph whose weights are parameters."""

    def __init__(self, model: ModelProto) -> None:
        super().__init__(parse(model.SerializeToString(), EAGER, Settings()), TorchLibrary("cpu"))
        torch = self._library.xp
        values = constants_of(model.graph)
        levels = {node.input[0] for node in model.graph.node if node.op_type == "DequantizeLinear"} & set(values)
        floats = {name for node in model.graph.node if node.op_type in PRODUCTS for name in node.input[1:]}
        self.learnt = {
            name: torch.nn.Parameter(torch.tensor(values[name].astype(np.float32)))
            for name in sorted(levels | (floats & set(values)))
        }
        """By the name of the initializer."""
        self.dtypes: dict[str, np.dtype[Any]] = {name: values[name].dtype for name in self.learnt}
        self._constants.update(self.learnt)
        kinds = {name: value.dtype for name, value in values.items()}
        self._steps = [self._differentiable(step, kinds) for step in self._steps]

    def _differentiable(self, step: Any, kinds: dict[str, Any]) -> Any:
        if step.operator is quantized.quantize:
            zero = kinds.get(step.inputs[2]) if len(step.inputs) > 2 else np.dtype(np.uint8)
            return replace(step, operator=lambda lib, at, x, s, z=None: _quantised(lib, at, x, s, z, zero))
        if step.operator is quantized.dequantize:
            own = kinds[step.inputs[0]] if step.inputs[0] in self.learnt else None
            return replace(step, operator=lambda lib, at, x, s, z=None: _dequantised(lib, at, x, s, z, own))
        return step

    def rate(self, name: str) -> float:
        """The first step of a parameter: of a bias in int32 as large in the result as that of a weight."""
        if self.dtypes[name] == np.int32:
            return _LEVELS * 127
        return _LEVELS if self.dtypes[name] == np.int8 else _SHARE * float(self.learnt[name].detach().abs().max())


def _straight(torch: Any, x: Tensor, dtype: Any) -> Tensor:
    """Rounded, and no further than the type goes."""
    ends = np.iinfo(dtype)
    return (x + (torch.round(x) - x).detach()).clip(ends.min, ends.max)


def _quantised(lib: Any, attributes: Any, x: Tensor, scale: Tensor, zero: Tensor, dtype: Any) -> Tensor:
    x = x / quantized.per_axis(attributes, x, scale)
    x = x if zero is None else x + quantized.per_axis(attributes, x, zero).to(x.dtype)
    return _straight(lib.xp, x, dtype)


def _dequantised(lib: Any, attributes: Any, x: Tensor, scale: Tensor, zero: Tensor, dtype: Any) -> Tensor:
    x = x if dtype is None else _straight(lib.xp, x, dtype)
    x = x if zero is None else x - quantized.per_axis(attributes, x, zero).to(x.dtype)
    return x * quantized.per_axis(attributes, x, scale)


def tuned(
    data: bytes,
    parent: bytes,
    teacher: Teacher,
    order: Sequence[int],
    seed: int,
    *,
    samples: int = SAMPLES,
    steps: int = STEPS,
) -> bytes:
    """A QDQ file whose weights have learnt the scores of its float parent on samples of the domain; ranges stay.

    The same seed gives the same bytes, on one machine.

    Args:
        order: the columns of the teacher's features, in the order in which the model takes them.

    Raises:
        ModelError: the interpreter lacks an operator of it.
        TinyvmafError: PyTorch is not installed.
    """
    try:
        import torch
    except ModuleNotFoundError as error:
        raise TinyvmafError("qat needs PyTorch, which is not installed", hint=install("fit")) from error
    model = onnx.load_model_from_string(data)
    rows = _samples(teacher, samples, seed)[:, order]
    x, y = torch.tensor(rows), torch.tensor(OnnxRuntimeCpu(parent).run(rows))[:, None]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        program = _Learning(model)
        groups = [{"params": [one], "lr": program.rate(name)} for name, one in program.learnt.items()]
        optimiser = torch.optim.Adam(groups)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        drawn = torch.Generator().manual_seed(seed)
        for _ in range(steps):
            some = torch.randint(len(x), (_BATCH,), generator=drawn)
            loss = (program(x[some])[0] - y[some]).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    finally:
        torch.set_num_threads(threads)
    for name, learnt in program.learnt.items():
        value, dtype = learnt.detach().numpy(), program.dtypes[name]
        if not np.isfinite(value).all():
            raise ModelError("training with the rounding in place did not converge")
        if dtype.kind in "iu":
            ends = np.iinfo(dtype.type)
            value = np.rint(value).clip(ends.min, ends.max)
        replace_constant(model, name, value.astype(dtype))
    return bytes(model.SerializeToString(deterministic=True))


def _samples(teacher: Teacher, count: int, seed: int) -> NDArray[np.float32]:
    """Rows of the domain, float32 `[N, F]`, most of them like ordinary video."""
    from tinyvmaf.train.fitting.samples import Samples  # scipy

    return Domain(teacher.features).rows(Samples.of(teacher, count, seed + 1).cube).astype(np.float32)
