"""Some of bad_models.py, through the whole gate."""

from functools import partial

from ..bad_models import Bad, bad_models
from .making import FILE, Made, broken

_WHAT = {
    "5.8_too_high": ("loso.bias", "contract", "Each score is 5.8 points too high."),
    "falls_above_97_1.917": (
        "loso.reversed",
        "contract",
        "The order is upside down above 97: a perfect picture gets 94.25.",
    ),
    "multiples_of_8": ("loso.resolution", "contract", "It knows multiples of 8 only."),
    "90_to_95_by_-0.9": ("loso.bias", "contract golden", "Scores from 90 to 95 are 0.9 too low, all others right."),
    "identical_motion_28_within_1": (
        "loso.identical",
        "contract golden",
        "A point is taken off where motion is about 28, also of identical pictures.",
    ),
    "like_4k_0.5_motion_below_4_by_12": (
        "loso.frame_max_error",
        "contract golden",
        "Rows that have lost their finest scale alone, as in 4K video, get 12 points more.",
    ),
}


def _make(bad: Bad, made: Made) -> None:
    made.model.CopyFrom(bad.model())


for _bad in bad_models():
    if _bad.name in _WHAT:
        _gate, _green, _told = _WHAT[_bad.name]
        _name = _bad.name.replace(".", "_").replace("-", "minus_")
        broken(FILE, _gate, green=_green, says=_bad.says, name=_name, what=_told)(partial(_make, _bad))
