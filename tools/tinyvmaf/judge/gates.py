"""Every gate: what it measures, its unit, which side of a bound is right, and which bounds make sense.

This is code, because a bound of the wrong side or unit would let everything pass. gates.toml chooses a value within it.
"""

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from tinyvmaf.validation import brief

Direction = Literal["at most", "at least"]
PLACES: Final = "places"
"""|expected - got| must round to 0 at that many decimals, as unittest's assertAlmostEqual: 4 means |d| <= 5e-5."""


SELECTORS: Final = ("model", "engine", "kind", "teacher", "tier", "arithmetic")
"""What a bound may be for, the most specific first."""
_OF_LIBVMAF: Final = ("golden.published", "golden.rows", "golden.svr_frame", "external.published")
_OF_AN_ENGINE: Final = ("backends.ulp", "backends.exact", "backends.points", "backends.samples", "backends.run_to_run")


@dataclass(frozen=True)
class Gate:
    """What is measured, and how a bound of it is read."""

    name: str
    """`suite.gate`, as in gates.toml."""
    metric: str
    """What is measured, in words."""
    unit: str
    """`places`, or the unit of the metric; empty for a ratio without one."""
    lowest: float
    """The smallest bound that makes sense."""
    highest: float
    """The largest bound that makes sense."""
    direction: Direction = "at most"
    """The side of the bound on which a measured value must lie."""
    whole: bool = False
    """Whether a bound is a whole number."""

    @property
    def selectors(self) -> tuple[str, ...]:
        """What a table of gates.toml may set a bound of this gate for, the most specific first."""
        if self.name.startswith("corpus.") or self.name in _OF_LIBVMAF:
            return ()
        return SELECTORS if self.name in _OF_AN_ENGINE else tuple(name for name in SELECTORS if name != "engine")

    def fault(self, value: object) -> str:
        """Why a value cannot be a bound of this gate; empty if it can."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"value is {brief(value)}, not a number"
        try:
            float(value)
        except OverflowError:  # a whole number of more than 308 digits
            return f"value does not fit in a float; it must be {self.lowest:g} to {self.highest:g} {self.unit}".rstrip()
        if not self.lowest <= value <= self.highest:
            return f"value {value:g} is outside {self.lowest:g} to {self.highest:g} {self.unit}".rstrip()
        if self.whole and value != int(value):
            return f"value {value:g} is not a whole number of {self.unit}"
        return ""

    def margin(self, bound: float, measured: float) -> float:
        """How far a measured value is inside the bound, in the gate's unit; negative outside, NaN if not finite."""
        if not np.isfinite(measured):
            return float("nan")
        if self.unit == PLACES:
            return float(0.5 * 10.0**-bound - abs(measured))
        return measured - bound if self.direction == "at least" else bound - measured

    def accepts(self, bound: float, measured: float) -> bool:
        """Whether a measured value (of a comparison: |difference|) is within the bound. NaN and infinity never are."""
        if self.unit == PLACES:
            return bool(np.isfinite(measured)) and round(abs(measured), int(bound)) == 0
        return self.margin(bound, measured) >= 0

    def words(self, bound: float) -> str:
        """A bound in words."""
        if self.unit == PLACES:
            return f"{bound:g} places (|d| <= {0.5 * 10**-bound:g})"
        return f"{'>=' if self.direction == 'at least' else '<='} {bound:g} {self.unit}".rstrip()

    def named(self, metric: str) -> "Gate":
        """This gate, of a metric in other words."""
        return replace(self, metric=metric)


def _places(name: str, metric: str) -> Gate:
    # A looser gate than the publisher's 4 places would accept another VMAF; scores have no more than 9 digits.
    return Gate(name, metric, PLACES, 4, 9, whole=True)


_POINTS, _TIMES = "VMAF points", 100.0
_BY_COLUMN = "in the column's unit"

