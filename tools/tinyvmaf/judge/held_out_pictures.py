"""The folds of a metric without a reference: committed model files, each of which did not see one natural source."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import onnx

from tinyvmaf.data.pictures import SourceArrays, arrays_by_source, digest_of, embedded_pictures
from tinyvmaf.data.store import Store, default_folder
from tinyvmaf.errors import CouldNotRunError
from tinyvmaf.files import read_bounded
from tinyvmaf.judge.asked_engines import reference_engine
from tinyvmaf.measure.no_reference import HeldOutReport, scored_by, summarised
from tinyvmaf.model.contract import LARGEST
from tinyvmaf.model.subject import Subject
from tinyvmaf.vmaf.ffmpeg import FFmpeg


@dataclass(frozen=True)
class HeldOut:
    """A model, the files of its folds, and the natural pictures."""

    subject: Subject
    files: Mapping[str, bytes]
    """By the source that is held out."""
    sources: Mapping[str, SourceArrays]

    def leaks(self, source: str) -> str:
        """Why the fold of a source may have seen it; empty if it has not."""
        return leak(self.files[source], source, digest_of(self.sources[source]), self.subject)

    def report(self) -> HeldOutReport:
        """What the folds score on the sources that they have not seen."""
        engine = reference_engine(self.subject)
        return summarised([scored_by(engine, self.files[name], name, one) for name, one in self.sources.items()])


def leak(data: bytes, source: str, digest: str, subject: Subject) -> str:
    """Why the model file of a fold may have seen its source, by its own metadata; empty if it has not.

    A file that says nothing, holds out another source, or is of another recipe than the model counts as one that has.
    """
    told = {entry.key: entry.value for entry in onnx.load_model_from_string(data).metadata_props}
    training = subject.training
    if told.get("held_out") != source:
        return f"it holds out {told.get('held_out', 'nothing')!r}"
    if training is None or told.get("recipe_sha256") != training.recipe_sha256:
        return "it is of another recipe than the model"
    try:
        names, digests = (json.loads(told[key]) for key in ("sources", "pictures"))
    except (KeyError, ValueError):
        return "it does not say what it saw"
    if not names or len(names) != len(digests):
        return "it does not say what it saw"
    if source in names or digest in digests:
        return "it saw the source"
    return ""


def held_out_of(subject: Subject, ffmpeg: FFmpeg) -> HeldOut:
    """The folds of a registered model.

    Raises:
        CouldNotRunError: a source has no fold, or there is a fold of no source.
        TinyvmafError: as `embedded_pictures`.
    """
    natural = arrays_by_source(embedded_pictures(Store(default_folder()), ffmpeg).of("natural"))
    folder = subject.file.parent / "folds" / subject.id
    files = {path.stem: path for path in sorted(folder.glob("*.onnx"))}
    if sorted(files) != sorted(natural):
        raise CouldNotRunError(
            f"{folder}: folds of {', '.join(files) or 'nothing'}; the natural sources are {', '.join(natural)}",
            hint="tinyvmaf train --recipe RECIPE writes one of each",
        )
    return HeldOut(subject, {name: _read(path) for name, path in files.items()}, natural)


def _read(path: Path) -> bytes:
    return read_bounded(path, LARGEST)
