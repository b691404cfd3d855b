"""The network of a no-reference metric: convolutional, for luma of any size, and exact once it is on its grid.

Filters of 8x8 samples see every fourth position, others the picture at a quarter of its size; both are free of the
local mean. Their absolute values go through two layers of strides 2. Each of the last features is averaged over the
picture, and once more with weights of its own, since only places with detail can show that detail was lost. Two dense
layers turn the averages into a score.

On the grid every weight is an integer of 8 bits times a power of two, and every activation an integer. `rounded` says
which of the two is computed. Gradients pass through each rounding as if it were not there.
"""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from tinyvmaf.train.pictures.recipe import Widths

TOP: Final = 127.0
"""The largest activation of a hidden layer."""
LAST_TOP: Final = 120.0
"""That of the last features: the sum of so many over the largest picture stays below 2^24."""
MEAN_STEPS: Final = 32
"""Steps of an average within one unit of its feature."""
WEIGHING_STEPS: Final = 256
"""The same for the two averages whose ratio is a weighted average."""
RATIO_STEPS: Final = 4096
"""Steps of a ratio. It is at most 15/16, so a ratio has at most 3840 steps, like a mean."""
LEAST_WEIGHT: Final = 64
"""Added to the average of weights, in steps: a picture without detail divides by this, not by 0."""
HIDDEN_TOP: Final = 1023.0
"""The largest value of a unit of the dense layer."""
LAYERS: Final = ("fine", "coarse", "second", "third", "last", "weight", "hidden", "score")
_WINDOW, _STRIDE = 8, 4
_BIAS_FREE: Final = ("fine", "coarse")


def floored(x: Tensor) -> Tensor:
    """The floor; its gradient is that of the identity."""
    return x + (torch.floor(x) - x).detach()


