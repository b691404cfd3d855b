"""Latency of a model that takes pictures: a race on luma of 1080p, with an Identity and with the baseline.

Only `session.run` is timed, with one picture a call and the settings of `lanes`. A call moves megabytes, so a session
has no lucky place in memory as with rows, and one of each model is enough: three would need three times the memory.

A call takes longer than the system leaves a core to one thread, so on a busy machine the least of several times on a
clock is still that of an interruption. What is timed is therefore the CPU time of the calling thread, in which ONNX
Runtime computes; where nothing else runs, both are the same.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from tinyvmaf.errors import ModelError, TinyvmafError
from tinyvmaf.measure.latency.baseline import BaselineError, baselines
from tinyvmaf.measure.latency.contest import BASELINE, FLOOR, MODEL
from tinyvmaf.measure.latency.race import Race
from tinyvmaf.model.contract.luma import LUMA, PICTURE
from tinyvmaf.model.door import check_file
from tinyvmaf.model.engines import EngineError, OnnxRuntimeCpu
from tinyvmaf.model.engines.session import is_environments
from tinyvmaf.vmaf.patterns import HEIGHT, WIDTH, luma_of
from tinyvmaf.vmaf.pictures import pictures_of

MEGAPIXELS: Final = WIDTH * HEIGHT / 1e6
PICTURE_PASSES: Final = 12
"""The fewest of which an interval of 99 % leaves out a value at either end."""
MOST_PICTURE_PASSES: Final = 36
_REPEATS: Final = 3
_SLOW_NS: Final = 10_000_000  # as lanes.SLOW_NS, and such a call needs no repeat either: passes are many
_VERY_SLOW_NS: Final = 25_000_000
CPU_CLOCK: Final = time.thread_time_ns if time.get_clock_info("thread_time").resolution < 1e-6 else time.perf_counter_ns
"""CPU time of this thread in ns; where it is counted in steps of milliseconds (Windows), the time."""
_SCORED: Final = "checkerboard_1920_1080_10_3_1_0.yuv"


@dataclass(frozen=True)
class PictureOpponents:
    """What a model that takes pictures is raced against, and on which pictures."""

    pictures: NDArray[Any]
    """`[R, 1, H, W]`, float32 or uint8, as the model takes them."""
    baseline: bytes | None
    """The model file that it may not be slower than; None if there is none."""


@lru_cache(maxsize=2)
def pictures_to_time(dtype: str) -> NDArray[Any]:
    """Luma of 1080p, `[2, 1, 1080, 1920]`: a frame of those that libvmaf is timed on, and noise.

    Args:
        dtype: `float32` (samples / 255) or `uint8`.
    """
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)
    samples = np.stack([luma_of(_SCORED)[0], noise])
    found: NDArray[Any] = samples[:, None] if dtype == "uint8" else pictures_of(samples)
    found.flags.writeable = False
    return found


def picture_floor() -> bytes:
    """An Identity node, float32 pictures to the same: a picture is copied, and nothing else."""
    shape: list[str | int | None] = ["N", 1, "H", "W"]
    graph = helper.make_graph(
        [helper.make_node("Identity", [LUMA], [PICTURE])],
        "floor",
        [helper.make_tensor_value_info(LUMA, TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(PICTURE, TensorProto.FLOAT, shape)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


class PictureLane:
    """A model that takes pictures, timed one call a block."""

    def __init__(
        self,
        name: str,
        data: bytes,
        pictures: NDArray[Any],
        *,
        fault: type[TinyvmafError] = ModelError,
        clock: Callable[[], int] = CPU_CLOCK,
    ) -> None:
        """Load the model, and keep what it gives for each picture, which every timed call has to give again.

        Args:
            pictures: `[R, 1, H, W]`, of the type that the model takes.
            fault: the error raised if the model does not load or run, or takes or gives something else. If it is not
                ModelError, it is also raised for a wrong output; use this for reference models.
            clock: CPU time in ns.

        Raises:
            EngineError: not enough memory.
            fault: the model does not load or run.
        """
        self.name, self._fault, self._clock, self._turn = name, fault, clock, 0
        self.checked, self.wrong = 0, dict[str, str]()
        """Number of checked outputs; and what was wrong, by picture."""
        begin = time.perf_counter()
        try:
            session = OnnxRuntimeCpu(data)
            self.creation_ms = (time.perf_counter() - begin) * 1e3
            if session.form is None:
                raise ModelError("it takes rows of features, not pictures")
            given = [session.form.pictures(name, pictures[i : i + 1]) for i in range(len(pictures))]
        except ModelError as error:
            raise fault(f"{name}: {error.message}", hint=error.hint) from error
        self._form, self._run = session.form, session.bare
        self._feeds = [{session.input_name: one} for one in given]
        self._first: list[NDArray[np.generic]] = []
        for place, feed in enumerate(self._feeds):
            self._first.append(self._call(feed))
            self._look(place, self._first[place])
        begin_ns = self._clock()
        self._call(self._feeds[0])
        self.takes_ns = self._clock() - begin_ns
        """Of the second call: the first one asks the system for memory."""

    def block(self) -> float:
        """Time one call; returns ns per megapixel."""
        place = self._turn % len(self._feeds)
        feed = self._feeds[place]
        self._turn += 1
        if self.takes_ns <= _SLOW_NS:
            self._call(feed)  # another model has used the caches
        begin = self._clock()
        output = self._call(feed)
        end = self._clock()
        self._look(place, output)
        return (end - begin) / MEGAPIXELS

    def _call(self, feed: dict[str, Any]) -> NDArray[np.generic]:
        try:
            return self._run(None, feed)[0]
        except Exception as error:  # ONNX Runtime's exceptions have no common base
            kind = EngineError if is_environments(error) else self._fault
            raise kind(f"{self.name}: ONNX Runtime failed on a picture of 1080p: {error}") from error

    def _look(self, place: int, output: NDArray[np.generic]) -> None:
        (taken,) = self._feeds[place].values()
        try:
            self._form.check(self.name, "ONNX Runtime", taken, output)
        except ModelError as error:
            raise self._fault(error.message) from error
        self.checked += 1
        first = self._first[place]
        if np.array_equal(output, first):  # NaN is not, not even itself
            if output.dtype.kind != "f" or np.isfinite(output).all():
                return
            what = "not finite"
        else:
            what = "other than in the first call, or not a number"
        if self._fault is not ModelError:
            raise self._fault(f"{self.name}: what it gives for picture {place} is {what}")
        self.wrong.setdefault(f"picture {place}", what)


def picture_opponents(
    model_id: str, pictures: NDArray[Any], baseline: Path | None = None, *, given: str
) -> PictureOpponents:
    """The opponents of a model that takes pictures.

    Args:
        pictures: those that it is timed on.
        baseline: the file that it may not be slower than; None for the stored one, if there is one.
        given: the name of the output, `score` or `picture`; a baseline has the same.

    Raises:
        BaselineError: the baseline does not keep the contract, or takes or gives something else.
    """
    stored = baselines().get(model_id) if baseline is None else None
    try:
        before = stored.data() if stored else check_file(baseline) if baseline else None
    except ModelError as error:
        raise BaselineError(error.message, hint=error.hint) from error
    if before is not None:
        graph = onnx.load_model_from_string(before).graph
        names = [one.name for one in (*graph.input, *graph.output)]
        if names != [LUMA, given]:
            raise BaselineError(f"the baseline of {model_id} has {' and '.join(names)}, not {LUMA} and {given}")
    return PictureOpponents(pictures, before)


def picture_race(data: bytes, against: PictureOpponents) -> Race:
    """A race on pictures: a model, an Identity model, and the baseline if there is one.

    The Identity copies float32 whatever the model takes, so that a model of uint8 has the same floor.

    Raises:
        ModelError: the model does not load or run.
        BaselineError, EngineError: another one does not, or memory is lacking.
    """
    model = PictureLane(MODEL, data, against.pictures)
    floor = PictureLane(FLOOR, picture_floor(), pictures_to_time("float32"), fault=EngineError)
    lanes = [model, floor]
    if against.baseline is not None:
        lanes.append(PictureLane(BASELINE, against.baseline, against.pictures, fault=BaselineError))
    return Race(lanes, repeats=1 if model.takes_ns > _VERY_SLOW_NS else _REPEATS)
