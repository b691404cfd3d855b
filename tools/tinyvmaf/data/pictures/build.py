"""Builds sets of pictures: encodes of a ladder are made, scored, and their chosen frames put into the store.

What the store has is not made again. One source is on disk as raw video at a time.
"""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf import scratch
from tinyvmaf.code_digest import code_digest
from tinyvmaf.data import ladder
from tinyvmaf.data.ladder import LadderClip, LadderSource, Spec, input_digest, load_spec
from tinyvmaf.data.measured_with import measured_with
from tinyvmaf.data.pictures.making import SCORES, Scores, chosen_frames, measured_scores
from tinyvmaf.data.pictures.sets import PackedFrames, PictureClip, PictureSet
from tinyvmaf.data.store import Store, key_of
from tinyvmaf.errors import TinyvmafError, known_hint
from tinyvmaf.files import file_sha256
from tinyvmaf.futures import finished
from tinyvmaf.vmaf.ffmpeg import FFmpeg, end_all

_LAYOUT: Final = 1  # version of the stored tables; part of every key
_CODE: Final = ("data/ladder/make.py", "data/pictures/making.py", "data/pictures/planes.py")
"""What decides the content of a table, beside the code that measures."""


@dataclass(frozen=True)
class KnownScores:
    """Scores that were measured before, of clips with these bytes."""

    digest: str = ""
    """Of the file that has them."""
    clips: Mapping[str, str] = field(default_factory=dict)
    """sha256 of raw clips, by path as in a ladder's manifest."""
    scores: Mapping[str, Scores] = field(default_factory=dict)
    """By clip id."""

    def of(self, source: LadderSource, clip: LadderClip, made: Mapping[str, str]) -> Scores | None:
        """The scores of a clip; None: the clip that was made, or its reference, has other bytes."""
        paths = (f"dis/{clip.id}.yuv", f"ref/{source.id}.yuv")
        same = all(self.clips.get(path) == made[path] for path in paths)
        return self.scores.get(clip.id) if same else None


