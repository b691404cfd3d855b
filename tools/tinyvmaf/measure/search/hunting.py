"""The search that the gates ask for: the row of the domain on which a model differs most from its teacher.

Its samples are drawn from the sha256 of the model file, so nobody can train against them, and the same file gives the
same answer. It looks everywhere in the domain, closer around real video, and where the graph itself says (`units`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.data.embedded import embedded_corpus
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.files import sha256
from tinyvmaf.measure.enclosure import NoEnclosureError
from tinyvmaf.measure.search.around import rows_around
from tinyvmaf.measure.search.coverage import RADIUS, Coverage, coverage
from tinyvmaf.measure.search.evolve import evolve
from tinyvmaf.measure.search.units import HALVINGS, Units, Woken
from tinyvmaf.vmaf.domain import Domain, Scores
from tinyvmaf.vmaf.teacher import Teacher

Rows = NDArray[np.float64]

SAMPLES: Final = 200_000
"""Rows that are evaluated before the ascents; half of them around real video."""
STARTS: Final = 150
"""Climbs from the worst samples; as many from random ones, and from rows that the graph led to."""
ROUNDS: Final = 20
_TO_A_FACE: Final = 0.2  # of the coordinates of a quarter of the samples
_OF_UNITS: Final = 2_000  # samples that show what a unit does


@dataclass(frozen=True)
class Searched:
    """What a search found, and how far it looked."""

    difference: float
    """The largest difference, in VMAF points; infinite where a score is not finite."""
    row: tuple[float, ...]
    """Where, features in the teacher's order."""
    seed: str
    """The digits of the file's sha256 that the samples were drawn from."""
    rows: int
    """Evaluated rows, without those of the climbs."""
    near: Coverage
    units: Woken | str
    """What became of units that sleep in the samples; or why the graph could not be read."""

    @property
    def sentence(self) -> str:
        """How far it looked."""
        near = f"{self.near.domain:.0%} of the domain"
        near += "" if np.isnan(self.near.video) else f" and {self.near.video:.0%} of what is around real video"
        return (
            f"{self.rows:,} rows drawn from sha256 {self.seed}...; {near} lie within {RADIUS:g} of one in each "
            f"feature; {self.units}"
        )


def hunt(
    model: bytes,
    scores: Scores,
    features: Sequence[str],
    teacher: Teacher,
    known: Rows | None = None,
    *,
    samples: int = SAMPLES,
    starts: int = STARTS,
    rounds: int = ROUNDS,
    halvings: int = HALVINGS,
) -> Searched:
    """Search the domain of a teacher.

    Args:
        model: the file.
        scores: its scores, `[N]`, of rows, float32 `[N, F]`, with features in its own order.
        features: the model's, in that order.
        known: rows of real video, float64 `[K, F]`, in the teacher's order; None: those of the embedded corpus.
        samples, starts, rounds: how many rows, how many climbs of each sort, and how long ones.
        halvings: of boxes, for units that sleep.
    """
    seed = sha256(model)[:16]
    rng = np.random.default_rng(int(seed, 16))
    domain = Domain(teacher.features)
    known = embedded_rows(teacher) if known is None else known
    places = np.array([teacher.feature_names.index(name) for name in features])

    def difference(rows: Rows) -> Rows:
        given = rows.astype(np.float32)
        off = np.abs(
            np.asarray(scores(given[:, places]), dtype=np.float64).ravel() - teacher.predict(given.astype(np.float64))
        )
        return np.where(np.isfinite(off), off, np.inf)

    of_cube = domain.rows(_with_faces(domain.cube_sample(samples // (1 + (len(known) > 1)), int(seed, 16)), rng))
    around = rows_around(known, domain, samples - len(of_cube), rng) if len(known) > 1 else of_cube[:0]
    rows = rng.permutation(np.concatenate([of_cube, around]))
    by_graph, units = _of_the_graph(model, places, domain, rows[:_OF_UNITS], rng, halvings)
    rows = np.concatenate([by_graph, rows])
    off = difference(rows)
    first, furthest = len(by_graph), np.argsort(-off, kind="stable")
    some = [furthest[furthest < first][:starts], furthest[:starts], np.arange(first, min(first + starts, len(rows)))]
    chosen = np.unique(np.concatenate(some))
    ends, found = evolve(
        lambda cube: difference(domain.rows(cube)), domain.cube(rows[chosen]), off[chosen], rng, rounds=rounds
    )
    worst = int(found.argmax())
    return Searched(
        float(found[worst]),
        tuple(domain.rows(ends[[worst]])[0].astype(np.float32).tolist()),
        seed,
        len(rows),
        coverage(rows, known, domain, rng),
        units,
    )


def embedded_rows(teacher: Teacher) -> Rows:
    """The rows of the embedded corpus, in the teacher's order; none if it lacks a feature."""
    try:
        return embedded_corpus().read().columns(*teacher.feature_names)
    except TinyvmafError:
        return np.empty((0, len(teacher.feature_names)))


def _with_faces(cube: Rows, rng: np.random.Generator) -> Rows:
    """Points of which a quarter have some coordinates at an end: a volume's samples never meet its corners."""
    moved = (rng.random((len(cube), 1)) < 0.25) & (rng.random(cube.shape) < _TO_A_FACE)
    return np.where(moved, np.round(cube), cube)


def _of_the_graph(
    model: bytes, places: NDArray[np.intp], domain: Domain, rows: Rows, rng: np.random.Generator, halvings: int
) -> tuple[Rows, Woken | str]:
    """Rows that the graph leads to, and what became of its units; none of a graph without an enclosure."""
    try:
        with np.errstate(all="ignore"):  # bounds may be infinite
            woken = Units(model, places, domain).woken(rows, rng, halvings)
    except NoEnclosureError as error:
        return rows[:0], f"its graph was not searched: {error.message}"
    return woken.rows, woken
