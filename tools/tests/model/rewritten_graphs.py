"""Graphs rewritten as engines rewrite them."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from .nets import Array, Net, Step

# Rewriting, as engines do it: constants are combined in float32.


def rewritten(net: Net, seed: int) -> Net:
    """The same graph over the real numbers, with affine operations merged and multiplications moved at random."""
    rng = np.random.default_rng([21, seed])
    new = Net(net.width, net.dtype, [], dict(net.constants), dict(net.widths), rng)
    for step in net.steps:
        step = plain(new, step)
        for _ in range(6):
            maker = next((s for s in new.steps if s.makes == step.takes[0]), None)
            merge = MERGES.get((maker.op, step.op)) if maker and rng.random() < 0.9 else None
            merged = merge(new, maker, step) if merge and maker else None
            if merged is None:
                break
            step = merged
        new.steps.append(step)
    return new


def plain(net: Net, step: Step) -> Step:
    """MatMul as Gemm, Sub and Div of constants as Add and Mul."""
    if step.op == "Gemm" and not step.attributes:
        return step
    if step.op == "MatMul":
        zero = net.constant(np.zeros(net.widths[step.makes]))
        return replace(step, op="Gemm", takes=(*step.takes, zero))
    other = net.constants.get(step.takes[1]) if len(step.takes) == 2 else None
    if step.op == "Div" and other is not None and not other.all():
        return step
    if other is not None and step.op == "Sub":
        return replace(step, op="Add", takes=(step.takes[0], net.constant(-other)))
    if other is not None and step.op == "Div":
        return replace(step, op="Mul", takes=(step.takes[0], net.constant(1 / other)))
    return step


Merge = Callable[[Net, Step, Step], Step | None]


def two_constants(join: Callable[[Array, Array], Array]) -> Merge:
    def merge(net: Net, first: Step, second: Step) -> Step | None:
        c, d = net.constants.get(first.takes[1]), net.constants.get(second.takes[1])
        return None if c is None or d is None else replace(second, takes=(first.takes[0], net.constant(join(c, d))))

    return merge


def distribute(net: Net, first: Step, second: Step) -> Step | None:
    """(x + c) d is x d + c d."""
    c, d = net.constants.get(first.takes[1]), net.constants.get(second.takes[1])
    if c is None or d is None:
        return None
    product = net.step("Mul", first.takes[0], second.takes[1], width=net.widths[second.makes])
    return replace(second, op="Add", takes=(product, net.constant(c * d)))


def into_gemm(net: Net, first: Step, second: Step) -> Step | None:
    c, d = net.constants.get(first.takes[1]), [net.constants[name] for name in second.takes[1:]]
    if c is None or second.attributes:
        return None
    if first.op == "Mul":
        weights, bias = np.broadcast_to(c, (len(d[0]),))[:, None] * d[0], d[1]
    else:
        weights, bias = d[0], np.broadcast_to(c, (len(d[0]),)) @ d[0] + d[1]
    return replace(second, takes=(first.takes[0], net.constant(weights), net.constant(bias)))


def behind_gemm(net: Net, first: Step, second: Step) -> Step | None:
    c, (weights, bias) = net.constants.get(second.takes[1]), (net.constants[name] for name in first.takes[1:])
    if c is None or first.attributes:
        return None
    made = (weights * c, bias * c) if second.op == "Mul" else (weights, bias + c)
    return Step("Gemm", (first.takes[0], net.constant(made[0]), net.constant(made[1])), second.makes)


def expand(net: Net, first: Step, second: Step) -> Step | None:
    """(c - x) y is c y - x y."""
    if first.takes[0] not in net.constants:
        return None
    parts = [net.step("Mul", taken, second.takes[1], width=net.widths[second.makes]) for taken in first.takes]
    return replace(second, op="Sub", takes=tuple(parts))


def two_gemms(net: Net, first: Step, second: Step) -> Step | None:
    if first.attributes or second.attributes:
        return None
    (v, b), (w, c) = ([net.constants[name] for name in step.takes[1:]] for step in (first, second))
    return replace(second, takes=(first.takes[0], net.constant(v @ w), net.constant(b @ w + c)))


def through_selection(net: Net, first: Step, second: Step) -> Step | None:
    """Relu(x) c is Relu(x c) for a positive c, and Clip likewise."""
    c = net.constants.get(second.takes[1])
    if c is None or not (c > 0).all() or (first.op == "Clip" and c.size > 1):
        return None
    product = net.step("Mul", first.takes[0], second.takes[1], width=net.widths[second.makes])
    scale = c.ravel()[0]
    bounds = [net.constant(net.constants[name] * scale) if name else "" for name in first.takes[1:]]
    inner = net.steps.pop()
    maker = next((s for s in net.steps if s.makes == inner.takes[0]), None)
    merge = MERGES.get((maker.op, "Mul")) if maker else None
    net.steps.append((merge(net, maker, inner) if merge and maker else None) or inner)
    return Step(first.op, (product, *bounds), second.makes)


def scale_behind_gemm(net: Net, first: Step, second: Step) -> Step | None:
    """(x c) W + b is (x W) c + b."""
    c, (weights, bias) = net.constants.get(first.takes[1]), second.takes[1:]
    if c is None or c.size != 1 or second.attributes:
        return None
    after = net.widths[second.makes]
    product = net.step("Gemm", first.takes[0], weights, net.constant(np.zeros(after)), width=after)
    scaled = net.step("Mul", product, net.constant(c.ravel()[0]), width=after)
    return Step("Add", (scaled, bias), second.makes)


def scale_before_gemm(net: Net, first: Step, second: Step) -> Step | None:
    """(x W + b) d is (x d) W + b d; and if x is y c, then y (c d) stands for x d."""
    d = net.constants.get(second.takes[1])
    if d is None or d.size != 1 or first.attributes:
        return None
    (x, weights, bias), scale = first.takes, d.ravel()[0]
    maker = next((s for s in net.steps if s.makes == x and s.op == "Mul" and s.takes[1] in net.constants), None)
    by = net.constants[maker.takes[1]] * scale if maker else scale
    scaled = net.step("Mul", maker.takes[0] if maker else x, net.constant(by), width=net.widths[x])
    return Step("Gemm", (scaled, weights, net.constant(net.constants[bias] * scale)), second.makes)


def either(*merges: Merge) -> Merge:
    """One of several, by chance."""
    return lambda net, first, second: merges[net.random.integers(len(merges))](net, first, second)


MERGES: dict[tuple[str, str], Merge] = {
    ("Mul", "Mul"): two_constants(lambda c, d: c * d),
    ("Add", "Add"): two_constants(lambda c, d: c + d),
    ("Add", "Mul"): distribute,
    ("Sub", "Mul"): expand,
    ("Mul", "Gemm"): either(into_gemm, scale_behind_gemm),
    ("Add", "Gemm"): into_gemm,
    ("Gemm", "Mul"): either(behind_gemm, scale_before_gemm),
    ("Gemm", "Add"): behind_gemm,
    ("Gemm", "Gemm"): two_gemms,
    ("Relu", "Mul"): through_selection,
    ("Clip", "Mul"): through_selection,
}
