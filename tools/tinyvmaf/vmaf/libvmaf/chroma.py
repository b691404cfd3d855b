"""What libvmaf's chroma feature, SpEED, cannot measure: small chroma planes."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.errors import NotComparableError
from tinyvmaf.vmaf.libvmaf.extractors import CHROMA, EXTRACTORS
from tinyvmaf.vmaf.libvmaf.log import FrameTable
from tinyvmaf.vmaf.libvmaf.request import LibvmafRequest
from tinyvmaf.vmaf.media import Geometry

# Samples of a side of the prescaled chroma plane: SpEED divides sides by 16 and takes blocks of 5x5. Without a block,
# FFmpeg dies with signal 11; with one row of blocks, the covariance is singular and the feature 0.
_ONE_BLOCK: Final = 80
_TWO_BLOCKS: Final = 160
_STEM: Final = "speed_chroma"
_SAME_DB: Final = 60.0
"""psnr of equal planes of 8 bits, of which libvmaf cuts off what is more."""
_PLANES: Final = ("psnr_cb", "psnr_cr")


def reads_chroma(request: LibvmafRequest) -> bool:
    """Whether a feature of the request, or of one of its models, reads chroma."""
    return bool(_of_models(request)) or any(feature.startswith(CHROMA) for feature in request.features)


def with_witness(request: LibvmafRequest) -> tuple[str, ...]:
    """The features to ask libvmaf for: psnr too, which tells whether chroma differs, where a model reads chroma."""
    there = any(feature.partition(":")[0] == "psnr" for feature in request.features)
    return request.features if there or not _of_models(request) else (*request.features, "psnr")


def without_witness(table: FrameTable) -> FrameTable:
    """The table without the columns of psnr."""
    columns = {name: values for name, values in table.columns.items() if name not in EXTRACTORS["psnr"]}
    pooled = {name: figures for name, figures in table.pooled.items() if name not in EXTRACTORS["psnr"]}
    return replace(table, columns=columns, pooled=pooled)


def require_size(request: LibvmafRequest, form: Geometry) -> None:
    """Refuse frames on which SpEED makes FFmpeg die.

    Raises:
        NotComparableError: names each teacher or feature, and the least size.
    """
    asked = {name: prescale for name, _, prescale in _of_models(request)}
    for feature in request.features:
        stem, *options = feature.split(":")
        if stem == _STEM:
            asked[feature] = float(dict(one.split("=", 1) for one in options).get("speed_prescale", 1.0))
    small = {name: least_size(form, ps, _ONE_BLOCK) for name, ps in asked.items() if _side(form, ps) < _ONE_BLOCK}
    if small:
        needs = ", ".join(f"{name} needs {size}" for name, size in small.items())
        raise NotComparableError(
            f"{form} is too small for the chroma feature: {needs}",
            hint=f"leave out {', '.join(small)} and the models of that teacher; vmaf_v0.6.1 scores small frames",
        )


def silent(request: LibvmafRequest, form: Geometry, columns: Mapping[str, NDArray[np.float64]]) -> list[str]:
    """A warning for each teacher whose chroma feature is 0 on all frames, though the chroma planes differ.

    Args:
        columns: float64 `[T]` by name of libvmaf's log, with those of psnr.
    """
    if all(name in columns and (columns[name] >= _SAME_DB).all() for name in _PLANES):
        return []
    found = []
    for model, column, prescale in _of_models(request):
        if column in columns and not columns[column].any():
            small = _side(form, prescale) < _TWO_BLOCKS
            least = least_size(form, prescale, _TWO_BLOCKS)
            why = f"{form.width}x{form.height} is too small, it needs {least}" if small else "libvmaf cannot measure it"
            found.append(
                f"{model}: its chroma feature is 0 on all frames though chroma differs ({why}): the score, and that of "
                "its models, does not see damage to chroma; score larger frames, or add --feature psnr for chroma"
            )
    return found


def least_size(form: Geometry, prescale: float, samples: int) -> str:
    """The least frame, such as `320x320`, whose prescaled chroma planes have so many samples a side."""
    plane = next(side for side in range(1, 2**16) if int(side * prescale + 0.5) >= samples)
    return "x".join(str(plane << shift) for shift in form.pix_fmt.chroma_shift)


def _side(form: Geometry, prescale: float) -> int:
    """The shorter side of the prescaled chroma plane."""
    sides = zip((form.width, form.height), form.pix_fmt.chroma_shift, strict=True)
    return min(int(-(-side >> shift) * prescale + 0.5) for side, shift in sides)


def _of_models(request: LibvmafRequest) -> list[tuple[str, str, float]]:
    """Model, column and prescale of each chroma feature of the models."""
    return [
        (model.id, feature.column, float(str(feature.options.get("speed_prescale", 1.0))))
        for model in request.models
        for feature in model.features
        if feature.measures == "chroma"
    ]