class PictureNetwork(nn.Module):
    """Weights and biases by layer, and what they make of pictures."""

    def __init__(self, widths: Widths, seed: int) -> None:
        super().__init__()
        make = torch.Generator().manual_seed(seed)
        w, mixed = widths, widths.third + widths.coarse
        pooled = 3 * w.last
        shapes = {
            "fine": (w.fine, 1, _WINDOW, _WINDOW),
            "coarse": (w.coarse, 1, _WINDOW, _WINDOW),
            "second": (w.second, w.fine, 3, 3),
            "third": (w.third, w.second, 3, 3),
            "last": (w.last, mixed, 1, 1),
            "weight": (w.last, mixed, 1, 1),
            "hidden": (w.hidden, pooled, 1, 1),
            "score": (1, w.hidden, 1, 1),
        }
        self.weights, self.biases = nn.ParameterDict(), nn.ParameterDict()
        for name, shape in shapes.items():
            fan = shape[1] * shape[2] * shape[3]
            self.weights[name] = nn.Parameter(torch.randn(*shape, generator=make) / fan**0.5)
            if name not in _BIAS_FREE:
                self.biases[name] = nn.Parameter(torch.zeros(shape[0]))
        self.biases["weight"].data.fill_(20.0)
        self.biases["score"].data.fill_(2.0)
        # Adam moves every number by about the same amount, so dense layers are kept in units of their own.
        self.units = {"hidden": 1 / 16, "score": 25 / 64}
        self.bias_units = {"hidden": 64.0, "score": 25.0}
        self.rounded = False
        self.steps: dict[str, Tensor] = {}
        """By layer, the exponent of each output's scale, `[out]`: weights are integers times 2^-exponent."""

    def real(self, name: str) -> tuple[Tensor, Tensor | None]:
        """Weights and bias of a layer as they count: without mean for the filters, rounded if on the grid."""
        w = self.weights[name] * self.units.get(name, 1.0)
        b = self.biases[name] * self.bias_units.get(name, 1.0) if name in self.biases else None
        if name in _BIAS_FREE:
            w = w - w.mean((1, 2, 3), keepdim=True)
        if not self.rounded:
            return w, b
        scale = torch.exp2(self.steps[name])
        w = w + (self.integers(name, w) / scale[:, None, None, None] - w).detach()
        return w, None if b is None else b + (torch.round(b * scale) / scale - b).detach()

    def integers(self, name: str, w: Tensor) -> Tensor:
        """Weights in steps of their scale, `[out, in, h, w]`; a filter's sum is 0 exactly."""
        exact = w.detach() * torch.exp2(self.steps[name])[:, None, None, None]
        q = torch.round(exact).clamp(-TOP, TOP)
        if name in _BIAS_FREE:
            flat, rest = q.flatten(1), (q - exact).flatten(1)
            for row, error in zip(flat, rest, strict=True):
                over = int(row.sum())
                order = torch.argsort(error, descending=over > 0)[: abs(over)]
                row[order] -= 1 if over > 0 else -1
            q = flat.reshape(q.shape)
        return q

    @torch.no_grad()
    def put_on_grid(self) -> None:
        """Choose each output's scale, as fine as weights of 8 bits and sums below 2^24 allow, and round from now on."""
        self.rounded = False
        for name in LAYERS:
            w, b = self.real(name)
            steps = torch.floor(torch.log2(TOP / w.abs().amax((1, 2, 3)).clamp_min(1e-6)))
            most = {"coarse": 256.0 * 16, "hidden": 3840.0, "score": HIDDEN_TOP, "fine": 256.0}.get(name, TOP)
            sums = w.abs().sum((1, 2, 3)) * most + (0 if b is None else b.abs())
            # The coarse picture comes in sixteenths. A factor of 1.5 leaves room for what the fit still changes.
            self.steps[name] = torch.minimum(steps, torch.floor(torch.log2(2.0**24 / 1.5 / sums.clamp_min(1e-6))))
        self.rounded = True

    def pooled(self, x: Tensor) -> Tensor:
        """Averages of the last features, `[N, 3 * last, 1, 1]`, in steps.

        Args:
            x: `[N, 1, H, W]`, floor(256 * luma), from 0 to 256.
        """
        features, weights = self.maps(x)
        mean, weight = features.mean((2, 3), keepdim=True), weights.mean((2, 3), keepdim=True)
        products = self._floor(features * weights / 128)
        product = self._floor(products.mean((2, 3), keepdim=True) * WEIGHING_STEPS)
        total = self._floor(weight * WEIGHING_STEPS) + LEAST_WEIGHT
        ratio = self._floor(product * RATIO_STEPS / total)
        return torch.cat([self._floor(mean * MEAN_STEPS), ratio, self._floor(weight * MEAN_STEPS)], 1)

    def maps(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The last features and their weights, `[N, last, h, w]` each."""
        fine = self._floor(self._filtered("fine", x).abs()).clamp(0, TOP)
        coarse = self._floor(self._filtered("coarse", functional.avg_pool2d(x, 4)).abs()).clamp(0, TOP)
        third = self._layer("third", self._layer("second", fine, stride=2), stride=2)
        mixed = torch.cat([third, coarse], 1)
        return self._layer("last", mixed, LAST_TOP), self._layer("weight", mixed, LAST_TOP)

    def forward(self, x: Tensor) -> Tensor:
        """Scores `[N]`, not clipped to 0..100: a clipped score has no gradient."""
        hidden = self._layer("hidden", self.pooled(x), HIDDEN_TOP)
        return functional.conv2d(hidden, *self.real("score")).flatten()

    def _layer(self, name: str, x: Tensor, top: float = TOP, stride: int = 1) -> Tensor:
        w, b = self.real(name)
        return self._floor(functional.conv2d(x, w, b, stride)).clamp(0, top)

    def _filtered(self, name: str, x: Tensor) -> Tensor:
        # The same as 8x8 at stride 4, and twice as fast to train.
        x = x[:, :, : x.shape[2] // _STRIDE * _STRIDE, : x.shape[3] // _STRIDE * _STRIDE]
        w, _ = self.real(name)
        half = _WINDOW // _STRIDE
        blocks = w.reshape(-1, half, _STRIDE, half, _STRIDE).permute(0, 2, 4, 1, 3).reshape(-1, _STRIDE**2, half, half)
        return functional.conv2d(functional.pixel_unshuffle(x, _STRIDE), blocks)

    def _floor(self, x: Tensor) -> Tensor:
        return floored(x) if self.rounded else x

    @torch.no_grad()
    def even_out(self, x: Tensor, mean: float = 16.0) -> None:
        """Scale the first weights of each map so that activations on these pictures have about this mean."""
        for name in ("fine", "coarse", "second", "third", "last", "weight"):
            for _ in range(3):
                level = self._level(name, x).mean((0, 2, 3)).clamp_min(0.5)
                self.weights[name].mul_((mean / level).clamp(0.2, 5.0)[:, None, None, None])

    def _level(self, name: str, x: Tensor) -> Tensor:
        if name == "coarse":
            return self._filtered("coarse", functional.avg_pool2d(x, 4)).abs().clamp(0, TOP)
        level = self._filtered("fine", x).abs().clamp(0, TOP)
        for later in ("second", "third"):
            if name == "fine" or (name == "second" and later == "third"):
                return level
            level = self._layer(later, level, stride=2)
        return level if name == "third" else self.maps(x)[name == "weight"]
