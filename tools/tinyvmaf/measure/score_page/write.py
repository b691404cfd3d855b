"""Writes what is shown of scored pairs into a file, by its suffix."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from markupsafe import Markup

from tinyvmaf.errors import TinyvmafError
from tinyvmaf.files import write_named
from tinyvmaf.measure.charts import matplotlib
from tinyvmaf.measure.charts.files import SUFFIXES as CHART_SUFFIXES
from tinyvmaf.measure.score_page.blocks import Block, blocks_of
from tinyvmaf.measure.score_page.figure import write_figure
from tinyvmaf.measure.score_page.page import Shots, page
from tinyvmaf.measure.scoring import NOTE, ScoredPair
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.libvmaf.pictures import MOST_WIDE, frame_pictures
from tinyvmaf.vmaf.media import PairOptions, open_pair
from tinyvmaf.vmaf.media.pipes import is_pipe

SUFFIXES: Final = (".html", *CHART_SUFFIXES)
_PIXELS: Final = 12e6
"""Of all frames that are shown: 13 of 720p, about 9 MB."""


def known_plot(path: Path) -> str:
    """The suffix of a plot's file, in lower case: called before anything is scored.

    Raises:
        TinyvmafError: the suffix is not supported, or matplotlib is not installed.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise TinyvmafError(
            f"{path}: cannot draw {path.suffix or 'a file without suffix'}",
            hint=f"choose a name that ends in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}",
        )
    if path.is_dir():
        raise TinyvmafError(f"{path}: a folder")
    if not path.absolute().parent.is_dir():
        raise TinyvmafError(f"{path}: no such folder: {path.parent}")
    matplotlib("")
    return suffix


def write_plot(
    path: Path,
    pairs: Sequence[ScoredPair],
    *,
    options: Sequence[PairOptions],
    ffmpeg: FFmpeg,
    not_scored: Sequence[str] = (),
    on_progress: Callable[[int, int], None] | None = None,
) -> None:
    """Draw scored pairs: `.html` is a page with the worst frames as pictures, `.svg` and `.png` are charts alone.

    Args:
        path: the file; written whole or not at all.
        pairs: one or more; those of one reference are drawn together.
        options: how each pair was read, so that its pictures are those of the frames that were scored.
        ffmpeg: decodes the pictures.
        not_scored: other encodes that were asked for, with the reason, a line each.
        on_progress: called with the number of encodes whose pictures are made, and of all.

    Raises:
        TinyvmafError: as `known_plot`, or the file cannot be written.
    """
    suffix = known_plot(path)
    blocks = blocks_of(pairs)
    if suffix != ".html":
        write_figure(path, blocks, not_scored)
        return
    how = {id(pair): option for pair, option in zip(pairs, options, strict=True)}
    text = page(blocks, _shots(blocks, how, ffmpeg, on_progress), _facts(pairs, ffmpeg), not_scored)
    write_named(path, text, "--plot")


def _shots(
    blocks: Sequence[Block],
    how: dict[int, PairOptions],
    ffmpeg: FFmpeg,
    on_progress: Callable[[int, int], None] | None,
) -> list[Shots]:
    """The worst frames of each encode by the first score of its reference; of many encodes, fewer, and the lowest."""
    first = [block for n, block in enumerate(blocks) if block.reference not in {b.reference for b in blocks[:n]}]
    shots, room = dict[int, Shots](), _PIXELS
    encodes = sorted((one for block in first for one in block.encodes), key=lambda one: float(one.values.min()))
    for done, one in enumerate(encodes):
        if on_progress is not None:
            on_progress(done, len(encodes))
        piped = [path for path in (one.pair.reference, one.pair.distorted) if is_pipe(path)]
        if piped:
            shots[id(one)] = Shots(one, (), f"No pictures: {piped[0]} is a pipe, which can be read only once")
            continue
        try:
            pair = open_pair(one.pair.reference, one.pair.distorted, how[id(one.pair)], ffmpeg)
            size = pair.form
            pixels = size.width * size.height * min(1.0, MOST_WIDE / size.width) ** 2
            frames = one.worst[: max(1, int(room / pixels / (len(encodes) - done)))]
            if room < pixels:
                break
            shots[id(one)] = Shots(one, frame_pictures(pair, frames, ffmpeg))
            room -= pixels * len(frames)
        except TinyvmafError as error:
            shots[id(one)] = Shots(one, (), f"No pictures: {error.message}")
    return [shots[id(one)] for block in first for one in block.encodes if id(one) in shots]


def _code(text: str) -> Markup:
    return Markup("<code>{}</code>").format(text)


def _facts(pairs: Sequence[ScoredPair], ffmpeg: FFmpeg) -> dict[str, str]:
    """What the scores were made with."""
    teachers = {teacher.id: teacher for pair in pairs for teacher in pair.teachers}
    versions = dict.fromkeys(pair.table.version for pair in pairs)
    return {
        "FFmpeg": ffmpeg.version,
        "libvmaf": ", ".join(versions),
        **{f"{teacher.id}, sha256": _code(teacher.sha256) for teacher in teachers.values()},
        **{f"{one.id}, sha256": _code(one.sha256) for pair in pairs for one in pair.models},
        **{one.id: NOTE for pair in pairs for one in pair.decoded},
    }