def evenly(frames: int, count: int) -> tuple[int, ...]:
    """Numbers of `count` frames of a clip, evenly spread: the middle of each of `count` parts of equal length.

    Raises:
        ValueError: `count` is not between 1 and `frames`.
    """
    if not 1 <= count <= frames:
        raise ValueError(f"{count} of {frames} frames")
    return tuple((2 * part + 1) * frames // (2 * count) for part in range(count))


def picture_set(
    spec_path: Path,
    store: Store,
    ffmpeg: FFmpeg,
    *,
    frames: Sequence[int] | int = 8,
    sources: Collection[str] | None = None,
    known: KnownScores | None = None,
    jobs: int | None = None,
    report: Callable[[int, int], None] | None = None,
) -> PictureSet:
    """The pictures of a ladder, from the store; what is missing or damaged there is built.

    A stopped build keeps the clips that it finished. The same FFmpeg, spec and files of packages give the same set.

    Args:
        frames: numbers of the frames to choose of each clip, or how many, evenly spread.
        sources: names of the sources to take; None: all.
        known: scores that need not be measured again.
        jobs: FFmpeg processes at a time; None: one per core.
        report: called with the number of clips done and of all clips.

    Raises:
        TinyvmafError: as `ladder.build`; the spec is not of 8 bits, or has no such source or frame.
        FFmpegError, LogError: a clip cannot be made or scored.
    """
    spec = load_spec(spec_path)
    if spec.geometry.pix_fmt.bits != 8:
        raise TinyvmafError(f"{spec_path}: pictures have 8 bits, not {spec.geometry}")
    chosen = evenly(spec.frames, min(frames, spec.frames)) if isinstance(frames, int) else tuple(frames)
    if not chosen or sorted(set(chosen)) != list(chosen) or not 0 <= chosen[0] <= chosen[-1] < spec.frames:
        raise TinyvmafError(f"{spec_path}: frames {list(chosen)}; give increasing numbers below {spec.frames}")
    by_source: dict[str, list[LadderClip]] = {}
    for clip in spec.clips:
        if sources is None or clip.source.name in sources:
            by_source.setdefault(clip.source.name, []).append(clip)
    names = {clip.source.name for clip in spec.clips}
    if sources is not None and (unknown := sorted(set(sources) - names)):
        raise TinyvmafError(f"{spec_path}: no source {unknown[0]}", hint=known_hint(unknown[0], sorted(names)))
    if not by_source:
        raise TinyvmafError(f"{spec_path}: no source is chosen")
    work = _PictureWork(spec_path, spec, chosen, store, ffmpeg, known or KnownScores(), jobs or os.cpu_count() or 1)
    total, found = sum(map(len, by_source.values())), list[PictureClip]()
    for clips in by_source.values():
        before = len(found)

        def told(done: int, before: int = before) -> None:
            if report is not None:
                report(before + done, total)

        found += work.clips(clips, told)
        told(len(clips))
    return PictureSet(spec.sha256, spec.geometry, tuple(sorted(found, key=lambda clip: clip.id)))


class _PictureWork:
    """Reads pictures from the store, and builds those that it lacks, source by source."""

    def __init__(
        self,
        path: Path,
        spec: Spec,
        chosen: tuple[int, ...],
        store: Store,
        ffmpeg: FFmpeg,
        known: KnownScores,
        jobs: int,
    ) -> None:
        self._path, self._spec, self._chosen, self._store = path, spec, chosen, store
        self._ffmpeg, self._known, self._jobs = ffmpeg, known, jobs
        self._about = {
            "measurement": "pictures",
            "layout": _LAYOUT,
            "geometry": str(spec.geometry),
            "frames": spec.frames,
            "chosen": list(chosen),
            "ffmpeg": store.digest(ffmpeg.path, file_sha256),
            "code": code_digest(_CODE, Path(__file__).parents[2]),
            "measured_with": measured_with(),
        }

    def clips(self, clips: Sequence[LadderClip], told: Callable[[int], None]) -> list[PictureClip]:
        """The clips of one source."""
        source = clips[0].source
        about = self._about | {"source": source.origin(), "sha256_of_input": self._digest(source)}
        keys = {clip.id: key_of(self._of_clip(clip, about)) for clip in clips}
        reference = key_of(about | {"reference": True})
        if not self._has([*keys.values(), reference]):
            with self._store.lock(reference):  # another process may be at it
                missing = [clip for clip in clips if not self._has([keys[clip.id]])]
                if not (missing or self._has([reference])):
                    missing = list(clips[:1])  # a reference is made for a clip
                if missing:
                    self._build(source, missing, about, reference, lambda done: told(len(clips) - len(missing) + done))
        return [self._read(clip, keys[clip.id], reference) for clip in clips]

    def _digest(self, source: LadderSource) -> str:
        return input_digest(source, lambda path: self._store.digest(path, file_sha256))

    def _of_clip(self, clip: LadderClip, about: Mapping[str, Any]) -> dict[str, Any]:
        """Everything that a clip's pictures depend on."""
        how = {"codec": clip.codec.model_dump(), "height": clip.height, "kbps": clip.kbps, "known": self._known.digest}
        return {**about, **how}

    def _has(self, keys: Collection[str]) -> bool:
        return all(self._store.get(key) is not None for key in keys)

    def _build(
        self,
        source: LadderSource,
        clips: Sequence[LadderClip],
        about: Mapping[str, Any],
        reference: str,
        told: Callable[[int], None],
    ) -> None:
        with scratch.folder() as folder:
            manifest = ladder.build(self._path, folder, self._ffmpeg, only=[clip.id for clip in clips], jobs=self._jobs)
            made = manifest["clips"]
            ref = folder / f"ref/{source.id}.yuv"
            self._put(reference, ref, {**about, "sha256": made[f"ref/{source.id}.yuv"]})

            def keep(clip: LadderClip) -> None:
                path = folder / f"dis/{clip.id}.yuv"
                scores = self._known.of(source, clip, made) or measured_scores(ref, path, self._spec, self._ffmpeg)
                fields = self._of_clip(clip, about)
                extra = {"clip": clip.id, "sha256": made[f"dis/{clip.id}.yuv"]}
                extra["scores"] = {name: list(map(float, scores[name])) for name in SCORES}
                self._put(key_of(fields), path, fields | extra)

            with ThreadPoolExecutor(self._jobs) as pool:
                futures = [pool.submit(keep, clip) for clip in clips]
                try:
                    for done, future in enumerate(finished(futures), 1):
                        future.result()
                        told(done)
                except BaseException:
                    end_all()
                    pool.shutdown(cancel_futures=True)
                    raise

    def _put(self, key: str, path: Path, about: Mapping[str, Any]) -> None:
        self._store.put(key, chosen_frames(path, self._spec, self._chosen), about)

    def _read(self, clip: LadderClip, key: str, reference: str) -> PictureClip:
        stored, of_reference = self._store.get_described(key), self._store.get(reference)
        if stored is None or of_reference is None:
            where = f"the store {self._store.folder} loses what is put into it"
            raise TinyvmafError(f"pictures of {clip.id}: {where}", hint="is somebody pruning it? run again")
        table, about = stored
        scores: dict[str, NDArray[np.float64]] = {name: np.array(about["scores"][name]) for name in SCORES}
        g = self._spec.geometry
        return PictureClip(
            clip.id,
            clip.source.name,
            clip.source.group,
            clip.codec.name,
            clip.height,
            clip.kbps,
            about["sha256"],
            self._chosen,
            {name: values[list(self._chosen)] for name, values in scores.items()},
            {name: float(values.mean()) for name, values in scores.items()},
            PackedFrames(table, g),
            PackedFrames(of_reference, g),
        )
