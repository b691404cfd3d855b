"""What libvmaf's feature of banding, CAMBI, cannot measure: frames that are very wide for their height."""

from typing import Final

from tinyvmaf.errors import NotComparableError
from tinyvmaf.vmaf.libvmaf.request import LibvmafRequest
from tinyvmaf.vmaf.media import Geometry

_NAME: Final = "cambi"
# CAMBI's window has 65 samples where width and height add up to 6000, else as many in proportion. At the fifth scale a
# frame has a sixteenth of its height. If half of the window is higher, libvmaf writes beyond its memory.
_WINDOW: Final = 65
_SIDES: Final = 6000
_SCALE: Final = 16


def require_height(request: LibvmafRequest, form: Geometry) -> None:
    """Refuse frames on which CAMBI writes beyond its memory: those more than 10.5 times as wide as high.

    Raises:
        NotComparableError: names each teacher or feature, and the least height.
    """
    asked = [one.id for one in request.models if any(feature.measures == "banding" for feature in one.features)]
    asked += [feature for feature in request.features if feature.partition(":")[0] == _NAME]
    share = _WINDOW * _SCALE / (2 * _SIDES)  # of width and height together
    if asked and form.height < share * (form.width + form.height):
        least = int(share * form.width / (1.0 - share)) + 1
        raise NotComparableError(
            f"{form} is too wide for its height: cambi, which {', '.join(asked)} takes, needs a height of {least}",
            hint=f"leave out {', '.join(asked)}; vmaf_v0.6.1 scores such frames",
        )
