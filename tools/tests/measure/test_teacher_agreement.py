"""A model and its teacher on a corpus, which may have no scores by that teacher."""

from functools import partial

import numpy as np
import pytest

from tinyvmaf.data.dataset import Dataset
from tinyvmaf.data.embedded import embedded_corpus
from tinyvmaf.errors import TeacherError
from tinyvmaf.measure.teacher_agreement import corpus_frames
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import load_teacher

TEACHER = "vmaf_v1.0.16_3d0h"


def without(*names: str) -> Dataset:
    data = embedded_corpus().read()
    teachers = {name: digest for name, digest in data.provenance["teachers"].items() if name not in names}
    return Dataset(data.table.drop_columns(list(names)), dict(data.provenance) | {"teachers": teachers})


def test_scores_that_a_corpus_lacks_are_computed_from_its_features(ffmpeg: FFmpeg) -> None:
    teacher_of = partial(load_teacher, ffmpeg)
    theirs = corpus_frames(without(), "a corpus", teacher_of).teacher(TEACHER)
    ours = corpus_frames(without(TEACHER), "a corpus", teacher_of).teacher(TEACHER)
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    with pytest.raises(
        TeacherError, match=rf"a corpus has no scores by {TEACHER}: .* no cambi_hrs_1080_cmxv_17_vlt_0.06"
    ):
        corpus_frames(without(TEACHER, "cambi_hrs_1080_cmxv_17_vlt_0.06"), "a corpus", teacher_of).teacher(TEACHER)
    with pytest.raises(TeacherError, match="a corpus has no scores by mine"):
        corpus_frames(without(), "a corpus", teacher_of).teacher("mine")
