"""`tinyvmaf corpus`: check a corpus, build an encoding ladder or its pictures, measure extremes, print splits."""

import argparse
import json
import warnings
from collections import Counter
from pathlib import Path

from tinyvmaf.app.cli.check_imported import check_imported
from tinyvmaf.app.cli.common import (
    Commands,
    add_command,
    add_corpus_options,
    add_ffmpeg_option,
    add_group,
    positive_int,
    print_table,
)
from tinyvmaf.app.cli.corpus_pictures import add_pictures_command
from tinyvmaf.app.cli.progress import progress_bar
from tinyvmaf.data import dataset, ladder
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
from tinyvmaf.data.embedded import embedded_corpus
from tinyvmaf.data.extremes import TEACHERS, load_extremes, measure_extremes
from tinyvmaf.data.store import Store, default_folder
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.terminal import say
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
from tinyvmaf.vmaf.teacher import load_built_in

_CHECK = """\
Check every file of a corpus and list everything that is wrong: names, pairs, links out of the root, sizes, frame
counts, geometry, unreadable files, duplicates by content, golden files.

The data root contains ref/ and dis/. Name references <source>_<fps>fps.<ext> or <source>_0_<height>_0.<ext>, and
distorted clips <source>_<quality>_<height>_<kbps>.<ext>; <ext> is yuv, y4m, mkv, mp4, mov or webm. Raw files are
1920x1080 yuv420p, unless --assume-dims or corpus.toml in the data root says otherwise:

    geometry = "640x360:yuv420p"
    [sources.Tennis]
    geometry = "1920x1080:yuv420p10le"

With F.parquet, examine a set that tinyvmaf import made, or one as published: counts, ranges, gaps, copies, golden rows,
rows outside the domain of the teachers, and the teacher that was found for each score."""
_BUILD = """\
Build an encoding ladder from a spec: sources encoded at several sizes and bitrates with x264 and x265, then scaled
back.

Sources are pictures and video from installed packages (in a checkout: pip install -c constraints.txt -e '.[corpus]'),
photographs of Debian packages, and FFmpeg's test patterns. The same FFmpeg gives the same bytes. A stopped run
continues where it stopped."""
_EXTREMES = """\
Measure extremes with the real libvmaf: natural video and photographs from installed packages after filters that no
encoder applies, such as strong sharpening, contrast, noise, wrong and moved pictures, at heights from 90 to 2160.

The file has one row per frame, as that of tinyvmaf extract; the rows outside a teacher's domain are counted. Cases that
were measured before come from the store, so a stopped run continues where it stopped. The same FFmpeg gives the same
rows."""
_SPLIT = """\
Print a split of a corpus into training and test clips as JSON. It depends only on file names.

--by loso: leave-one-source-out. --by source: by hash of the source. --by path: by hash of the path; clips of one source
are then on both sides, so a model is judged on sources that it has seen."""


def add_commands(commands: Commands) -> None:
    """Add `corpus` with `check`, `build`, `pictures`, `extremes` and `split`."""
    inner = add_group(commands, "corpus", description="Check, build or split a corpus; measure extremes.")
    check = add_command(
        inner,
        "check",
        _check,
        summary="list everything that is wrong with a corpus",
        description=_CHECK,
        examples="tinyvmaf corpus check --data-root ~/netflix\ntinyvmaf corpus check imported.parquet",
        exit_status="0 no fault that makes results wrong, 1 such a fault, 2 wrong use",
    )
    check.add_argument("set", nargs="?", type=Path, metavar="F.parquet", help="an imported set, or a folder of them")
    add_corpus_options(check)
    check.add_argument("--json", action="store_true", help="print JSON instead of tables")
    add_ffmpeg_option(check)
    build = add_command(
        inner,
        "build",
        _build,
        summary="build an encoding ladder",
        description=_BUILD,
        examples="tinyvmaf corpus build --out ladder9",
    )
    build.add_argument(
        "--spec", type=Path, metavar="F.toml", help="the ladder's spec (default: that of the embedded corpus)"
    )
    build.add_argument("--out", type=Path, required=True, metavar="DIR", help="data root to write to")
    build.add_argument("--jobs", type=positive_int, metavar="N", help="encodes at a time (default: one per core)")
    add_ffmpeg_option(build)
    add_pictures_command(inner)
    extremes = add_command(
        inner,
        "extremes",
        _extremes,
        summary="measure extremes of natural frames",
        description=_EXTREMES,
        examples="tinyvmaf corpus extremes --out extremes.parquet",
    )
    extremes.add_argument("--out", type=Path, required=True, metavar="F.parquet", help="file to write")
    extremes.add_argument(
        "--spec", type=Path, metavar="F.toml", help="the table of extremes (default: that of the embedded corpus)"
    )
    extremes.add_argument("--jobs", type=positive_int, metavar="N", help="cases at a time (default: one per core)")
    add_ffmpeg_option(extremes)
    split = add_command(
        inner,
        "split",
        _split,
        summary="print a split into training and test clips",
        description=_SPLIT,
        examples="tinyvmaf corpus split --data-root ~/netflix --by source --test-share 0.25",
    )
    add_corpus_options(split)
    split.add_argument("--by", choices=("loso", "source", "path"), default="loso", help="kind of split (default loso)")
    split.add_argument(
        "--test-share",
        type=float,
        default=0.2,
        metavar="X",
        help="share of test clips, with --by source or path (default 0.2)",
    )


