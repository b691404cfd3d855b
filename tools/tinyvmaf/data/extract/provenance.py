"""The provenance of an extracted dataset."""

from typing import Any

import pyarrow as pa

from tinyvmaf import __version__
from tinyvmaf.data.corpus import Corpus
from tinyvmaf.data.extract.job import ExtractionRequest
from tinyvmaf.data.extract.run import Extraction
from tinyvmaf.data.measured_with import measured_with
from tinyvmaf.data.store import Store, key_of
from tinyvmaf.files import file_sha256
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.libvmaf import motion_epoch
from tinyvmaf.vmaf.teacher import sha256_of


def provenance_of(
    result: Extraction, corpus: Corpus, request: ExtractionRequest, store: Store, ffmpeg: FFmpeg, *, features: str
) -> dict[str, Any]:
    """The provenance of a result that has a table, for `dataset.write`.

    Nothing in it depends on the machine, so the same content gives the same bytes.

    Args:
        features: the value of `--features`, for the command that reproduces the dataset.
    """
    assert result.table is not None
    measured = set(result.table["clip"].unique().to_pylist())
    files = {corpus.relative(clip.path): store.digest(clip.path) for clip in corpus.clips if clip.id in measured}
    files |= {corpus.relative(c.reference): store.digest(c.reference) for c in corpus.clips if c.id in measured}
    teachers = " ".join(f"--teacher {name}" for name in request.teachers)
    return {
        "tinyvmaf": __version__,
        "measured_with": measured_with(),
        "libvmaf": result.libvmaf,
        "motion_epoch": _epoch(store, ffmpeg),
        "ffmpeg": ffmpeg.version,
        "ffmpeg_sha256": store.digest(ffmpeg.path, file_sha256),
        "teachers": {name: sha256_of(name) for name in request.teachers},
        "features": features,
        "corpus_sha256": key_of(files),
        "files_blake3": dict(sorted(files.items())),
        "geometry": {source: str(geometry) for source, geometry in corpus.geometries.items()},
        "command": f"tinyvmaf extract --features {features} {teachers}",
    }


def _epoch(store: Store, ffmpeg: FFmpeg) -> str:
    """The motion epoch; measured once per FFmpeg build, then kept in the store."""
    key = key_of({"measurement": "motion epoch", "ffmpeg": store.digest(ffmpeg.path), **measured_with()})
    known = store.about(key)
    if not known:
        known = {"motion_epoch": motion_epoch(ffmpeg)[0]}
        store.put(key, pa.table({}), known)
    return str(known["motion_epoch"])
