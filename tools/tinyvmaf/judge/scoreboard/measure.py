"""Measures a candidate in a process of its own: a crash or a hang of an engine ends its line and nothing else."""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf import children, scratch
from tinyvmaf.data.embedded import embedded_corpus
from tinyvmaf.errors import CouldNotRunError, ModelError, TinyvmafError
from tinyvmaf.judge.opened import faults
from tinyvmaf.judge.opponents import opponents_of
from tinyvmaf.judge.scoreboard.line import Line
from tinyvmaf.judge.subjects import named
from tinyvmaf.measure import latency
from tinyvmaf.measure.engine_agreement.ulp import UlpError, distances
from tinyvmaf.measure.search import hunt
from tinyvmaf.model.engines import EngineError, OnnxRuntimeCpu, Session, UnsupportedModelError, all_engines
from tinyvmaf.model.subject import Subject
from tinyvmaf.model.third_party import FeedOptions
from tinyvmaf.vmaf.ffmpeg import FFmpeg, find_ffmpeg
from tinyvmaf.vmaf.teacher import Teacher, load_teacher

SECONDS: Final = 300
EVERY: Final = 7  # frames of the corpus, for engines and batches
BATCH: Final = 512
PASSES: Final = 9
NOT_COMPARED: Final = ("torch-compiled", "onnxruntime-web")  # minutes for a folder
Rows = NDArray[np.float32]


@dataclass
class Bench:
    """What every step needs of a candidate."""

    subject: Subject
    teacher: Teacher
    ffmpeg: FFmpeg
    line: Line
    parent: Subject | None = None
    """The float model that a variant is compared with."""

    def rows(self) -> tuple[Rows, NDArray[np.float64]]:
        """The corpus: features in the model's order, and the teacher's scores."""
        data = embedded_corpus().read()
        x = data.columns(*self.subject.features)
        truth = self.teacher.predict(data.columns(*self.teacher.feature_names))
        return x.astype(np.float32), truth

    def session(self) -> Session:
        """On the first engine that takes the model."""
        return next(self.sessions())

    def parent_session(self) -> Session:
        """The parent of a variant, on the reference engine."""
        assert self.parent is not None
        return OnnxRuntimeCpu(self.parent.data)

    def sessions(self) -> Iterator[Session]:
        """On each engine that takes the model, the reference first; of each other a note says why not.

        Raises:
            CouldNotRunError: none does.
        """
        found = 0
        for engine in all_engines():
            if engine.name in NOT_COMPARED or not engine.available().ok or not self.subject.fits(engine.name):
                continue
            try:
                session = engine.load(self.subject.data)
            except (ModelError, EngineError) as error:
                why = "lacks what it takes" if isinstance(error, UnsupportedModelError) else "does not load it"
                message = " ".join(error.message.split())[:120]
                note = f"{engine.name} {why}: {message}"
                if note not in self.line.notes:
                    self.line.notes.append(note)
                continue
            found += 1
            yield session
        if not found:
            raise CouldNotRunError("no engine here runs it")


def _accuracy(of: Bench) -> None:
    """RMSE and worst frame on the embedded corpus."""
    x, truth = of.rows()
    off = np.abs(of.session().run(x) - truth)
    of.line.figures |= {"rmse": float(np.sqrt(np.mean(off**2))), "worst_frame": float(off.max())}


def _domain(of: Bench) -> None:
    """The largest difference from the teacher that a search of its domain finds."""
    found = hunt(of.subject.data, of.session().run, of.subject.features, of.teacher)
    of.line.figures["worst_in_domain"] = found.difference


def _batches(of: Bench) -> None:
    """The largest difference, in points, between a row scored alone and in a batch."""
    x = of.rows()[0][::EVERY]
    session = of.session()
    alone = np.concatenate([session.run(row) for row in x[:BATCH, None]])
    of.line.figures["batch"] = float(np.abs(alone - session.run(x)[:BATCH]).max())


def _engines(of: Bench) -> None:
    """The largest ULP distance between the first engine that runs it and any other."""
    x = of.rows()[0][::EVERY]
    expected, *others = (session.run(x) for session in of.sessions())
    of.line.figures["engines"] = 1 + len(others)
    if others:
        of.line.figures["ulp"] = max(int(distances(expected, got).max()) for got in others)


