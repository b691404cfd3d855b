"""Small clips in every band, for tests of filters."""

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.measure.harm import FilterClip
from tinyvmaf.vmaf.pictures import Pictures

SOURCES = ("Hill", "River", "Street")
VMAF = (20.0, 50.0, 70.0, 90.0, 97.0)
"""One of each band."""
SIZE = (96, 160)


def clips() -> list[FilterClip]:
    """Five clips of each source: the better ones have less noise."""
    return [clip(source, vmaf) for source in SOURCES for vmaf in VMAF]


def clip(source: str, vmaf: float) -> FilterClip:
    """Two frames of waves; the distorted ones have noise."""
    rng = np.random.default_rng([SOURCES.index(source), int(vmaf)])
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    waves = [128 + 60 * np.sin(x / (5 + SOURCES.index(source)) + y / 9 + frame) for frame in range(2)]
    noise = rng.normal(0, (101 - vmaf) / 8, (2, *SIZE))
    return FilterClip(f"{source}_{vmaf:g}", source, vmaf, samples(np.array(waves) + noise), samples(np.array(waves)))


def samples(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Rounded to 8 bits."""
    rounded: NDArray[np.uint8] = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return rounded


def identity(pictures: Pictures) -> Pictures:
    """A filter that changes nothing."""
    return pictures


def blur(pictures: Pictures) -> Pictures:
    """The mean of three samples in a row."""
    wide = np.pad(pictures, ((0, 0), (0, 0), (0, 0), (1, 1)), mode="edge")
    return ((wide[..., :-2] + wide[..., 1:-1] + wide[..., 2:]) / np.float32(3)).astype(np.float32)