def _check(arguments: argparse.Namespace) -> int:
    if arguments.set is not None:
        if arguments.data_root or arguments.assume_dims:
            raise TinyvmafError("--data-root and --assume-dims have no meaning for an imported set")
        return check_imported(arguments.set, arguments.ffmpeg, as_json=arguments.json)
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
    say(f"{corpus.root}: {len(corpus.references)} sources, {len(corpus.clips)} clips")
    say()
    if rows:
        print_table(["source", "clips", "frames", "geometry"], rows)
        say()
    for fault in found.faults:
        say(f"{'FAULT' if fault.spoils else 'note '}  {fault.path} {fault.text}")
    spoiling = sum(fault.spoils for fault in found.faults)
    say(f"{spoiling} faults that make results wrong, {len(found.faults) - spoiling} notes")


def _build(arguments: argparse.Namespace) -> int:
    ffmpeg = find_ffmpeg(arguments.ffmpeg)
    spec = arguments.spec or embedded_corpus().spec
    with progress_bar(spec.stem, "files") as report:
        manifest = ladder.build(spec, arguments.out, ffmpeg, jobs=arguments.jobs, report=report)
    say(f"{arguments.out}: {len(manifest['clips'])} files")
    return 0


def _extremes(arguments: argparse.Namespace) -> int:
    ffmpeg = find_ffmpeg(arguments.ffmpeg)
    embedded = embedded_corpus()
    extremes = load_extremes(arguments.spec or embedded.extremes, embedded.spec)
    with progress_bar("extremes", "cases") as report:
        found = measure_extremes(extremes, Store(default_folder()), ffmpeg, jobs=arguments.jobs, report=report)
    dataset.write(arguments.out, found.table, found.provenance)
    say(f"{arguments.out}: {len(extremes.cases)} cases, {found.table.num_rows} frames")
    for name in TEACHERS:
        teacher = load_built_in(ffmpeg, name)
        away = Domain(teacher.features).distance(found.columns(*teacher.feature_names))
        worst = f"; {found.table['clip'][int(away.argmax())]} is furthest, {away.max():.4f}" if away.any() else ""
        say(f"outside the domain of {name}: {int((away > 0.0).sum())} frames{worst}")
    return 0


def _split(arguments: argparse.Namespace) -> int:
    corpus = scan(data_root(arguments.data_root), assume=arguments.assume_dims)
    if arguments.by == "loso":
        folds = leave_one_source_out(clip.source for clip in corpus.clips)
        print(json.dumps([{"held_out": fold.held_out, "train": fold.train} for fold in folds], indent=2))
        return 0
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        named = [(clip.source, corpus.relative(clip.path)) for clip in corpus.clips]
        split = hash_split(named, by=arguments.by, test_share=arguments.test_share)
    content = {"by": split.by, "warnings": [str(warning.message) for warning in caught]}
    print(json.dumps(content | {"train": split.train, "test": split.test}, indent=2))
    return 0
