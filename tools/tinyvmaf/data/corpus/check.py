"""Checks a corpus: opens every file, compares every pair, and reports all faults at once."""

import contextvars
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tinyvmaf.data.corpus.scan import Corpus, CorpusFault
from tinyvmaf.data.golden import is_golden_file
from tinyvmaf.errors import MediaError, NotComparableError
from tinyvmaf.files import file_blake3
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.media import Video, count_by_decoding, is_raw, open_video, require_comparable

_Item = TypeVar("_Item")
_Found = TypeVar("_Found")


@dataclass(frozen=True)
class CorpusFindings:
    """What `check_corpus` found."""

    videos: dict[str, Video]
    """The files that could be opened, by path relative to the root."""
    faults: tuple[CorpusFault, ...]
    """Sorted by path."""

    @property
    def spoils(self) -> bool:
        """Whether at least one fault would make results wrong."""
        return any(fault.spoils for fault in self.faults)


def check_corpus(
    corpus: Corpus,
    ffmpeg: FFmpeg,
    *,
    digest: Callable[[Path], str] = file_blake3,
    on_file: Callable[[int, int], None] | None = None,
) -> CorpusFindings:
    """Open, compare and hash every file of a corpus.

    Args:
        digest: gives the digest of a file; `Store.digest` hashes no unchanged file again.
        on_file: called with the number of files done and of all files.
    """
    faults = list(corpus.faults)
    sources = {path: source for source, path in corpus.references.items()}
    sources |= {clip.path: clip.source for clip in corpus.clips}
    videos: dict[str, Video] = {}
    digests: dict[str, str] = {}
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:

        def inspect(path: Path) -> tuple[Path, Video | CorpusFault, str | None, bool]:
            where = corpus.relative(path)
            try:
                # `scan` checked this too, but the file may have changed since.
                if not path.resolve().is_relative_to(corpus.root):
                    raise MediaError("has become a link out of the data root: not opened")
                video = open_video(
                    path, ffmpeg, raw_geometry=corpus.geometries[sources[path]] if is_raw(path) else None
                )
                return path, video, digest(path), is_golden_file(path)
            except (MediaError, OSError) as error:
                text = error.message if isinstance(error, MediaError) else str(error)
                return path, CorpusFault("unreadable", where, text.removeprefix(f"{path}: ")), None, False

        for done, (path, found, value, golden) in enumerate(_each(pool, inspect, sources), start=1):
            where = corpus.relative(path)
            if isinstance(found, CorpusFault):
                faults.append(found)
            else:
                videos[where] = found
            if value is not None:
                digests[where] = value
            if golden:
                faults.append(CorpusFault("golden", where, "is a golden file, which must not be in training data"))
            if on_file is not None:
                on_file(done, len(sources))
        faults += _each(pool, lambda pair: _compare(*pair), _pairs(corpus, videos, ffmpeg))
    faults = [fault for fault in faults if fault.text]
    faults += _duplicates(corpus, digests)
    return CorpusFindings(videos, tuple(sorted(faults, key=lambda fault: (fault.path, fault.code))))


def findings_as_dict(corpus: Corpus, found: CorpusFindings) -> dict[str, Any]:
    """The findings for JSON: `root`, `clips`, `sources` by name, `faults`, `spoils`."""
    counts = Counter(clip.source for clip in corpus.clips)
    sources = {}
    for source, path in corpus.references.items():
        video = found.videos.get(corpus.relative(path))
        sources[source] = {
            "reference": corpus.relative(path),
            "clips": counts[source],
            "frames": None if video is None else video.frames,
            "geometry": None if video is None else str(video.geometry),
        }
    faults = [{"code": f.code, "path": f.path, "text": f.text, "spoils": f.spoils} for f in found.faults]
    return {
        "root": str(corpus.root),
        "clips": len(corpus.clips),
        "sources": sources,
        "faults": faults,
        "spoils": found.spoils,
    }


def _each(pool: ThreadPoolExecutor, function: Callable[[_Item], _Found], items: Collection[_Item]) -> Iterable[_Found]:
    """`pool.map` in copies of this context, so that a `Stop` of this thread also ends the FFmpegs of the pool."""
    contexts = [contextvars.copy_context() for _ in items]
    return pool.map(lambda context, item: context.run(function, item), contexts, items)


def _pairs(corpus: Corpus, videos: dict[str, Video], ffmpeg: FFmpeg) -> list[tuple[str, Video, Video, FFmpeg]]:
    pairs = []
    for clip in corpus.clips:
        reference, distorted = (videos.get(corpus.relative(path)) for path in (clip.reference, clip.path))
        if reference is not None and distorted is not None:
            pairs.append((corpus.relative(clip.path), reference, distorted, ffmpeg))
    return pairs


def _compare(where: str, reference: Video, distorted: Video, ffmpeg: FFmpeg) -> CorpusFault:
    """The fault of a pair; its text is empty if the pair is good."""
    try:
        if reference.frames != distorted.frames:
            reference, distorted = (count_by_decoding(video, ffmpeg) for video in (reference, distorted))
        require_comparable(reference, distorted)
    except NotComparableError as error:
        return CorpusFault("differs", where, f"differs from its reference: {error.message.split(' differ: ')[-1]}")
    except MediaError as error:
        return CorpusFault("unreadable", where, error.message)
    return CorpusFault("", where, "")


def _duplicates(corpus: Corpus, digests: dict[str, str]) -> list[CorpusFault]:
    own = {corpus.relative(clip.path): corpus.relative(clip.reference) for clip in corpus.clips}
    same = defaultdict(list)
    for where, value in sorted(digests.items()):
        same[value].append(where)
    faults = []
    for first, *others in (sorted(group, reverse=True) for group in same.values()):  # ref/ comes before dis/
        for other in others:
            if own.get(other) == first:
                # A lossless clip is allowed, but it is usually a copy of the reference by mistake.
                faults.append(
                    CorpusFault("lossless", other, f"has the same content as its reference {first}", spoils=False)
                )
            else:
                faults.append(CorpusFault("duplicate", other, f"has the same content as {first}"))
    return faults
