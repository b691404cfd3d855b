"""`tinyvmaf corpus`: checks, the embedded ladder, splits."""

import argparse
import json
import warnings
from collections import Counter
from pathlib import Path

from tinyvmaf.app.cli.common import (
    Commands,
    add_command,
    add_corpus_options,
    add_ffmpeg_option,
    positive_int,
    print_table,
    progress_bar,
)
from tinyvmaf.data import ladder
from tinyvmaf.data.corpus import (
    Corpus,
    CorpusFindings,
    check_corpus,
    data_root,
    findings_as_dict,
    hash_split,
    leave_one_source_out,
    scan,
)
from tinyvmaf.data.store import Store, default_folder
from tinyvmaf.files import home
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg

_CHECK = """\
Look at every file of a corpus and say all that is wrong with it at once: names, pairs, links out of the root, sizes,
frame counts, geometry, unreadable files, duplicates by content, golden files.

A data root holds ref/ and dis/. References: <source>_<fps>fps.<ext> or <source>_0_<height>_0.<ext>; distorted clips:
<source>_<quality>_<height>_<kbps>.<ext>; ext is yuv, y4m, mkv, mp4, mov or webm. Raw files are 1920x1080 yuv420p unless
--assume-dims or a corpus.toml at the root says otherwise:

    geometry = "640x360:yuv420p"
    [sources.Tennis]
    geometry = "1920x1080:yuv420p10le"

exit status: 0 nothing that would spoil results, 1 a fault that would, 2 wrong use"""
_BUILD = """\
Build an encoding ladder from a spec: pictures and video found in installed packages (in a checkout:
pip install -c constraints.txt -e '.[corpus]') and FFmpeg's generators, encoded at several sizes and bitrates with x264
and x265, scaled back. The same FFmpeg gives the same bytes. Stopped and started again, it goes on where it stopped."""
_SPLIT = """\
Print a split that depends on names alone: leave-one-source-out, or by hash of the source. By hash of the path, clips of
one source fall on both sides, so a model is then judged on sources that it has seen."""


def add_commands(commands: Commands) -> None:
    """Add `corpus` with `check`, `build` and `split`."""
    group = commands.add_parser("corpus", help="check, build or split a corpus", allow_abbrev=False)
    inner = group.add_subparsers(title="commands", metavar="COMMAND", required=True)
    check = add_command(inner, "check", _check, summary="say what is wrong with a corpus", description=_CHECK)
    add_corpus_options(check)
    check.add_argument("--json", action="store_true", help="print JSON instead of tables")
    add_ffmpeg_option(check)
    build = add_command(inner, "build", _build, summary="build an encoding ladder", description=_BUILD)
    build.add_argument("--spec", type=Path, metavar="F.toml", help="default: the embedded ladder's")
    build.add_argument("--out", type=Path, required=True, metavar="DIR", help="data root to write")
    build.add_argument("--jobs", type=positive_int, metavar="N", help="encodes at a time (default: one a core)")
    add_ffmpeg_option(build)
    split = add_command(inner, "split", _split, summary="print a split", description=_SPLIT)
    add_corpus_options(split)
    split.add_argument("--by", choices=("loso", "source", "path"), default="loso", help="default loso")
    split.add_argument("--test-share", type=float, default=0.2, metavar="X", help="of a split by hash (default 0.2)")


def _check(arguments: argparse.Namespace) -> int:
    ffmpeg = find_ffmpeg(arguments.ffmpeg)
    corpus = scan(data_root(arguments.data_root), assume=arguments.assume_dims)
    store = Store(default_folder())
    with progress_bar("check", "files") as report:
        found = check_corpus(corpus, ffmpeg, digest=store.digest, on_file=report)
    if arguments.json:
        print(json.dumps(findings_as_dict(corpus, found), indent=2))
    else:
        _print(corpus, found)
    return int(found.spoils)


def _print(corpus: Corpus, found: CorpusFindings) -> None:
    counts = Counter(clip.source for clip in corpus.clips)
    rows = []
    for source, path in corpus.references.items():
        video = found.videos.get(corpus.relative(path))
        frames, geometry = ("?", "?") if video is None else (str(video.frames), str(video.geometry))
        rows.append([source, str(counts[source]), frames, geometry])
    print(f"{corpus.root}: {len(corpus.references)} sources, {len(corpus.clips)} clips\n")
    if rows:
        print_table(["source", "clips", "frames", "geometry"], rows)
        print()
    for fault in found.faults:
        print(f"{'FAULT' if fault.spoils else 'note '}  {fault.path} {fault.text}")
    spoiling = sum(fault.spoils for fault in found.faults)
    print(f"{spoiling} faults that would spoil results, {len(found.faults) - spoiling} notes")


def _build(arguments: argparse.Namespace) -> int:
    ffmpeg = find_ffmpeg(arguments.ffmpeg)
    spec = arguments.spec or home() / "fixtures" / "corpus" / "ladder9.toml"
    with progress_bar(spec.stem, "files") as report:
        manifest = ladder.build(spec, arguments.out, ffmpeg, jobs=arguments.jobs, report=report)
    print(f"{arguments.out}: {len(manifest['clips'])} files")
    return 0


def _split(arguments: argparse.Namespace) -> int:
    corpus = scan(data_root(arguments.data_root), assume=arguments.assume_dims)
    if arguments.by == "loso":
        folds = leave_one_source_out(clip.source for clip in corpus.clips)
        print(json.dumps([{"held_out": fold.held_out, "train": fold.train} for fold in folds], indent=2))
        return 0
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        named = [(clip.source, corpus.relative(clip.path)) for clip in corpus.clips]
        split = hash_split(named, by=arguments.by, test_share=arguments.test_share)
    content = {"by": split.by, "warnings": [str(warning.message) for warning in said]}
    print(json.dumps(content | {"train": split.train, "test": split.test}, indent=2))
    return 0
