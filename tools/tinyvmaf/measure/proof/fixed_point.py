"""The exported teacher: its graph is the SVR in whole numbers, whose losses `largest_loss` adds up."""

from dataclasses import dataclass

import numpy as np
import onnx

from tinyvmaf.measure.proof.boxes import OnBoxes
from tinyvmaf.measure.proof.gaussians import Gaussians, TaylorOfBoxes
from tinyvmaf.measure.proof.network import Enclosures
from tinyvmaf.measure.proof.polynomials import Floats
from tinyvmaf.model.writer.svr import svr_model, upper_ends
from tinyvmaf.model.writer.svr_exact import Loss, has_exact_form, largest_loss
from tinyvmaf.vmaf.teacher import Teacher


@dataclass(frozen=True)
class FixedPoint:
    """The SVR at a row near the one that is given, and a loss."""

    clip: tuple[float, float]
    loss: Loss
    is_teacher = True

    def reach(self, teacher: Gaussians) -> Floats:
        """How far that row may be."""
        del teacher
        return self.loss.moved

    def on_boxes(self, teacher: Gaussians, radius: Floats, largest: Floats) -> OnBoxes:
        """The teacher's own polynomials."""
        del largest
        return _OnBoxes(TaylorOfBoxes(teacher, radius), self.loss.points)


@dataclass(frozen=True)
class _OnBoxes:
    taylor: TaylorOfBoxes
    points: float

    def enclose(self, z: Floats) -> Enclosures:
        """The teacher, and the loss."""
        polynomials = self.taylor.polynomials(z)
        return Enclosures(polynomials, np.full(len(z), self.points), np.zeros((z.shape[1], len(z))))


def read_fixed_point(data: bytes, teacher: Teacher) -> FixedPoint | None:
    """This graph as the exported teacher; None if it is not exactly that."""
    if not has_exact_form(teacher.svr):
        return None
    model = onnx.load_model_from_string(data)
    expected = onnx.load_model_from_string(svr_model(teacher, model.graph.name))
    if model.graph != expected.graph or model.opset_import != expected.opset_import:
        return None
    assert teacher.svr.clip is not None
    return FixedPoint(teacher.svr.clip, largest_loss(teacher.svr, upper_ends(teacher)))
