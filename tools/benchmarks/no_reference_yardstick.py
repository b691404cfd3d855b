"""Hand-made features and a support vector regressor, fitted and judged as tinyvmaf_nr is: what a metric is measured by.

For each natural source of the embedded ladder, the regressor is fitted on the other four and on the photographs, and
scores the clips of the one that was held out. Needs the Debian packages of fixtures/corpus/photos38.toml.

    python tools/benchmarks/no_reference_yardstick.py
"""

import json
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from tinyvmaf.data.pictures import SourceArrays
from tinyvmaf.data.store import Store, default_folder
from tinyvmaf.measure.no_reference import ClipEstimates, summarised
from tinyvmaf.train.pictures.folds import training_pictures, without
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg

Floats = NDArray[np.float64]
_SCALES = 3
_BLOCK = 8
_GRID = ((1.0, 0.1), (1.0, 0.03), (10.0, 0.03), (10.0, 0.01), (100.0, 0.01), (100.0, 0.003))
"""C and gamma of the regressor. The pair that is best on the held-out clips is taken: that favours the yardstick."""


def features(plane: NDArray[np.uint8]) -> list[float]:
    """37 features of a picture: 11 at each of three scales, 4 of the grid of blocks."""
    x: NDArray[Any] = plane.astype(np.float32)
    found: list[float] = []
    for scale in range(_SCALES):
        found += _at_one_scale(x)
        if scale == 0:
            for y in (x, x.T):
                steps = np.abs(np.diff(y, axis=1)).mean(0)
                edges = np.arange(len(steps)) % _BLOCK == _BLOCK - 1
                found += [float(np.log1p(steps[edges].mean()) - np.log1p(steps[~edges].mean()))]
                found += [float(np.mean(np.abs(np.diff(y, axis=1)) < 0.5))]
        x = cv2.resize(x, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return found


def _at_one_scale(x: NDArray[Any]) -> list[float]:
    mean = cv2.GaussianBlur(x, (7, 7), 7 / 6)
    deviation = np.sqrt(np.maximum(cv2.GaussianBlur(x * x, (7, 7), 7 / 6) - mean * mean, 0))
    normalised = (x - mean) / (deviation + 1)
    slope = np.hypot(cv2.Sobel(x, cv2.CV_32F, 1, 0), cv2.Sobel(x, cv2.CV_32F, 0, 1))
    bent = np.abs(cv2.Laplacian(x, cv2.CV_32F))
    rows, columns = (size // _BLOCK * _BLOCK for size in x.shape)
    blocks = x[:rows, :columns].reshape(rows // _BLOCK, _BLOCK, -1, _BLOCK).transpose(0, 2, 1, 3)
    energy = (dctn(blocks, axes=(2, 3), norm="ortho") ** 2).mean((0, 1))
    radius = np.add.outer(np.arange(_BLOCK), np.arange(_BLOCK))
    bands = [np.log(energy[(radius >= low) & (radius < low + 3)].mean() + 1e-3) for low in (1, 4, 7, 10)]
    second = float((normalised**2).mean())
    return [
        float(one)
        for one in (
            second,
            (normalised**4).mean() / (second**2 + 1e-6),
            np.abs(normalised).mean(),
            (normalised[:, 1:] * normalised[:, :-1]).mean(),
            np.log1p(deviation.mean()),
            np.log1p(np.percentile(slope, 95)),
            np.log((bent.mean() + 0.01) / (slope.mean() + 0.01)),
            *bands,
        )
    ]


def main() -> None:
    groups = training_pictures(Store(default_folder()), find_ffmpeg())
    used = {name: dict(groups[name]) for name in ("natural", "photographs", "soft")}
    for group in ("photographs", "soft"):  # every other frame: neighbours are alike, and the regressor is slow
        for source, one in used[group].items():
            used[group][source] = one._replace(distorted=one.distorted[:, ::2], vmaf=one.vmaf[:, ::2])
    made = {
        name: {
            source: np.array([[features(f) for f in clip] for clip in one.distorted]) for source, one in group.items()
        }
        for name, group in used.items()
    }
    best = None
    for c, gamma in _GRID:
        clips: list[ClipEstimates] = []
        for held_out, one in groups["natural"].items():
            seen = without(used, held_out)
            x, y = _rows({name: {s: made[name][s] for s in group} for name, group in seen.items()}, seen)
            regressor = make_pipeline(StandardScaler(), SVR(C=c, gamma=gamma, epsilon=2.0)).fit(x, y)
            mine = made["natural"][held_out]
            scores = regressor.predict(mine.reshape(-1, mine.shape[-1])).clip(0, 100).reshape(mine.shape[:2])
            clips.append(ClipEstimates(held_out, one.ids, one.clip_vmaf, scores.mean(1)))
        report = summarised(clips)
        print(c, gamma, json.dumps(report.as_dict()["pooled"]))
        if best is None or report.rmse < best[0]:
            best = report.rmse, c, gamma, report
    assert best is not None
    print("best:", best[1:3], json.dumps(best[3].as_dict(), indent=1))


def _rows(
    made: Mapping[str, Mapping[str, Floats]], seen: Mapping[str, Mapping[str, SourceArrays]]
) -> tuple[Floats, Floats]:
    x = [made[name][s].reshape(-1, made[name][s].shape[-1]) for name, group in seen.items() for s in group]
    return np.concatenate(x), np.concatenate([one.vmaf.ravel() for group in seen.values() for one in group.values()])


if __name__ == "__main__":
    main()
