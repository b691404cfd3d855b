"""Names of columns in logs of any libvmaf, and what stands in them.

libvmaf 1 knew floating point alone and wrote `adm2`; libvmaf 2 writes `integer_adm2`, and `adm2` for floating point.
Python's runner writes `VMAF_feature_adm2_score`; early libvmaf 2 wrote options by their long names.
"""

import re
from collections.abc import Iterable
from typing import Final, Literal

from tinyvmaf.vmaf.features import name_of_column

Role = Literal["feature", "score", "member", "statistic"]

_MODEL_JSON: Final = re.compile(r"^VMAF_(?P<integer>integer_)?feature_(?P<name>.+?)_score(?P<rest>.*)$")
_LONG_OPTIONS: Final = {
    "_adm_enhn_gain_limit_": "_egl_",
    "_vif_enhn_gain_limit_": "_egl_",
    "_motion_force_zero_": "_force_0_",
}
_ZEROS: Final = re.compile(r"(?<=\d)\.0+(?=_|$)")
# All else may be a score: libvmaf names a model's column as `name=` says.
_FEATURE: Final = re.compile(
    r"^(VMAF_(integer_)?feature_.*|(integer_|float_)?(adm|aim|ansnr|anpsnr|motion|vif|moment|psnr|apsnr|ssim|ms_?ssim|mse|"
    r"ciede|cambi|scale_?\d|input_mse|pts|time|speed|msad|xpsnr|vca|siti|si$|ti$|brisque|niqe|butteraugli|dlm|essim|lpips).*)$",
    re.IGNORECASE,
)
_MEMBER: Final = re.compile(r"^(?P<of>vmaf.*)_(?P<member>0\d{3})$", re.IGNORECASE)
_STATISTICS: Final = {
    "bagging": "bagging",
    "stddev": "stddev",
    "ci_p95_lo": "ci95_low",
    "ci_p95_hi": "ci95_high",
    "lo95": "lo95",
    "hi95": "hi95",
    "ci95_low": "ci95_low",
    "ci95_high": "ci95_high",
}


def role_of(column: str) -> Role:
    """What a column of a log holds; a score's statistics are those of a bootstrap collection."""
    if _MEMBER.match(column):
        return "member"
    if statistic_of(column) is not None:
        return "statistic"
    return "feature" if _FEATURE.match(column) else "score"


def statistic_of(column: str) -> tuple[str | None, str] | None:
    """For a column of a bootstrap's statistic, the score that it belongs to (None: not told) and its name."""
    for ending, name in _STATISTICS.items():
        if column == ending:
            return None, name
        if column.endswith(f"_{ending}") and not _FEATURE.match(column):
            return column[: -len(ending) - 1], name
    return None


def feature_name(column: str, *, float_only: bool) -> str:
    """tinyvmaf's name of a feature's column.

    Args:
        float_only: the log is of libvmaf 1, or of a set that does not tell, and has no `integer_` column: then `adm2`
            is what its teachers take.
    """
    column = column.strip()
    if match := _MODEL_JSON.match(column):
        column = f"{match['integer'] or ''}{match['name']}{match['rest']}"
    for long, short in _LONG_OPTIONS.items():
        column = column.replace(long, short)
    column = _ZEROS.sub("", column)
    if column.startswith("float_"):
        return column
    return column if float_only and not column.startswith("integer_") else name_of_column(column)


def score_name(column: str) -> str:
    """The name of a score's column: `VMAF_score` of Python's runner is `vmaf`."""
    return re.sub(r"_scores?$", "", column).lower() if column.startswith("VMAF") else column


def names_of(columns: Iterable[str], version: str | None) -> dict[str, str]:
    """The names in the table of a log's columns; scores keep theirs. Columns with one name are told apart later.

    Args:
        version: libvmaf's, where the log tells it.
    """
    columns = list(columns)
    float_only = is_float_only(columns, version)
    return {name: feature_name(name, float_only=float_only) if role_of(name) == "feature" else name for name in columns}


def is_float_only(columns: Iterable[str], version: str | None) -> bool:
    """Whether `adm2` is to be taken as the feature that the log's teachers take."""
    if any("integer_" in column for column in columns):
        return False
    return version is None or re.match(r"^v?[01]\.\d", version) is not None
