"""The sets of pictures that the checkout describes: the embedded ladder's, and the optional one of photographs."""

from collections.abc import Callable, Collection, Sequence

from tinyvmaf.data.embedded import EmbeddedCorpus, embedded_corpus
from tinyvmaf.data.pictures.build import KnownScores, picture_set
from tinyvmaf.data.pictures.making import SCORES
from tinyvmaf.data.pictures.sets import PictureSet
from tinyvmaf.data.store import Store
from tinyvmaf.files import file_sha256
from tinyvmaf.vmaf.ffmpeg import FFmpeg


def embedded_pictures(
    store: Store,
    ffmpeg: FFmpeg,
    *,
    frames: Sequence[int] | int = 8,
    sources: Collection[str] | None = None,
    jobs: int | None = None,
    report: Callable[[int, int], None] | None = None,
    corpus: EmbeddedCorpus | None = None,
) -> PictureSet:
    """The pictures of the embedded ladder: five natural sources and four generated ones, 16 clips each.

    Where a clip has the bytes of the manifest, its scores are the committed ones; else libvmaf measures it.

    Args:
        frames, sources, jobs, report: as `picture_set`.
        corpus: None: that of the checkout.

    Raises:
        TinyvmafError: as `picture_set`; the committed files cannot be read.
    """
    corpus = corpus or embedded_corpus()
    return picture_set(
        corpus.spec,
        store,
        ffmpeg,
        frames=frames,
        sources=sources,
        known=committed_scores(corpus),
        jobs=jobs,
        report=report,
    )


def photograph_pictures(
    store: Store,
    ffmpeg: FFmpeg,
    *,
    frames: Sequence[int] | int = 4,
    sources: Collection[str] | None = None,
    jobs: int | None = None,
    report: Callable[[int, int], None] | None = None,
) -> PictureSet:
    """The pictures of the optional ladder of photographs, which are files of Debian packages.

    Args:
        frames, sources, jobs, report: as `picture_set`.

    Raises:
        TinyvmafError: as `picture_set`; a Debian package is not installed.
    """
    spec = embedded_corpus().photographs
    return picture_set(spec, store, ffmpeg, frames=frames, sources=sources, jobs=jobs, report=report)


def committed_scores(corpus: EmbeddedCorpus) -> KnownScores:
    """The scores that an embedded corpus has of each frame of each clip, and the bytes that they are of.

    Raises:
        TinyvmafError: its features or its manifest cannot be read.
    """
    table = corpus.read().table.select(["clip", *SCORES]).to_pydict()
    scores: dict[str, dict[str, list[float]]] = {}
    for row, clip in enumerate(table["clip"]):
        of_clip = scores.setdefault(clip, {name: [] for name in SCORES})
        for name in SCORES:
            of_clip[name].append(table[name][row])
    return KnownScores(file_sha256(corpus.features), corpus.manifest["clips"], scores)
