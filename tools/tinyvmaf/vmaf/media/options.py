"""How a pair of inputs is read: what the caller says of each input, and of both."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final, Literal

from tinyvmaf.errors import MediaError, known_hint
from tinyvmaf.vmaf.media.geometry import Geometry, parse_size, pixel_format

SCALERS: Final = ("bicubic",)
SIDES: Final = ("reference", "distorted")


@dataclass(frozen=True)
class Reading:
    """What the caller says of one input. None: what the file says."""

    size: str | None = None
    """`WxH` of raw yuv."""
    pix_fmt: str | None = None
    """FFmpeg's name of the pixel format of raw yuv."""
    stream: int | None = None
    """Index of the video stream in the file, as FFmpeg counts: 0 is the first stream of any type."""
    range: Literal["full", "limited"] | None = None
    """Which samples are black and white, whatever the file says."""
    matrix: Literal["bt601", "bt709", "bt2020"] | None = None
    """By which RGB becomes YCbCr; for RGB only."""
    film_grain: Literal["on", "off"] | None = None
    """Whether the decoder adds AV1's film grain."""

    def raw_geometry(self) -> Geometry | None:
        """Size and pixel format of raw yuv; None: not given.

        Raises:
            MediaError: only one of the two is given, or one is unknown.
        """
        if self.size is None and self.pix_fmt is None:
            return None
        if self.size is None or self.pix_fmt is None:
            raise MediaError(
                "raw yuv needs both its frame size and its pixel format", hint="--size WxH --pix-fmt FORMAT"
            )
        return Geometry(*parse_size(self.size), pixel_format(self.pix_fmt))


@dataclass(frozen=True)
class PairOptions:
    """How a pair is read and brought together."""

    reference: Reading = field(default_factory=Reading)
    distorted: Reading = field(default_factory=Reading)
    scale: str | None = None
    """`bicubic` scales the distorted input to the reference's size; None refuses different sizes."""
    depth: int | Literal["auto"] | None = None
    """Bits per sample to compare at; `auto`: those of the deeper input; None refuses different depths."""
    chroma: Literal["420"] | None = None
    """`420` brings 4:2:2 and 4:4:4 to 4:2:0; None refuses different chroma layouts."""
    sync: Literal["frames", "pts"] = "frames"
    """`frames` compares frame n with frame n, `pts` frames that are shown at the same time."""
    colour: Literal["same"] | None = None
    """`same`: both inputs have the same matrix, primaries and transfer, although their tags differ."""
    allow_errors: bool = False
    """Whether decoding errors are listed; if not, they end the run."""

    @property
    def readings(self) -> tuple[Reading, Reading]:
        """Of the reference, then of the distorted input."""
        return self.reference, self.distorted


PER_SIDE: Final = tuple(one.name for one in fields(Reading))
"""Options that each input has for itself."""
CHOICES: Final[Mapping[str, tuple[Any, ...]]] = {
    "range": ("full", "limited"),
    "matrix": ("bt601", "bt709", "bt2020"),
    "film_grain": ("on", "off"),
    "scale": SCALERS,
    "depth": ("auto", 8, 10, 12, 16),
    "chroma": ("420",),
    "sync": ("frames", "pts"),
    "colour": ("same",),
}
"""The values of the options that have a few."""


def both(**reading: Any) -> PairOptions:
    """The options that read both inputs alike, such as `both(size="640x360", pix_fmt="yuv420p")`."""
    return PairOptions(Reading(**reading), Reading(**reading))


def pair_options_of(values: Mapping[str, str | None], base: PairOptions | None = None) -> PairOptions:
    """Options as people type them. `REF,DIS` gives each input its own value.

    Args:
        values: by name, such as `{"size": "640x360", "range": "full,limited"}`; None or "": not given.
        base: values of the options that are not given.

    Raises:
        MediaError: an unknown option, or a value that it does not take.
    """
    options = base or PairOptions()
    for name, text in values.items():
        if not text:
            continue
        if name in PER_SIDE:
            sides = dict(zip(SIDES, parse_sides(name, text), strict=True))
            options = replace(options, **{k: replace(getattr(options, k), **{name: v}) for k, v in sides.items()})
        else:
            options = replace(options, **{name: parse_value(name, text)})
    return options


def parse_sides(name: str, text: str) -> tuple[Any, Any]:
    """The values of the reference and of the distorted input from `BOTH` or `REF,DIS`.

    Raises:
        MediaError: not a value of this option, or more than two.
    """
    first, comma, second = text.partition(",")
    values = [parse_value(name, one) if one else None for one in (first, second if comma else first)]
    return values[0], values[1]


def parse_value(name: str, text: str) -> Any:
    """One value of an option.

    Raises:
        MediaError: the option does not take it.
    """
    option = f"--{name.replace('_', '-')}"
    if name == "size":
        parse_size(text)
        return text
    if name == "pix_fmt":
        return pixel_format(text).name
    if name == "stream":
        if not text.isdecimal():
            raise MediaError(f"{option} {text!r} is not the number of a stream")
        return int(text)
    if name == "allow_errors":
        if text not in ("true", "false"):
            raise MediaError(f"{option} is true or false, not {text!r}")
        return text == "true"
    if name not in CHOICES:
        raise MediaError(f"unknown input option {option}")
    for value in CHOICES[name]:
        if str(value) == text:
            return value
    raise MediaError(f"{option} does not take {text!r}", hint=known_hint(text, map(str, CHOICES[name])))
