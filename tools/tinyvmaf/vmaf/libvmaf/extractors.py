"""The features that libvmaf computes, as `--feature` names them, and their columns in its log."""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from tinyvmaf import scratch
from tinyvmaf.errors import FFmpegError, TinyvmafError
from tinyvmaf.vmaf.ffmpeg import FFmpeg, run
from tinyvmaf.vmaf.libvmaf.request import LibvmafRequest

_SCALES: Final = ("scale0", "scale1", "scale2", "scale3")
EXTRACTORS: Final[Mapping[str, tuple[str, ...]]] = {
    "psnr": ("psnr_y", "psnr_cb", "psnr_cr", "mse_y", "mse_cb", "mse_cr"),
    "float_ssim": ("float_ssim",),
    "float_ms_ssim": ("float_ms_ssim",),
    "psnr_hvs": ("psnr_hvs",),
    "ciede": ("ciede2000",),
    "cambi": ("cambi",),
    "adm": ("integer_adm2", "integer_adm3", "integer_aim", *(f"integer_adm_{scale}" for scale in _SCALES)),
    "vif": tuple(f"integer_vif_{scale}" for scale in _SCALES),
    "motion": ("integer_motion", "integer_motion2", "integer_motion3"),
    "float_adm": ("adm2", "adm3", "aim", *(f"adm_{scale}" for scale in _SCALES)),
    "float_vif": tuple(f"vif_{scale}" for scale in _SCALES),
    "float_motion": ("motion", "motion2", "motion3"),
    "float_psnr": ("float_psnr",),
    "float_ansnr": ("float_ansnr", "float_anpsnr"),
    "float_moment": tuple(f"float_moment_{side}{order}" for side in ("ref", "dis") for order in ("1st", "2nd")),
    "speed_chroma": ("speed_chroma_u", "speed_chroma_v", "speed_chroma_uv"),
    "speed_temporal": ("speed_temporal",),
}
"""By name: the columns of the log. Options add `_` and a suffix to them, or columns that begin so. `psnr` logs `mse_*`
only with `enable_mse=true`."""
CHROMA: Final = ("psnr", "ciede", "speed_chroma")
"""How the names of features begin that read chroma too."""
_NEAR: Final = 0.5
# Options of which any text is a value.
_TEXTS: Final = ("eotf", "cambi_eotf", "heatmaps_path", "speed_prescale_method", "vif_prescale_method")


def columns_named(feature: str) -> tuple[str, ...]:
    """How the columns of a feature, `name` or `name:option=value`, begin."""
    stem = feature.partition(":")[0]
    return EXTRACTORS.get(stem, (stem,))


def columns_of(feature: str, logged: Iterable[str]) -> list[str]:
    """The columns of the log that belong to a feature, in the table's order.

    Args:
        feature: `name` or `name:option=value`.
        logged: the columns of the log.
    """
    there = sorted(logged)
    found = []
    for column in columns_named(feature):
        found += [one for one in there if one == column or one.startswith(f"{column}_")]
    return list(dict.fromkeys(found))


def require_features(features: Iterable[str], ffmpeg: FFmpeg) -> None:
    """Refuse a feature or an option that this libvmaf does not have. Features of the table are believed.

    libvmaf ignores an option that it does not know, so each is tried with a value that it cannot have.

    Raises:
        TinyvmafError: it does not have one; suggests the nearest.
    """
    for feature in features:
        stem, *options = feature.split(":")
        if stem not in EXTRACTORS and (error := _tried(feature, ffmpeg)) is not None:
            raise TinyvmafError(f"this libvmaf has no feature {feature!r}", hint=nearest(feature)) from error
        for option in (one.partition("=")[0] for one in options):
            error = None if option in _TEXTS else _tried(f"{stem}:{option}=impossible", ffmpeg)
            if option not in _TEXTS and (error is None or "problem during vmaf_use_feature" not in error.stderr):
                raise TinyvmafError(
                    f"feature {stem!r} of this libvmaf has no option {option!r}",
                    hint="libvmaf would ignore it; its sources list the options of each feature",
                )


def _tried(feature: str, ffmpeg: FFmpeg) -> FFmpegError | None:
    """How FFmpeg failed to compute a feature of one small frame; None: it did not."""
    source = ["-f", "lavfi", "-i", "color=s=64x64:d=0.04,format=yuv420p"]
    with scratch.folder() as folder:
        libvmaf = LibvmafRequest(features=(feature,)).filter_options(Path(folder), "log.json", 1)
        try:
            run(ffmpeg, [*source, *source, "-lavfi", f"libvmaf={libvmaf}", "-f", "null", "-"], cwd=Path(folder))
        except FFmpegError as error:
            return error
    return None


def nearest(feature: str) -> str:
    """Which features there are, and the nearest ones to a name that libvmaf does not know."""
    stem = feature.partition(":")[0].lower()
    inside = [name for name in EXTRACTORS if stem in name.split("_") or stem in name]
    near = list(dict.fromkeys([*inside, *difflib.get_close_matches(stem, EXTRACTORS, n=2, cutoff=_NEAR)]))[:2]
    suggestion = f"did you mean {' or '.join(near)}? " if near else ""
    return f"{suggestion}libvmaf has {', '.join(EXTRACTORS)}"
