"""The table of features: names, options, and what they measure. No other module names a feature.

A feature has three names: in a model's JSON (`VMAF_integer_feature_adm2_score`), in libvmaf's log (`integer_adm2`) and
in tinyvmaf (`adm2`). Options that differ from their default add suffixes to the last two, in the alphabetical order of
the options' full names: `integer_adm2_egl_1`, `adm2_egl_1`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from tinyvmaf.errors import TeacherError

CANONICAL = ("adm2", "vif_scale0", "vif_scale1", "vif_scale2", "vif_scale3", "motion2")
"""canonical-6, the features of `vmaf_v0.6.1`, in this order."""
ORDER: Final = ",".join(CANONICAL)
"""canonical-6 as an option's value."""

Measures = Literal["detail", "detail and impairments", "information", "motion", "banding", "chroma"]
MEASURED: Final[Mapping[str, Measures]] = {
    "adm2": "detail",
    "adm3": "detail and impairments",
    "vif_scale0": "information",
    "vif_scale1": "information",
    "vif_scale2": "information",
    "vif_scale3": "information",
    "motion2": "motion",
    "motion3": "motion",
    "cambi": "banding",
    "speed_chroma_uv": "chroma",
}
"""What a feature measures, by its base."""
_OF_QUALITY: Final = ("detail", "detail and impairments", "information")
_STILL_AT_FIRST: Final = ("motion2",)


@dataclass(frozen=True)
class Feature:
    """A feature, its names and its options."""

    name: str
    """Name in tinyvmaf, with option suffixes; float variants begin with `float_`."""
    column: str
    """Column in libvmaf's log."""
    base: str
    """Name without options and without `float_`, such as `adm2`."""
    model_name: str
    """Name in a model's JSON."""
    options: Mapping[str, object] = field(default_factory=dict, compare=False)
    """Options from a model's JSON."""

    @property
    def measures(self) -> Measures | None:
        """What it measures; None of a feature that no teacher takes."""
        return MEASURED.get(self.base)

    @property
    def is_quality(self) -> bool:
        """Whether it is a ratio to the reference: 1 for a picture that is its own, less where something is lost."""
        return self.measures in _OF_QUALITY

    @property
    def is_still_at_first(self) -> bool:
        """Whether it is 0 at frame 0 of any clip, by libvmaf's definition."""
        return self.base in _STILL_AT_FIRST


# From the name in a model's JSON to the names in tinyvmaf and in libvmaf's log, without suffixes.
_INTEGER = tuple(base for base, what in MEASURED.items() if what in (*_OF_QUALITY, "motion"))
_BASE: dict[str, tuple[str, str]] = (
    {f"VMAF_integer_feature_{name}_score": (name, f"integer_{name}") for name in _INTEGER}
    | {f"VMAF_feature_{name}_score": (f"float_{name}", name) for name in _INTEGER}
    | {
        "Cambi_feature_cambi_score": ("cambi", "cambi"),
        "Speed_chroma_feature_speed_chroma_uv_score": ("speed_chroma_uv", "speed_chroma_uv"),
    }
)
# By option: its short name in a suffix, and its default, which adds no suffix. None: no teacher uses the default. Taken
# from the logs that libvmaf writes for its built-in models. A flag, whose default is False, has a suffix without value.
_OPTIONS: dict[str, tuple[str, float | None]] = {
    "adm_csf_mode": ("csf", None),
    "adm_dlm_weight": ("dlmw", None),
    "adm_enhn_gain_limit": ("egl", None),
    "adm_min_val": ("min", None),
    "adm_noise_weight": ("nw", None),
    "adm_norm_view_dist": ("nvd", 3.0),
    "adm_ref_display_height": ("rdh", 1080),
    "cambi_high_res_speedup": ("hrs", None),
    "cambi_max_val": ("cmxv", None),
    "cambi_vis_lum_threshold": ("vlt", None),
    "motion_five_frame_window": ("mffw", False),
    "motion_max_val": ("mmxv", None),
    "motion_moving_average": ("mma", False),
    "speed_kernelscale": ("ks", 1.0),
    "speed_max_val": ("mxv", None),
    "speed_nn_floor": ("nnf", None),
    "speed_prescale": ("ps", None),
    "speed_prescale_method": ("psm", None),
    "speed_sigma_nn": ("snn", None),
    "speed_weight_var_mode": ("wvm", None),
    "vif_enhn_gain_limit": ("egl", None),
}


def resolve(model_name: str, options: Mapping[str, object]) -> Feature:
    """The feature with this name and these options in a model's JSON.

    Args:
        model_name: as in `feature_names`, for example `VMAF_integer_feature_adm2_score`.
        options: as in `feature_opts_dicts`, for example `{"adm_enhn_gain_limit": 1.0}`.

    Raises:
        TeacherError: the table lacks the name or an option.
    """
    if model_name not in _BASE:
        raise TeacherError(f"unknown feature {model_name!r}", hint="add it to the table in tinyvmaf/vmaf/features.py")
    suffix = ""
    for option in sorted(options):
        if option not in _OPTIONS:
            raise TeacherError(
                f"unknown option {option!r} of feature {model_name}",
                hint="add it to the table in tinyvmaf/vmaf/features.py",
            )
        short, default = _OPTIONS[option]
        value = options[option]
        if default is False:
            suffix += f"_{short}" if value else ""
        elif value != default:
            suffix += f"_{short}_{value:g}" if isinstance(value, (int, float)) else f"_{short}_{value}"
    name, column = _BASE[model_name]
    return Feature(name + suffix, column + suffix, name.removeprefix("float_"), model_name, dict(options))


CANONICAL_FEATURES = tuple(resolve(f"VMAF_integer_feature_{name}_score", {}) for name in CANONICAL)
"""canonical-6 as features."""


def named(name: str) -> Feature:
    """The feature with this name in tinyvmaf, such as `adm2_egl_1`: the inverse of `resolve`.

    Raises:
        TeacherError: no name of a feature.
    """
    for model_name, (stem, _) in _BASE.items():
        if name == stem or name.startswith(f"{stem}_"):
            words = name.removeprefix(stem).split("_")[1:]
            family = stem.removeprefix("float_")[:3]
            full = {short: option for option, (short, _) in _OPTIONS.items() if option.startswith(family)}
            found = resolve(model_name, _options(words, full))
            if found.name == name:
                return found
    raise TeacherError(f"{name!r} is not the name of a feature")


def _options(words: list[str], full: Mapping[str, str]) -> dict[str, object]:
    """The options of a suffix; others than those of the name if it is no suffix.

    Args:
        full: names of options by their short names.
    """
    found, rest = dict[str, object](), iter(words)
    for short in rest:
        if option := full.get(short):
            found[option] = True if _OPTIONS[option][1] is False else _value(next(rest, ""))
    return found


def _value(text: str) -> object:
    try:
        return float(text)
    except ValueError:
        return text


def feature_among(name: str) -> Feature | None:
    """The feature with this name, or None: the column is no feature that a teacher could take."""
    try:
        return named(name)
    except TeacherError:
        return None


def may_be_taken(column: str) -> bool:
    """Whether the name of a log's column, of any libvmaf, contains that of a feature that a teacher could take."""
    return any(base in column for base in MEASURED)


def name_of_column(column: str) -> str:
    """The name in tinyvmaf of a column of libvmaf's log: `integer_adm2` is `adm2`, `adm2` is `float_adm2`."""
    if column.startswith("integer_"):
        return column.removeprefix("integer_")
    return f"float_{column}" if column.startswith(("adm", "aim", "motion", "vif")) else column
