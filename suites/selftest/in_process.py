"""What suites/loso says of how a file stands in for its teacher, without a run of pytest: in a tenth of a second."""

from functools import partial

import numpy as np

from tinyvmaf.data import dataset
from tinyvmaf.files import home
from tinyvmaf.judge.bounds import load_bounds
from tinyvmaf.judge.outcomes import Limit
from tinyvmaf.judge.standing_in import (
    Ask,
    direction_outcome,
    error_outcomes,
    identical_outcome,
    order_outcomes,
    resolution_outcome,
)
from tinyvmaf.measure.standing_in import Scored, probes_of
from tinyvmaf.measure.standing_in.probes import SAMPLES, STARTS
from tinyvmaf.model.engines import OnnxRuntimeCpu, all_scores
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
from tinyvmaf.vmaf.teacher import load_built_in


class InProcess:
    """The embedded corpus, probes of the domain and the bounds, read once."""

    def __init__(self, samples: int = SAMPLES, starts: int = STARTS) -> None:
        self._teacher = load_built_in(find_ffmpeg(), "vmaf_v0.6.1")
        self._probes, self._bounds = probes_of(self._teacher, samples, starts), load_bounds()
        data = dataset.read(home() / "fixtures/corpus/features.parquet")
        self._rows = data.columns(*self._teacher.feature_names).astype(np.float32)
        self._expected = data.columns(self._teacher.id)[:, 0]
        self._clip, self._frame = np.array(data.table["clip"].to_pylist()), data.table["frame"].to_numpy()

    def outcomes(self, model: bytes, name: str) -> dict[str, Limit]:
        """The outcome of each gate for a file that nobody registered."""
        engine = OnnxRuntimeCpu(model)
        probed = self._probes.of(partial(all_scores, engine))
        corpus = Scored(
            "frames of the corpus",
            self._expected,
            all_scores(engine, self._rows).astype(np.float64),
            lambda row: f"frame {self._frame[row]} of {self._clip[row]}",
            self._clip,
        )
        held, ask = [corpus, probed.sample], Ask(self._bounds.for_, name, "tox -e loso")
        found = [*error_outcomes(ask, held), *order_outcomes(ask, held, self._teacher.svr.score_range)]
        found += [direction_outcome(ask, self._probes, probed), resolution_outcome(ask, [probed.sample])]
        return {one.gate: one for one in (*found, identical_outcome(ask, probed))}
