"""What quantising takes and gives: the figures of a parent, of its variants, and of grids, side by side."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.errors import ModelError
from tinyvmaf.judge.bounds import load_bounds
from tinyvmaf.judge.kinds import suites_of
from tinyvmaf.judge.scoreboard import Bench, Line, measured_apart
from tinyvmaf.judge.scoreboard.measure import BATCH, EVERY, PASSES
from tinyvmaf.measure import latency
from tinyvmaf.measure.against_parent import against_parent
from tinyvmaf.measure.engine_agreement.ulp import distances
from tinyvmaf.model import registry
from tinyvmaf.model.subject import Subject
from tinyvmaf.model.third_party.wrap import as_it_came
from tinyvmaf.vmaf.domain import Domain

FIGURES: Final[Mapping[str, tuple[str, str]]] = {
    "bytes": ("bytes", ",.0f"),
    "parent_rmse": ("RMSE", ".3g"),
    "parent_worst": ("worst frame", ".3g"),
    "parent_plcc_drop": ("PLCC drop", ".2g"),
    "teacher_rmse": ("RMSE to teacher", ".3g"),
    "teacher_worst": ("worst to teacher", ".3g"),
    "ulp": ("ULP", ",.0f"),
    "engines": ("engines", ".0f"),
    "one_row": ("1 row", ".2f"),
    "many_rows": ("4096 rows", ".2f"),
    "ns_a_row": ("ns a row", ".0f"),
}
"""By key: the heading of its column and the format of its values."""
HEADINGS: Final = ("model", *(heading for heading, _ in FIGURES.values()), "gates")
HELD: Final = {"parent_plcc_drop": "loso.parent_plcc_drop", "parent_rmse": "loso.parent_rmse", "ulp": "backends.ulp"}
_IN_DOMAIN: Final = 1000
_PARENT: Final = "parent"


def _agreement(of: Bench) -> None:
    """On every frame of the embedded corpus: from the parent, and from the teacher."""
    assert of.parent is not None
    x, truth = of.rows()
    got = of.session().run(x)
    found = against_parent(truth, of.parent_session().run(x), got)
    off = np.abs(got - truth)
    of.line.figures |= {"teacher_rmse": float(np.sqrt(np.mean(off**2))), "teacher_worst": float(off.max())}
    of.line.figures |= {
        "parent_rmse": found.rmse,
        "parent_worst": found.worst,
        "parent_plcc_drop": found.plcc_drop,
    }


def _engines(of: Bench) -> None:
    """ULP between the first engine that runs it and each other, and between a row alone and in its batch."""
    sample = Domain(of.teacher.features).sample(_IN_DOMAIN, 1)
    order = [of.teacher.feature_names.index(name) for name in of.subject.features]
    x = np.concatenate([of.rows()[0][::EVERY], sample[:, order].astype(np.float32)])
    found = dict[int, NDArray[np.float32]]()
    for number, session in enumerate(of.sessions()):
        try:
            found[number] = session.run(x)
        except ModelError as error:
            of.line.notes.append(f"an engine fails on it: {' '.join(error.message.split())[:120]}")
    of.line.figures["engines"] = len(found)
    first, *others = found.values()
    session = of.session()
    alone = np.concatenate([session.run(row) for row in x[:BATCH, None]])
    others.append(np.concatenate([alone, first[BATCH:]]))
    of.line.figures["ulp"] = max(int(distances(first, other).max()) for other in others)


def _latency(of: Bench) -> None:
    """Times of the parent, one row a call and many, measured in turns; and ns a row of many."""
    assert of.parent is not None
    x, truth = of.rows()
    expected = latency.Expected(x, truth, latency.ANY_SCORE)
    came = None if of.subject.adopted is None else as_it_came(of.subject.adopted, of.subject.features)
    for key, batch in (("one_row", 1), ("many_rows", max(latency.BATCHES))):
        model = latency.ModelLane(latency.MODEL, of.subject.data, expected, batch, came=came)
        parent = latency.ModelLane(_PARENT, of.parent.data, expected, batch, like=model)
        race = latency.Race([model, parent])
        race.run(PASSES)
        if of.subject.path != of.parent.path:
            of.line.figures[key] = race.ratio(latency.MODEL, _PARENT).value
        of.line.figures["ns_a_row"] = race.median(latency.MODEL)


STEPS: Final[Mapping[str, Callable[[Bench], None]]] = {
    "agreement": _agreement,
    "engines": _engines,
    "latency": _latency,
}


def measured(path: Path, parent: Path, ffmpeg: Path | None, progress: Callable[[str], None]) -> Line:
    """Measure a variant, the parent itself, or a grid beside them, in a process of its own."""
    return measured_apart(path, ffmpeg, progress, steps=STEPS, parent=parent)


def grids(teacher: str) -> list[Subject]:
    """The registered models of a teacher that are proven exact: what quantising can reach."""
    found = []
    for one in registry.subjects():
        if one.teacher_id == teacher and "loso" in suites_of(one) and one.exact:
            found.append(one)
    return found


def row(line: Line, *, is_variant: bool, teacher: str) -> list[str]:
    """A line of the table, with the gates that it misses; a parent or a grid is held against no parent."""
    of_parent = ("parent_rmse", "parent_worst", "parent_plcc_drop")
    figures = {key: value for key, value in line.figures.items() if is_variant or key not in of_parent}
    return [*Line(line.name, figures).cells(FIGURES), gates(line, is_variant=is_variant, teacher=teacher)]


def gates(line: Line, *, is_variant: bool, teacher: str) -> str:
    """`pass`, or which of the three gates are missed, or why they cannot be asked."""
    if any(note.startswith("the gates refuse it") for note in line.notes):
        return "refused"
    bounds, missed = load_bounds(), []
    for key, gate in HELD.items():
        if key != "ulp" and not is_variant:
            continue
        if key not in line.figures:
            return "not measured"
        if not bounds.for_(gate, teacher=teacher).accepts(line.figures[key]):
            missed.append(FIGURES[key][0])
    if line.figures.get("engines", 0) < bounds.for_("backends.families", teacher=teacher).value:
        missed.append("engines")
    return ", ".join(missed) or "pass"


def noted(lines: Iterable[Line]) -> list[tuple[str, str]]:
    """Each note once, behind the names of those that it is about."""
    about: dict[str, list[str]] = {}
    for line in lines:
        for note in line.notes:
            about.setdefault(note, []).append(line.name)
    return [(", ".join(names), note) for note, names in about.items()]


def markdown(rows: Sequence[Sequence[str]], lines: Iterable[Line]) -> str:
    """The table and its notes."""
    table = [HEADINGS, ["---"] * len(HEADINGS), *rows]
    text = "".join(f"| {' | '.join(cell.replace('|', '/') for cell in one)} |\n" for one in table)
    notes = "".join(f"- {names}: {note}\n" for names, note in noted(lines))
    return text + ("\n" + notes if notes else "")
