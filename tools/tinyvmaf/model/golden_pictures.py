"""What a model that takes pictures gives for pictures that are made: what its golden record has."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.model.engines import OnnxRuntimeCpu
from tinyvmaf.model.subject import Subject
from tinyvmaf.vmaf.made_pictures import as_taken, flat, noise, patterned

_SIZES: Final = ((64, 64), (65, 67), (144, 208))
_WHITE: Final = 255.0


def given_for_pictures(subject: Subject) -> dict[str, NDArray[np.float64]]:
    """What the model gives here, by the name of a stack: scores, float64 `[N]`, or of a filter figures of its pictures.

    The figures of a picture are the mean and the standard deviation of each quarter, in code values, in a row.

    Raises:
        ModelError: it cannot be run, or gives what is not finite.
    """
    dtype, found = subject.sidecar.inputs[0].dtype, {}
    with OnnxRuntimeCpu(subject.data) as session:
        for height, width in _SIZES:
            made = {"noise": noise(3, height, width), "pattern": patterned(height, width), "flat": flat(height, width)}
            for name, samples in made.items():
                given = session.run_pictures(as_taken(samples, dtype))
                found[f"{name} {width}x{height}"] = _figures(given) if given.ndim == 4 else given.astype(np.float64)
    return found


def _figures(pictures: NDArray[np.generic]) -> NDArray[np.float64]:
    scale = 1.0 if pictures.dtype == np.uint8 else _WHITE
    values = pictures.astype(np.float64) * scale
    y, x = (length // 2 for length in values.shape[2:])
    halves = [values[:, :, :y], values[:, :, y:]]
    quarters = [half[..., columns] for half in halves for columns in (slice(x), slice(x, None))]
    figures = [figure(quarter, axis=(1, 2, 3)) for quarter in quarters for figure in (np.mean, np.std)]
    return np.stack(figures, axis=1).reshape(-1)
