"""What tests of a run of the backends gate share: sessions of engines, and the inputs that models are tried on."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from tinyvmaf.data.dataset import Dataset
from tinyvmaf.errors import ModelError
from tinyvmaf.judge.asked_engines import check_named, reference_engine
from tinyvmaf.judge.bounds import Bound, Bounds
from tinyvmaf.judge.kinds import Material, picture_inputs, row_inputs
from tinyvmaf.judge.model_failed import model_failed
from tinyvmaf.measure.engine_agreement import BATCHES, Inputs, PictureInputs, Rows, Sessions, in_batches
from tinyvmaf.measure.engine_agreement.runs import DEFAULT
from tinyvmaf.model.engines import Engine, Session, Settings
from tinyvmaf.model.subject import Subject
from tinyvmaf.vmaf.teacher import Teacher

if TYPE_CHECKING:
    from tinyvmaf.data.pictures import PictureSet

Scorer = Callable[[Rows], Rows]
_LARGEST: Final = max(BATCHES)
_MOST: Final = 300  # characters of a reason
_MANY: Final = 10_000  # rows that every engine gets; fewer take no time, and searches make new ones at each step
_RAISED_IN: Final = re.compile(r"Exception from \S+:\d+:")


class BackendsRun(Sessions):
    """Loads and runs models. Where an engine refuses one, the model failed, not the gate."""

    def __init__(
        self,
        data: Dataset,
        teacher: Callable[[str], Teacher],
        pictures: "Callable[[], PictureSet] | None" = None,
    ) -> None:
        super().__init__()
        self._material = Material(data, teacher, pictures)
        self._pictures: dict[tuple[str, str], PictureInputs] = {}
        self._inputs: dict[tuple[object, ...], Inputs] = {}
        self._scored: dict[tuple[bytes, str], tuple[Rows, Rows]] = {}

    def load(self, subject: Subject, engine: Engine, settings: Settings = DEFAULT, *, fresh: bool = False) -> Session:
        """A model in an engine; shared by all that ask for the same, unless it must be fresh."""
        __tracebackhide__ = True
        with model_failed():
            return super().load(subject, engine, settings, fresh=fresh)

    def run(self, session: Session, rows: Rows, batch: int) -> Rows:
        """Scores `[N]` of rows, or the outputs `[N, K]`, handed over so many at a time."""
        __tracebackhide__ = True
        with model_failed():
            return in_batches(session, rows, batch)

    def lacking(self, subject: Subject, engine: Engine) -> str:
        """Why the engine does not load a third-party model that the reference loads; empty if it does.

        Nobody promised that such a model runs on every engine. Of a registered model the sidecar does.
        """
        if subject.adopted is None or engine == reference_engine(subject):
            return ""
        try:
            super().load(subject, reference_engine(subject))
        except ModelError:
            return ""  # then the model is at fault
        try:
            super().load(subject, engine)
        except ModelError as error:
            return _in_a_line(error.message.partition("; by its sidecar")[0])
        return ""

    def reference(self, subject: Subject) -> Scorer:
        """Scores or outputs of the first engine that the model is for and that is here, at its default setting.

        Those of all its rows, a million of a certified model, are computed once for all engines.
        """
        engine = reference_engine(subject)
        session, key = self.load(subject, engine), (subject.data, engine.name)

        def scores(rows: Rows) -> Rows:
            of, known = self._scored.get(key, (None, None))
            if of is rows and known is not None:
                return known
            found = self.run(session, rows, _LARGEST)
            if len(rows) >= _MANY:
                found.flags.writeable = False  # it is shared
                self._scored[key] = rows, found
            return found

        return scores

    def inputs(self, subject: Subject) -> Inputs:
        """What the model is tried on; models of one shape share it."""
        key = (subject.kind, subject.features, subject.teacher_id, subject.proof.certified)
        if key not in self._inputs:
            with model_failed():
                self._inputs[key] = row_inputs(subject, self._material)
        return self._inputs[key]

    def pictures(self, subject: Subject) -> PictureInputs:
        """The pictures that the model is tried on; models of one kind and type share them."""
        key = (subject.kind, subject.sidecar.inputs[0].dtype)
        if key not in self._pictures:
            self._pictures[key] = picture_inputs(subject, self._material)
        return self._pictures[key]


def _in_a_line(message: str) -> str:
    """Without where in its own code an engine raised it."""
    return " ".join(_RAISED_IN.sub("", message).split())[:_MOST]


def check_candidate(subject: Subject) -> Subject:
    """The model; one that names unknown engines, or whose arithmetic cannot be read, has failed.

    Raises:
        CouldNotRunError: its file cannot be read.
    """
    subject.data  # noqa: B018 - the gate cannot run without
    with model_failed(subject.id):
        check_named(subject)
        subject.proof  # noqa: B018 - proven now; `contract` holds the sidecar against it
    return subject


def ulp_bound(subject: Subject, engine: Engine, bounds: Bounds) -> Bound:
    """How far apart the engine and the reference may be, ULP."""
    return bounds.for_subject(f"backends.{'exact' if subject.exact else 'ulp'}", subject, engine=engine.name)


def spans_the_batch(subject: Subject) -> str:
    """Why a score of the model depends on the other rows of its batch, if its operators tell; else empty."""
    import onnx  # slow

    nodes = onnx.load_model_from_string(subject.data).graph.node
    dynamic = any(node.op_type == "DynamicQuantizeLinear" for node in nodes)
    return "DynamicQuantizeLinear takes its scale from the whole batch: quantise statically" if dynamic else ""
