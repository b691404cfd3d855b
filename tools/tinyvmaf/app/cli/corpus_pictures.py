"""`tinyvmaf corpus pictures`: the pictures of a ladder, built into the store."""

import argparse

from tinyvmaf.app.cli.common import Commands, add_command, add_ffmpeg_option, positive_int, print_table
from tinyvmaf.app.cli.progress import progress_bar
from tinyvmaf.data.pictures import PictureSet, embedded_pictures, photograph_pictures
from tinyvmaf.data.store import Store, default_folder
from tinyvmaf.terminal import say
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
from tinyvmaf.vmaf.teacher import DEFAULT

_PICTURES = """\
Build the pictures that models of pictures are fitted and judged on: frames of each clip of the embedded ladder and of
its reference, with their VMAF.

They are kept in the store (about 90 MB), and commands that need them build them too. A stopped build continues where it
stopped. --photographs builds the optional set instead (about 160 MB), whose sources are files of Debian packages; where
one is missing, the message says which package to install."""


def add_pictures_command(inner: Commands) -> None:
    """Add `corpus pictures`."""
    pictures = add_command(
        inner,
        "pictures",
        _pictures,
        summary="build the pictures of a ladder",
        description=_PICTURES,
        examples="tinyvmaf corpus pictures\ntinyvmaf corpus pictures --photographs",
    )
    pictures.add_argument("--photographs", action="store_true", help="the optional set of photographs")
    pictures.add_argument("--jobs", type=positive_int, metavar="N", help="clips at a time (default: one per core)")
    add_ffmpeg_option(pictures)


def _pictures(arguments: argparse.Namespace) -> int:
    ffmpeg, store = find_ffmpeg(arguments.ffmpeg), Store(default_folder())
    chosen = photograph_pictures if arguments.photographs else embedded_pictures
    with progress_bar("pictures", "clips") as report:
        found = chosen(store, ffmpeg, jobs=arguments.jobs, report=report)
    _print(found)
    say(f"{len(found.clips)} clips in {store.folder}; their digest is {found.digest[:12]}")
    return 0


def _print(found: PictureSet) -> None:
    rows = []
    for source in found.sources:
        clips = found.only(source).clips
        scores = [clip.means[DEFAULT] for clip in clips]
        span = f"{min(scores):.1f} to {max(scores):.1f}"
        rows.append([source, clips[0].group, str(len(clips)), str(len(clips[0].numbers)), span])
    print_table(["source", "group", "clips", "frames", DEFAULT], rows)
    say()
