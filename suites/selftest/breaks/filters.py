"""Broken filters of pictures: each an ONNX file, luma in and a picture out, with the gate that must catch it.

python -m suites.selftest.breaks.filters DIR    # writes each as DIR/NAME.onnx
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper

from ..bad_models import GraphColumn

CONTRACT = "contract"
"""In place of a gate: it gives no pictures, so nothing can be measured."""
SHAPE = ("N", 1, "H", "W")
Make = Callable[[GraphColumn], GraphColumn]
"""From luma, `[N, 1, H, W]`, 0 to 1, to the picture."""


@dataclass(frozen=True)
class BadFilter:
    """A broken filter."""

    name: str
    what: str
    """What is wrong, in a sentence."""
    gate: str
    """What must fail; others may too."""
    says: str
    """Part of what must be said."""
    make: Make
    promised: Mapping[str, float] = field(default_factory=dict)
    """As in its sidecar."""
    alone: bool = False
    """Whether no other gate may fail."""

    def model(self) -> bytes:
        """The ONNX file."""
        graph = helper.make_graph(
            [],
            self.name,
            [helper.make_tensor_value_info("luma", TensorProto.FLOAT, SHAPE)],
            [helper.make_tensor_value_info("picture", TensorProto.FLOAT, SHAPE)],
        )
        picture = self.make(GraphColumn(graph, "luma"))
        graph.node.append(helper.make_node("Identity", [picture.name], ["picture"]))
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        return bytes(model.SerializeToString(deterministic=True))


FILTERS: list[BadFilter] = []


def bad(gate: str, says: str, *, alone: bool = False, **promised: float) -> Callable[[Make], Make]:
    """Enter a filter into the table, under its function's name, with its docstring for a sentence."""

    def enter(make: Make) -> Make:
        told = (make.__doc__ or "").strip()
        FILTERS.append(BadFilter(make.__name__, told, gate, says, make, promised, alone))
        return make

    return enter


def padded(x: GraphColumn, *by: int) -> GraphColumn:
    """With its edges repeated: above, left, below, right."""
    top, left, bottom, right = by
    return x.op("Pad", np.array([0, 0, top, left, 0, 0, bottom, right]), mode="edge")


