"""How models that take pictures are run on engines, and how far apart what they give may be."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.errors import CouldNotRunError
from tinyvmaf.judge.bounds import Bound, Bounds
from tinyvmaf.judge.model_failed import model_failed
from tinyvmaf.measure.engine_agreement.ulp import NOT_FINITE, apart
from tinyvmaf.model.contract.luma import PICTURE
from tinyvmaf.model.engines import Session, all_pictures
from tinyvmaf.model.subject import Subject
from tinyvmaf.vmaf.made_pictures import Stack

PICTURE_BATCHES = (1, 2, 5)
_WHITE = 255.0


def outputs_of(session: Session, stack: Stack, batch: int) -> NDArray[np.generic]:
    """What a model gives for a stack of pictures that is handed over in batches, also what is not finite."""
    __tracebackhide__ = True
    with model_failed():
        parts = [all_pictures(session, stack[i : i + batch]) for i in range(0, len(stack), batch)]
    return np.concatenate(parts)


def filters(subject: Subject) -> bool:
    """Whether it gives pictures."""
    return subject.outputs == (PICTURE,)


def agreement_bound(subject: Subject, engine: str, bounds: Bounds) -> Bound:
    """How far an engine and the reference may be apart: ULP of a model that is proven exact, else points or samples."""
    gate = "exact" if subject.exact else "samples" if filters(subject) else "points"
    return bounds.for_subject(f"backends.{gate}", subject, engine=engine)


def distances(gate: Bound, expected: NDArray[np.generic], got: NDArray[np.generic]) -> NDArray[np.float64]:
    """How far apart two outputs are, in the unit of a bound, float64 `[N]`: of pictures the sample that is furthest.

    Infinite where one is not finite and the other is, or other than it.
    """
    if expected.shape != got.shape:
        raise CouldNotRunError(f"outputs of shape {list(expected.shape)} and {list(got.shape)} cannot be compared")
    if gate.gate.unit == "ULP" and expected.dtype == np.float32:
        ulp = apart(expected.reshape(-1).astype(np.float32), got.reshape(-1).astype(np.float32)).reshape(expected.shape)
        found = np.where(ulp >= NOT_FINITE, np.inf, ulp.astype(np.float64))
    else:
        scale = _WHITE if expected.dtype == np.float32 and gate.gate.unit == "code values" else 1.0
        first, second = (one.astype(np.float64) for one in (expected, got))
        with np.errstate(invalid="ignore"):
            found = np.abs(first - second) * scale
        same = (first == second) | (np.isnan(first) & np.isnan(second))
        found = np.where(same, 0.0, np.where(np.isfinite(found), found, np.inf))
    return np.asarray(found.reshape(len(found), -1).max(axis=1), dtype=np.float64)


def furthest(
    gate: Bound,
    stacks: Sequence[tuple[str, Stack]],
    expected: Callable[[Stack], NDArray[np.generic]],
    got: Callable[[Stack], NDArray[np.generic]],
) -> Iterator[tuple[str, float]]:
    """The largest distance of each stack, under its label and the picture that it is of."""
    for label, stack in stacks:
        far = distances(gate, expected(stack), got(stack))
        worst = int(np.argmax(far))
        yield f"{label}, picture {worst} of {len(stack)}", float(far[worst])


def require_something(subject: Subject, measured: Mapping[str, float]) -> None:
    """Hold that at least one picture was compared.

    Raises:
        CouldNotRunError: none was.
    """
    if not measured:
        raise CouldNotRunError(f"{subject.id}: no picture was compared")
