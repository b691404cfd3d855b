"""Options that say how the inputs of a pair are read, for every command that scores a pair."""

import argparse
from collections.abc import Mapping
from typing import Final

from tinyvmaf.vmaf.media.options import SCALERS, PairOptions, pair_options_of

INPUT_OPTIONS: Final = ("size", "pix_fmt", "scale")
"""Names of the options as attributes of the parsed arguments, and as columns of a table of pairs."""


def add_input_options(command: argparse.ArgumentParser) -> None:
    """Add the options. `pair_options` reads them."""
    group = command.add_argument_group("how the inputs are read", "REF,DIS gives each input its own value.")
    group.add_argument("--size", metavar="WxH", help="frame size of raw files, such as 1920x1080")
    group.add_argument("--pix-fmt", metavar="FORMAT", help="pixel format of raw files: yuv420p, yuv420p10le, ...")
    group.add_argument("--scale", choices=SCALERS, help="scale the distorted video to the reference's size")


def pair_options(arguments: argparse.Namespace, row: Mapping[str, str] | None = None) -> PairOptions:
    """What the options say.

    Args:
        row: options of one pair, as text by name; they replace those of the command line.

    Raises:
        MediaError: a value that its option does not take.
    """
    typed = pair_options_of({name: getattr(arguments, name) for name in INPUT_OPTIONS})
    return typed if row is None else pair_options_of({name: row.get(name) for name in INPUT_OPTIONS}, typed)