def _latency(of: Bench) -> None:
    """Times of an Identity model at one row, and ns a row at the largest batch."""
    against = opponents_of(of.subject, of.ffmpeg)
    race = latency.race_of(of.subject.data, against, 1)
    race.run(PASSES)
    of.line.figures["floor"] = race.ratio(latency.MODEL, latency.FLOOR).value
    race = latency.race_of(of.subject.data, against, max(latency.BATCHES))
    race.run(PASSES)
    of.line.figures["ns_a_row"] = race.median(latency.MODEL)


Step = Callable[[Bench], None]
STEPS: Final[Mapping[str, Step]] = {
    "accuracy": _accuracy,
    "domain": _domain,
    "batches": _batches,
    "engines": _engines,
    "latency": _latency,
}
"""What is measured, in this order. A step that fails leaves its figures out and says why; the next ones go on."""


def candidates_in(folder: Path) -> list[Path]:
    """The ONNX files of a folder, sorted.

    Raises:
        TinyvmafError: it is no folder, or holds none.
    """
    if not folder.is_dir():
        raise TinyvmafError(f"{folder} is not a folder", hint="name a folder of ONNX files")
    found = sorted(folder.glob("*.onnx"))
    if not found:
        raise TinyvmafError(f"{folder} holds no ONNX file (NAME.onnx)")
    return found


def measured_apart(
    path: Path,
    ffmpeg: Path | None,
    progress: Callable[[str], None],
    *,
    seconds: float = SECONDS,
    steps: Mapping[str, Step] = STEPS,
    parent: Path | None = None,
) -> Line:
    """Measure a candidate in a process of its own. Never raises for what is wrong with the candidate.

    Args:
        progress: gets the name of each step as it begins.
        seconds: the most that a step may take.
        steps: what is measured; of functions that another process can import.
        parent: of a variant, the float model that steps compare it with. One that the gates refuse is measured as it
            is, and a note says why they do.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    child = context.Process(target=_measure, args=(os.getpid(), path, ffmpeg, steps, parent, there), daemon=True)
    child.start()
    there.close()
    line, step = Line(path.stem), "reading it"
    try:
        while here.poll(seconds):
            step, line.figures, line.notes = here.recv()
            if not step:
                return line
            progress(step)
        line.notes.append(f"{step}: not done after {seconds:g} s")
    except EOFError:
        child.join()
        code = child.exitcode or 0
        how = f"signal {-code}" if code < 0 else f"status {code}"
        line.notes.append(f"{step}: its process ended with {how}; an engine crashed on it")
    finally:
        child.kill()
        child.join()
        here.close()
    return line


def _measure(
    starter: int,
    path: Path,
    ffmpeg: Path | None,
    steps: Mapping[str, Step],
    parent: Path | None,
    report: Connection,
) -> None:
    children.end_with_parent(starter)
    line = Line(path.stem)
    with scratch.folder() as folder:
        try:
            tool = find_ffmpeg(ffmpeg)
            teacher_of = partial(load_teacher, tool)
            (subject,) = named([path], Path(folder), lambda teacher: teacher_of(teacher).features, FeedOptions())
            of = None if parent is None else Subject.at(parent)
            refused = subject.fault
            if refused is not None and of is None:
                raise refused
            if refused is not None and of is not None:
                line.notes.append(f"the gates refuse it: {refused.message.removeprefix(f'{path}: ')}")
                subject = _as_it_is(path, of)
            elif wrong := faults(subject, card=False):
                raise ModelError("; ".join(wrong[:3]))
            line.figures["bytes"] = subject.adopted.original.size if subject.adopted else len(subject.data)
            bench = Bench(subject, teacher_of(subject.teacher_id), tool, line, of)
        except TinyvmafError as error:
            hint = f"; {error.hint}" if error.hint else ""
            line.notes.append(f"refused: {error.message}{hint}")
        else:
            for name, step in steps.items():
                report.send((name, line.figures, line.notes))
                try:
                    step(bench)
                except (ModelError, UlpError, CouldNotRunError) as error:
                    line.notes.append(f"{name}: {error.message}")
        report.send(("", line.figures, line.notes))


def _as_it_is(path: Path, parent: Subject) -> Subject:
    """A variant that no gate takes: fed as its parent is, on whatever engine loads it."""
    found = Subject(path.stem, path, registered=False)
    found.__dict__.update(data=path.read_bytes(), sidecar=parent.sidecar.model_copy(update={"engines": None}))
    return found