GATES: Final = {
    gate.name: gate
    for gate in (
        _places("golden.published", "|d| of a published clip mean"),
        _places("golden.rows", "|d| of a frozen feature or score of a frame"),
        _places("golden.record", "|d| of a recorded score of a frame"),
        Gate("golden.near", "|d| of a score of a frame, model against libvmaf", _POINTS, 0.0, 20.0),
        _places("golden.svr_clip_mean", "|d| of a clip mean, SVR as ONNX against libvmaf"),
        Gate("golden.svr_frame", "|d| of a frame, SVR in float64 against libvmaf", _POINTS, 0.0, 1e-3),
        Gate("corpus.clips_below_40", "share of clips whose score is below 40", "of the clips", 0.01, 1.0, "at least"),
        Gate("corpus.clips_above_95", "share of clips whose score is above 95", "of the clips", 0.01, 1.0, "at least"),
        Gate("corpus.widest_gap", "widest gap between neighbouring clip scores", _POINTS, 0.0, 50.0),
        Gate("corpus.least_motion", "least motion of a frame behind the first", "luma", 0.0, 10.0),
        Gate("corpus.most_motion", "largest motion of a frame", "luma", 1.0, 100.0, "at least"),
        Gate("corpus.sources", "number of sources", "sources", 2, 1000, "at least", whole=True),
        Gate("corpus.frames", "frames of a clip", "frames", 2, 100_000, "at least", whole=True),
        Gate("corpus.rungs", "rungs of a source", "rungs", 2, 1000, "at least", whole=True),
        Gate(
            "corpus.teacher",
            "|d| of a stored teacher score, against the SVR in float64 on the stored features",
            _POINTS,
            0.0,
            1e-3,
        ),
        Gate("corpus.range_low", "least value of a column", _BY_COLUMN, -1.0, 100.0, "at least"),
        Gate("corpus.range_feature", "largest value of a ratio to the reference (ADM, VIF)", "", 1.0, 2.0),
        Gate("corpus.range_score", "largest teacher score", _POINTS, 100.0, 200.0),
        Gate("corpus.outside", "distance of a row to its teacher's domain", "in units of the feature", 0.0, 1.0),
        Gate(
            "corpus.reextraction", "|d| of a value of a clip that was built and measured again", _BY_COLUMN, 0.0, 1e-3
        ),
        _places("contract.adopted", "|d| of a score, the file that was adopted against the original fed by NumPy"),
        Gate("contract.range_low", "least score for any finite features", _POINTS, -10.0, 100.0, "at least"),
        Gate("contract.range_high", "largest score for any finite features", _POINTS, 1.0, 200.0),
        Gate(
            "contract.tiled",
            "|d| of a score of a picture, tiled 2x2 or with 8 rows or columns of its edge more, against itself",
            _POINTS,
            0.0,
            100.0,
        ),
        Gate("contract.outside", "by how much a filtered sample leaves black to white", "of white", 0.0, 1.0),
        Gate("contract.memory", "memory for a picture of 3840x2160, beside the interpreter's", "MB", 1.0, 8192.0),
        Gate(
            "contract.teacher",
            "largest difference from the teacher that a search of its domain finds",
            _POINTS,
            0.0,
            0.1,
        ),
        Gate("backends.ulp", "ULP distance of a score between an engine and the reference", "ULP", 0, 1000, whole=True),
        Gate(
            "backends.exact",
            "ULP distance of a score between an engine and the reference, of a model that is proven exact",
            "ULP",
            0,
            1000,
            whole=True,
        ),
        Gate(
            "backends.run_to_run",
            "ULP distance of a score from that of the same row in another run of the same session, or a fresh one",
            "ULP",
            0,
            1000,
            whole=True,
        ),
        Gate(
            "backends.points",
            "|d| of a score of a picture between an engine and the reference, of a model that is not proven exact",
            _POINTS,
            0.0,
            0.1,
        ),
        Gate(
            "backends.samples",
            "|d| of a filtered sample between an engine and the reference, of a filter that is not proven exact",
            "code values",
            0.0,
            1.0,
        ),
        Gate("backends.families", "independent engines that ran the model", "engines", 2, 20, "at least", whole=True),
        Gate(
            "external.published",
            "|d| of a published score of a frame from its teacher's, the worst frame of each clip",
            "times what the decimals of the log allow",
            0.1,
            10.0,
        ),
        Gate("external.frame_max_error", "|d| of a score of a frame, model against its teacher", _POINTS, 0.0, 20.0),
        Gate("external.frame_rmse", "RMSE of the frames of a set, model against its teacher", _POINTS, 0.0, 20.0),
        Gate(
            "external.bias",
            "size of the mean error of a set, of all scores and of each band of the teacher's",
            _POINTS,
            0.0,
            10.0,
        ),
        Gate("external.frame_plcc", "PLCC of the frames of a set", "", 0.5, 1.0, "at least"),
        Gate("external.clip_max_error", "|d| of a score of a clip, model against its teacher", _POINTS, 0.0, 20.0),
        Gate("loso.plcc", "mean PLCC of the sources held out", "", 0.5, 1.0, "at least"),
        Gate("loso.srocc", "mean SROCC of the sources held out", "", 0.5, 1.0, "at least"),
        Gate("loso.preferred", "mean PLCC and SROCC, preferred", "", 0.5, 1.0, "at least"),
        Gate(
            "loso.opinions",
            "upper end of the 95 % interval of the RMSE of opinions less that of a cubic of the teacher",
            _POINTS,
            -100.0,
            -0.001,  # at 0 the cubic itself would pass
        ),
        Gate("loso.frame_max_error", "largest error of a frame", _POINTS, 0.0, 20.0),
        Gate(
            "loso.domain_max_error",
            "largest difference from the teacher that a search of its domain finds",
            _POINTS,
            0.0,
            20.0,
        ),
        Gate(
            "loso.bias", "size of the mean error, of all scores and of each band of the teacher's", _POINTS, 0.0, 10.0
        ),
        Gate("loso.rmse", "RMSE of all scores and of each band of the teacher's", _POINTS, 0.0, 10.0),
        Gate(
            "loso.stretch",
            "by how much the least-squares slope widens or narrows the teacher's range, of all scores and of each band",
            _POINTS,
            0.0,
            10.0,
        ),
        Gate("loso.top_max_error", "largest error of a row that the teacher puts above 90", _POINTS, 0.0, 10.0),
        Gate(
            "loso.clip_max_error", "largest error of a clip, in each band of the teacher's scores", _POINTS, 0.0, 10.0
        ),
        Gate("loso.band_srocc", "SROCC within each band of the teacher's scores", "", 0.5, 1.0, "at least"),
        Gate(
            "loso.reversed",
            "share of pairs in the other order, of those that the teacher puts a point or more apart above 90",
            "of the pairs",
            0.0,
            0.1,
        ),
        Gate(
            "loso.reversal",
            "by how much the worse of two rows is above the better one that the teacher puts a point or more above it, "
            "above 90",
            _POINTS,
            0.0,
            10.0,
        ),
        Gate("loso.against", "movement against the teacher along a path of its domain", _POINTS, 0.0, 10.0),
        Gate(
            "loso.resolution",
            "distinct scores, to 0.01, in each band of the teacher's",
            "scores a point of the teacher",
            1.0,
            100.0,
            "at least",
        ),
        Gate("loso.stddev_rmse", "RMSE of the standard deviation of frames", _POINTS, 0.0, 10.0),
        Gate("loso.interval_rmse", "RMSE of the ends of the 95 % interval of frames", _POINTS, 0.0, 20.0),
        Gate("loso.identical", "error of pictures that are their own reference, motion 0 to 30", _POINTS, 0.0, 10.0),
        Gate(
            "loso.parent_plcc_drop",
            "PLCC of the frames of the float parent less that of its quantised variant",
            "",
            0.0,
            0.05,
        ),
        Gate("loso.parent_rmse", "RMSE of the frames, quantised variant against its float parent", _POINTS, 0.0, 10.0),
        Gate(
            "loso.leaked_rows",
            "share of a held-out source's distinct rows that its model was trained on",
            "of the rows",
            0.0,
            0.5,
        ),
        Gate("harm.psnr", "PSNR of a clip behind the filter less that before it", "dB", -1.0, 0.0, "at least"),
        Gate("harm.vmaf", "VMAF of a clip behind the filter less that before it", _POINTS, -1.0, 0.0, "at least"),
        Gate("harm.neg", "VMAF NEG of a clip behind the filter less that before it", _POINTS, -1.0, 0.0, "at least"),
        Gate("harm.clean", "PSNR of a clean picture behind the filter", "dB", 50.0, 100.0, "at least"),
        Gate("harm.drift", "PSNR of a clip filtered twice less that filtered once", "dB", -1.0, 0.0, "at least"),
        Gate("harm.psnr_gain", "mean gain of PSNR of a filter that promises one", "dB", 0.05, 5.0, "at least"),
        Gate(
            "harm.psnr_gain_low",
            "lower end of the 95 % interval of the gain of PSNR of a filter that promises one",
            "dB",
            0.001,  # at 0 a filter that does nothing would pass
            5.0,
            "at least",
        ),
        Gate(
            "harm.vmaf_gain",
            "mean gain of both VMAF and NEG of a filter that promises one",
            _POINTS,
            0.1,
            50.0,
            "at least",
        ),
        Gate(
            "harm.vmaf_gain_low",
            "lower end of the 95 % interval of the gain of both VMAF and NEG of a filter that promises one",
            _POINTS,
            0.001,
            50.0,
            "at least",
        ),
        Gate("latency.floor", "time of a call with one row", "times that of an Identity model", 0.1, _TIMES),
        Gate(
            "latency.teacher",
            "time of a row among 4096",
            "times that of the teacher's SVR, float64 and Exp inside",
            0.001,
            _TIMES,
        ),
        Gate("latency.baseline", "time of a row", "times that of the baseline", 1.0, 10.0),
        Gate("latency.growth", "growth over the baseline", "bytes, nodes or multiply-adds", 0, 1_000_000, whole=True),
        Gate("latency.output", "|d| of an output while it was timed, from the teacher's score", _POINTS, 0.0, 20.0),
        Gate("latency.copy", "time of a picture of 1080p", "times that of an Identity model", 1.0, 1000.0),
        Gate("latency.libvmaf", "CPU time of a frame of 1080p", "times libvmaf's", 0.001, 10.0),
        Gate(
            "latency.pictures_a_second",
            "pictures of 1080p a second on one core, one at a time",
            "pictures/s",
            0.1,
            1e6,
            "at least",
        ),
        Gate(
            "latency.repeated",
            "outputs of timed calls that are not finite, or other than those of the first call",
            "pictures",
            0,
            0,
            whole=True,
        ),
        Gate(
            "latency.frames_a_second",
            "frames a second of the model alone, one row a call",
            "frames/s",
            1.0,
            1e6,
            "at least",
        ),
        Gate(
            "latency.whole_path",
            "time from two files of 1080p to the model's scores",
            "times libvmaf's alone",
            1.0,
            10.0,
        ),
    )
}
"""By their names. A suite can ask for no other."""
