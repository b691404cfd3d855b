"""The exported teacher: its graph is the SVR in whole numbers, whose losses `largest_loss` adds up."""

from dataclasses import dataclass

import numpy as np
import onnx

from tinyvmaf.measure.proof.boxes import OnBoxes
from tinyvmaf.measure.proof.gaussians import Gaussians, TaylorOfBoxes
from tinyvmaf.measure.proof.network import Enclosures
from tinyvmaf.measure.proof.pieces import Quadratic
from tinyvmaf.measure.proof.polynomials import Floats
from tinyvmaf.measure.proof.slices import Slice
from tinyvmaf.measure.proof.transformed import Transformed
from tinyvmaf.model.writer.svr import svr_model, upper_ends
from tinyvmaf.model.writer.svr_exact import Loss, has_exact_form, largest_loss
from tinyvmaf.vmaf.teacher import Teacher
from tinyvmaf.vmaf.teacher.svr import Svr


@dataclass(frozen=True)
class FixedPoint:
    """The SVR at a row near the one that is given, and a loss."""

    clip: tuple[float, float]
    loss: Loss
    behind: Quadratic | None = None
    is_teacher = True

    def reach(self, teacher: Gaussians) -> Floats:
        """How far that row may be."""
        del teacher
        return self.loss.moved

    def on_boxes(self, teacher: Gaussians, radius: Floats, largest: Floats) -> OnBoxes:
        """The teacher's own polynomials."""
        del largest
        return _OnBoxes(TaylorOfBoxes(teacher, radius), radius, self.behind, self.loss.points)


@dataclass(frozen=True)
class _OnBoxes:
    taylor: TaylorOfBoxes
    radius: Floats
    behind: Quadratic | None
    points: float

    def enclose(self, z: Floats) -> Enclosures:
        """The teacher, and the loss."""
        taylor = self.taylor if self.behind is None else Transformed(self.taylor, self.radius, self.behind, z)
        polynomials = taylor.polynomials(z)
        return Enclosures(polynomials, np.full(len(z), self.points), np.zeros((z.shape[1], len(z))))


def read_fixed_point(data: bytes, teacher: Teacher, part: Slice | None = None) -> FixedPoint | None:
    """This graph as the exported teacher; None if it is not exactly that.

    Args:
        part: of the teacher's domain; None: all of it.
    """
    if not has_exact_form(teacher.svr):
        return None
    model = onnx.load_model_from_string(data)
    expected = onnx.load_model_from_string(svr_model(teacher, model.graph.name))
    if model.graph != expected.graph or model.opset_import != expected.opset_import:
        return None
    assert teacher.svr.clip is not None
    loss = largest_loss(teacher.svr, upper_ends(teacher))
    if part is not None and len(part.columns) < len(teacher.features):
        loss = _off_the_line(loss, teacher.svr, len(part.columns))
    return FixedPoint(teacher.svr.clip, loss, None if part is None else part.behind)


def _off_the_line(loss: Loss, svr: Svr, width: int) -> Loss:
    """The loss on silent rows: the row that the graph takes lies beside the line of corrected rows.

    The score changes on the way to it by at most its length times the largest slope of the SVR, and of the transform
    where it is not clipped.
    """
    assert svr.clip is not None
    size = float(np.abs(svr.coefficients / svr.slopes[0]).sum())
    steep = size * float(np.sqrt(2.0 * svr.gamma) * np.exp(-0.5))
    if svr.transform is not None:  # `has_exact_form`: beyond twice the clip's ends, scores are clipped
        steep *= abs(svr.transform.p1) + 4.0 * abs(svr.transform.p2) * max(map(abs, svr.clip))
    points = loss.points + steep * float(np.sqrt(np.square(loss.moved).sum())) * (1.0 + 1e-9)
    return Loss(np.zeros(width), points)