def blurred(x: GraphColumn, size: int = 3) -> GraphColumn:
    """The mean of a square."""
    kernel = np.full((1, 1, size, size), 1 / size**2, np.float32)
    return padded(x, *[size // 2] * 4).op("Conv", kernel)


def mean(x: GraphColumn) -> GraphColumn:
    """Of each picture, `[N, 1, 1, 1]`."""
    return x.op("ReduceMean", axes=[2, 3], keepdims=1)


def mixed(x: GraphColumn, other: GraphColumn, weight: GraphColumn) -> GraphColumn:
    """The other picture where the weight is 1, x where it is 0."""
    return x + (other - x).op("Mul", weight)


@bad("harm.psnr_gain", "it gives back every picture as it was", psnr_gain_db=0.3)
def identity_that_promises_a_gain(x: GraphColumn) -> GraphColumn:
    """It changes nothing, and promises 0.3 dB."""
    return x.op("Identity")


@bad("harm.vmaf_gain", "it gives back every picture as it was", vmaf_gain_points=2.0)
def identity_that_promises_vmaf(x: GraphColumn) -> GraphColumn:
    """It changes nothing, and promises two points."""
    return x.op("Identity")


@bad("harm.neg", "that is what sharpening does", vmaf_gain_points=1.0)
def sharpener(x: GraphColumn) -> GraphColumn:
    """An unsharp mask: VMAF rises by several points, NEG falls where encodes are good."""
    return (x + (x - blurred(x)) * 0.8).clip(0.0, 1.0)


@bad("harm.clean", "come back at")
def faint_sharpener(x: GraphColumn) -> GraphColumn:
    """An unsharp mask of a tenth."""
    return (x + (x - blurred(x)) * 0.1).clip(0.0, 1.0)


@bad("harm.vmaf", "points worse where VMAF is")
def faint_blur(x: GraphColumn) -> GraphColumn:
    """A tenth of a blur: bad encodes gain a little PSNR by it."""
    return (x - (x - blurred(x)) * 0.1).clip(0.0, 1.0)


@bad("harm.psnr", "worse where VMAF is above 95")
def blur(x: GraphColumn) -> GraphColumn:
    """The mean of 3x3 samples."""
    return blurred(x)


@bad("harm.psnr", "worse where VMAF is above 95")
def blur_and_jpeg(x: GraphColumn) -> GraphColumn:
    """A blur, then an 8x8 DCT about each sample, coarsely quantised, and its 16 lowest frequencies kept."""
    at, low = np.arange(8), np.arange(4)
    basis = np.cos((2 * at[None] + 1) * low[:, None] * np.pi / 16) * np.sqrt(np.where(low == 0, 1, 2)[:, None] / 8)
    kernels = np.einsum("uy,vx->uvyx", basis, basis).reshape(16, 1, 8, 8).astype(np.float32)
    steps = ((16 + 12 * np.add.outer(low, low)) / 255).reshape(1, 16, 1, 1).astype(np.float32)
    block = padded(blurred(x, 5), 3, 3, 4, 4).op("Conv", kernels)
    kept = block.op("Div", steps).op("Round").op("Mul", steps)
    return kept.op("Conv", kernels[:, :, 3, 3].reshape(1, 16, 1, 1)).clip(0.0, 1.0)


@bad("harm.clean", "48.1 dB")
def one_code_brighter(x: GraphColumn) -> GraphColumn:
    """Every sample is one code value higher."""
    return (x + 1 / 255).clip(0.0, 1.0)


@bad("harm.psnr", "worse where VMAF is above 95")
def contrast_stretched(x: GraphColumn) -> GraphColumn:
    """Limited range becomes full range."""
    return ((x - 16 / 255) * (255 / 219)).clip(0.0, 1.0)


@bad("harm.psnr", "worse where VMAF is above 95")
def shifted_by_one_pixel(x: GraphColumn) -> GraphColumn:
    """The picture moves right by one sample."""
    return padded(x, 0, 1, 0, 0).op("Slice", np.array([0]), np.array([-1]), np.array([3]))


@bad("harm.psnr", "worse where VMAF is above 95")
def damaged_border(x: GraphColumn) -> GraphColumn:
    """Convolutions that pad with zeros: the outermost samples become dark."""
    weights = x.op("Sub", x) + 1.0
    kernel = np.full((1, 1, 3, 3), 1 / 9, np.float32)
    inside = weights.op("Conv", kernel, pads=[1] * 4)  # 1, and less at the border
    return x.op("Mul", inside.clip(0.0, 1.0))


@bad("harm.drift", "worse after a second application", alone=True)
def blurs_what_it_has_filtered(x: GraphColumn) -> GraphColumn:
    """It marks the first row by odd samples, which nobody sees, and blurs a picture that has the mark."""
    row = (x.op("Slice", np.array([0]), np.array([1]), np.array([2])) * 255.0).op("Round")
    even = row - (row * 0.5).op("Floor") * 2.0
    marked = even.op("ReduceMin", axes=[2, 3], keepdims=1)
    first = (row + (even * -1.0 + 1.0)) * (1 / 255)
    rest = x.op("Slice", np.array([1]), np.array([2**31]), np.array([2]))
    return mixed(first.op("Concat", rest, axis=2), blurred(x), marked).clip(0.0, 1.0)


@bad("harm.drift", "worse after a second application")
def noise_at_each_application(x: GraphColumn) -> GraphColumn:
    """A residual like noise, made of the samples themselves."""
    large = x * 7919.0 + blurred(x, 5) * 104729.0
    return (x + (large - large.op("Floor") - 0.5) * (4 / 255)).clip(0.0, 1.0)


@bad("harm.clean", "come back at")
def denoiser_that_flattens_clean_pictures(x: GraphColumn) -> GraphColumn:
    """Details below three code values are noise to it."""
    detail = x - blurred(x, 5)
    small = detail.op("Abs").above(3 / 255) * -1.0 + 1.0
    return (x - detail.op("Mul", small)).clip(0.0, 1.0)


@bad("harm.psnr", "worse where VMAF is above 95")
def sixty_four_levels(x: GraphColumn) -> GraphColumn:
    """Samples of 6 bits."""
    return (x * 63.0).op("Round") * (1 / 63)


@bad("harm.psnr", "where VMAF is above 95")
def bad_above_95_only(x: GraphColumn) -> GraphColumn:
    """It blurs pictures that have a lot of fine detail left, which good encodes have."""
    soft = blurred(x)
    fine, coarse = (mean(each.op("Mul", each)) for each in (x - soft, soft - blurred(x, 7)))
    return mixed(x, soft, (fine - coarse * 0.42).above(0.0))


@bad("harm.psnr", "China -")
def bad_on_bright_content_only(x: GraphColumn) -> GraphColumn:
    """It blurs pictures whose mean is above 135: one source of the five."""
    return mixed(x, blurred(x), mean(x).above(135 / 255))


@bad(CONTRACT, "224")
def takes_224x224_only(x: GraphColumn) -> GraphColumn:
    """It reshapes what it gets to 224x224."""
    return blurred(x.op("Reshape", np.array([-1, 1, 224, 224])))


@bad(CONTRACT, "gave nan")
def nan_on_black(x: GraphColumn) -> GraphColumn:
    """It divides by the samples."""
    return (x.op("Mul", x)).op("Div", x)


@bad(CONTRACT, "it must keep within 0 to 1")
def range_overflow(x: GraphColumn) -> GraphColumn:
    """It adds light and does not clip: a caller that converts to 8 bits gets dark spots in the sun."""
    return x * 1.02


@bad(CONTRACT, "for pictures")
def transposed(x: GraphColumn) -> GraphColumn:
    """Height and width change places."""
    return x.op("Transpose", perm=[0, 1, 3, 2])


@bad(CONTRACT, "for pictures")
def half_size(x: GraphColumn) -> GraphColumn:
    """The mean of each 2x2 samples."""
    return x.op("AveragePool", kernel_shape=[2, 2], strides=[2, 2])


def depends_on_the_batch() -> bytes:
    """Quantised to 8 bits by the extremes of all pictures of a call. The contract's test of batches must catch it."""

    def make(x: GraphColumn) -> GraphColumn:
        low, high = (x.op(f"Reduce{end}", keepdims=0) for end in ("Min", "Max"))
        step = (high - low) * (1 / 31)
        return ((x - low).op("Div", step).op("Round").op("Mul", step) + 0.0).op("Add", low)

    return BadFilter("depends_on_the_batch", "", CONTRACT, "", make).model()


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for one in FILTERS:
        (folder / f"{one.name}.onnx").write_bytes(one.model())
