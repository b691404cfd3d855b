"""Scores of the clips of a source by the model that did not see it."""

from typing import Final

import numpy as np

from tinyvmaf.data.pictures import SourceArrays
from tinyvmaf.measure.no_reference.summary import ClipEstimates
from tinyvmaf.model.engines import Engine, Session, all_pictures
from tinyvmaf.vmaf.pictures import pictures_of

_BATCH: Final = 8


def score_held_out(session: Session, name: str, source: SourceArrays) -> ClipEstimates:
    """The metric's mean over the chosen frames of each clip, against the VMAF of the clip.

    Raises:
        ModelError: the model gives no score for a picture.
    """
    clips, frames, height, width = source.distorted.shape
    planes = source.distorted.reshape(clips * frames, height, width)
    scores = [all_pictures(session, pictures_of(planes[i : i + _BATCH])) for i in range(0, len(planes), _BATCH)]
    means = np.concatenate(scores).astype(np.float64).reshape(clips, frames).mean(axis=1)
    return ClipEstimates(name, source.ids, source.clip_vmaf, means)


def scored_by(engine: Engine, model: bytes, name: str, source: SourceArrays) -> ClipEstimates:
    """As `score_held_out`, with a session of its own for a model file."""
    session = engine.load(model)
    try:
        return score_held_out(session, name, source)
    finally:
        session.close()
