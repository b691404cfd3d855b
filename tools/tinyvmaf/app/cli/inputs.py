"""Options that say how the inputs of a pair are read, for every command that scores a pair."""

import argparse
from collections.abc import Mapping
from typing import Any, Final

from tinyvmaf.vmaf.media.options import CHOICES, PairOptions, pair_options_of

INPUT_OPTIONS: Final = (
    *("size", "pix_fmt", "stream", "range", "matrix", "film_grain"),
    *("scale", "depth", "chroma", "colour", "sync", "allow_errors"),
)
"""Names of the options as attributes of the parsed arguments, and as columns of a table of pairs."""


def add_input_options(command: argparse.ArgumentParser) -> None:
    """Add the options. `pair_options` reads them."""
    group = command.add_argument_group(
        "how the inputs are read", "REF,DIS gives each input a value of its own, as in --range full,limited."
    )

    def add(name: str, metavar: str, text: str) -> None:
        group.add_argument(f"--{name}", metavar=metavar, help=text)

    def choose(name: str, text: str) -> None:
        group.add_argument(f"--{name}", choices=[str(one) for one in CHOICES[name]], help=text)

    add("size", "WxH", "frame size of raw files, such as 1920x1080")
    add("pix-fmt", "FORMAT", "pixel format of raw files: yuv420p, yuv420p10le, nv12, ...")
    add("stream", "N", "index of the video stream in the file (default: the one that a player takes)")
    add("range", "full|limited", "range of the samples, whatever the file says; full is brought down to limited")
    add("matrix", "bt601|bt709|bt2020", "matrix by which an RGB input becomes YCbCr")
    add("film-grain", "on|off", "whether the decoder adds the film grain of AV1 (default: on)")
    choose("scale", "scale the distorted video to the reference's size")
    choose("depth", "bits to compare at: the shallower input is brought up without loss")
    choose("chroma", "bring 4:2:2, 4:4:4 and gray to 4:2:0")
    choose("colour", "tags of matrix, primaries or transfer are wrong: compare the samples as they are")
    choose("sync", "compare frame n with frame n (default), or what is shown at the same time (pts)")
    group.add_argument(
        "--allow-errors", action="store_true", help="score what can be decoded of a damaged file, and list the errors"
    )


def pair_options(arguments: argparse.Namespace, row: Mapping[str, str] | None = None) -> PairOptions:
    """What the options say.

    Args:
        row: options of one pair, as text by name; they replace those of the command line.

    Raises:
        MediaError: a value that its option does not take.
    """
    typed = pair_options_of({name: _text(getattr(arguments, name)) for name in INPUT_OPTIONS})
    return typed if row is None else pair_options_of({name: row.get(name) for name in INPUT_OPTIONS}, typed)


def _text(value: Any) -> str | None:
    return "true" if value is True else value or None
