"""The teachers: VMAF's SVR models, read out of the libvmaf in use and evaluated in float64.

libvmaf carries its models as JSON text inside the executable. Each is known here by the sha256 of that text, so a
teacher is the published one or it is refused.
"""

import json
import mmap
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyvmaf.errors import TeacherError
from tinyvmaf.features import CANONICAL, Feature, resolve
from tinyvmaf.ffmpeg import FFmpeg
from tinyvmaf.files import sha256
from tinyvmaf.libvmaf import Model

DEFAULT: Final = "vmaf_v0.6.1"

KNOWN: Final = {
    "vmaf_v0.6.1": "5950d61fa1f861bd45d8149d80539ed9f3376cfc2495b8f0fa8e9f57cb131ee3",
    "vmaf_v0.6.1neg": "1fcda193aaa2a3136471b7516b3c5dc344546c05fcde2d58609f8c60a2387392",
    "vmaf_4k_v0.6.1": "73b187001309703c89d57cf58baab01660bd11e4ea6fac62bc064c5f5da6dac8",
    "vmaf_4k_v0.6.1neg": "f92048bf94401a5b915f551eb248709275c61df5f20d062a3ae010dcf4d4e8fc",
    "vmaf_float_v0.6.1": "26573aa333346f1109226e7283969e8b3581119a1ab7f18897767351dd963ff8",
    "vmaf_b_v0.6.3": "34f620dbaff662fe7d33dd80326553c2cc3910e4135349ba4c367171d3a3cfbd",
    "vmaf_v1.0.16_3d0h": "e4cf8c147e1368b35497d772920bc92f98c1ad7853c1033d8a836947f427140e",
    "vmaf_v1.0.16_3d0h_2160": "77f552fd8d5b6c6a2166bfc4470c9368ec68d2425ed40f1cc235b0cc500f33c2",
    "vmaf_v1.0.16_5d0h": "64e12d9c1e4ed5d79da7fa515b82fac7247a9e2ccc91e0ebce31d05489500385",
    "vmaf_v1.0.16_1d5h_2160": "634d36e0502cb797384726cdd1a106a2c207827595a9e4958d3dae1bd517b139",
}
"""sha256 of the JSON text of each published model (Netflix vmaf, model/)."""

_STARTS: Final = (b'{\n    "param_dict": {', b'{\n    "0": {')
_MAX_JSON_BYTES: Final = 1 << 20
_CHUNK_ROWS: Final = 16384


class Bagging(NamedTuple):
    """What a bootstrap collection says of each frame; float64 `[N]` each, in VMAF points."""

    mean: NDArray[np.float64]
    stddev: NDArray[np.float64]
    ci95_low: NDArray[np.float64]
    ci95_high: NDArray[np.float64]


@dataclass(frozen=True)
class ScoreTransform:
    """libvmaf's polynomial behind the SVR: `p0 + p1 y + p2 y^2`, held at or above `y` (or below) where asked."""

    p0: float
    p1: float
    p2: float
    at_least_input: bool
    at_most_input: bool

    def __call__(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Apply it to scores, float64 `[N]`."""
        out = self.p0 + self.p1 * y + self.p2 * y * y
        if self.at_least_input:
            out = np.maximum(out, y)
        return np.minimum(out, y) if self.at_most_input else out


@dataclass(frozen=True)
class ChromaFromLuma:
    """Where a chroma feature is exactly 0 it carries no information; libvmaf then takes `c (1 - luma feature)`."""

    factor: float
    chroma: int
    """Index of the chroma feature (the one that is replaced)."""
    luma: int
    """Index of the luma feature."""


@dataclass(frozen=True)
class Svr:
    """One nu-SVR with RBF kernel, as libvmaf evaluates it (libvmaf/src/predict.c and svm.cpp)."""

    gamma: float
    rho: float
    coefficients: NDArray[np.float64]
    """`[S]`."""
    support_vectors: NDArray[np.float64]
    """`[S, F]`, in normalised units."""
    slopes: NDArray[np.float64]
    """`[1 + F]`: the score's, then each feature's."""
    intercepts: NDArray[np.float64]
    """`[1 + F]`."""
    transform: ScoreTransform | None
    clip: tuple[float, float] | None
    chroma: ChromaFromLuma | None

    def predict(self, features: NDArray[np.float64], *, finish: bool = True) -> NDArray[np.float64]:
        """Scores of feature rows.

        Args:
            features: float64 `[N, F]`.
            finish: apply the transform and the clip.

        Returns:
            float64 `[N]`, VMAF points.
        """
        if self.chroma is not None:
            c = self.chroma
            features = features.copy()
            replaced = c.factor * (1.0 - features[:, c.luma])
            features[:, c.chroma] = np.where(features[:, c.chroma] == 0.0, replaced, features[:, c.chroma])
        x = features * self.slopes[1:] + self.intercepts[1:]
        out = np.empty(len(x))
        for start in range(0, len(x), _CHUNK_ROWS):
            part = x[start : start + _CHUNK_ROWS]
            distance = np.zeros((len(part), len(self.coefficients)))
            for column in range(x.shape[1]):  # exact differences; |a|^2 + |b|^2 - 2ab would cancel
                distance += np.square(part[:, column, None] - self.support_vectors[None, :, column])
            out[start : start + _CHUNK_ROWS] = np.exp(-self.gamma * distance) @ self.coefficients - self.rho
        scores = (out - self.intercepts[0]) / self.slopes[0]
        return self.finish(scores) if finish else scores

    def finish(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Transform, then clip."""
        if self.transform is not None:
            scores = self.transform(scores)
        return scores if self.clip is None else np.clip(scores, *self.clip)


@dataclass(frozen=True)
class Teacher:
    """A VMAF model, evaluated in float64."""

    id: str
    sha256: str
    """Of its JSON text."""
    json: bytes
    features: tuple[Feature, ...]
    svr: Svr
    bootstrap: tuple[Svr, ...] = ()
    """The further models of a collection (`vmaf_b_v0.6.3`: 20); empty for others."""

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The features it takes, by our names, in this order."""
        return tuple(feature.name for feature in self.features)

    def model(self) -> Model:
        """This teacher as a model for libvmaf to run.

        Raises:
            TeacherError: a bootstrap collection, which FFmpeg's filter cannot run; its features can be extracted and
                evaluated here.
        """
        if self.bootstrap:
            raise TeacherError(f"{self.id}: FFmpeg's libvmaf filter does not run bootstrap collections")
        return Model(self.id, self.json, self.features)

    def predict(self, features: ArrayLike) -> NDArray[np.float64]:
        """Scores of feature rows, float64 `[N]` in VMAF points.

        Args:
            features: `[N, F]` in the order of `feature_names`, converted to float64.

        Raises:
            TeacherError: another shape, or a value that is not finite.
        """
        return self.svr.predict(self._checked(features))

    def bagging(self, features: ArrayLike) -> Bagging:
        """Mean, standard deviation and 95 % interval over the bootstrap models (libvmaf/src/predict.c).

        Statistics are taken of the raw scores; mean and interval are then transformed and clipped.

        Raises:
            TeacherError: as `predict`, and for a teacher without bootstrap models.
        """
        if not self.bootstrap:
            raise TeacherError(f"{self.id} has no bootstrap models")
        x = self._checked(features)
        scores = np.stack([svr.predict(x, finish=False) for svr in self.bootstrap])
        mean, low, high = scores.mean(axis=0), *np.percentile(scores, [2.5, 97.5], axis=0)
        finish = self.svr.finish
        return Bagging(finish(mean), scores.std(axis=0), finish(low), finish(high))

    def _checked(self, features: ArrayLike) -> NDArray[np.float64]:
        x = np.asarray(features, dtype=np.float64)
        if x.ndim != 2 or x.shape[1] != len(self.features):
            expected = f"[N, {len(self.features)}] ({', '.join(self.feature_names)})"
            raise TeacherError(f"{self.id} takes features {expected}, not {list(x.shape)}")
        if not np.isfinite(x).all():
            row, column = map(int, np.argwhere(~np.isfinite(x))[0])
            raise TeacherError(f"{self.id}: {self.feature_names[column]} of row {row} is {x[row, column]}")
        return x


def load_built_in(ffmpeg: FFmpeg, teacher_id: str = DEFAULT) -> Teacher:
    """The teacher of that id, out of the libvmaf inside this FFmpeg.

    Raises:
        TeacherError: the id is not known, or this libvmaf does not carry the published model; names the hash that
            was expected and those that were found.
    """
    if teacher_id not in KNOWN:
        raise TeacherError(f"unknown teacher {teacher_id!r}", hint=f"known: {', '.join(KNOWN)}")
    status = ffmpeg.path.stat()
    found = _model_texts(ffmpeg.path, status.st_size, status.st_mtime_ns)
    expected = KNOWN[teacher_id]
    if expected not in found:
        listed = ", ".join(found) if found else "no model at all (is its libvmaf a shared library?)"
        raise TeacherError(
            f"{teacher_id}: expected sha256 {expected}; {ffmpeg.path} carries {listed}",
            hint="give the published model file with --teacher-json FILE",
        )
    return parse(found[expected], teacher_id)


def load_json(path: Path, *, expected_sha256: str | None = None) -> Teacher:
    """A teacher out of a model JSON file.

    Args:
        expected_sha256: accept exactly this file, for a model that Netflix did not publish; it is then called by
            the file's name. None: it must be one of the published models.

    Raises:
        TeacherError: unreadable, not such a model, or its sha256 is not the expected one; names both.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise TeacherError(f"{path}: {error.strerror}") from error
    actual = sha256(raw)
    if expected_sha256 is not None:
        if actual != expected_sha256.lower():
            raise TeacherError(f"{path}: sha256 is {actual}, expected {expected_sha256}")
        return parse(raw, path.stem)
    for teacher_id, known in KNOWN.items():
        if actual == known:
            return parse(raw, teacher_id)
    same_name = KNOWN.get(path.stem)
    expected = f"{path.stem} is {same_name}" if same_name else "the published ones are " + ", ".join(KNOWN.values())
    raise TeacherError(
        f"{path}: sha256 is {actual}; {expected}",
        hint="for a model of your own, state its hash with --teacher-sha256",
    )


@lru_cache(maxsize=4)
def _model_texts(path: Path, size: int, mtime_ns: int) -> dict[str, bytes]:
    """Each model's JSON text inside an executable, under its sha256. `size` and `mtime_ns` key the cache."""
    del size, mtime_ns
    texts: dict[str, bytes] = {}
    decoder = json.JSONDecoder()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as image:
        for start in _STARTS:
            at = image.find(start)
            while at >= 0:
                # The text has no length beside it and may run into other data: read one JSON value.
                try:
                    _, end = decoder.raw_decode(image[at : at + _MAX_JSON_BYTES].decode("latin-1"))
                except ValueError:
                    end = 0
                if end:
                    raw = image[at : at + end]
                    texts[sha256(raw)] = raw
                at = image.find(start, at + max(end, 1))
    return texts


def parse(raw: bytes, teacher_id: str) -> Teacher:
    """Read a model's JSON: a single model, or a bootstrap collection whose model `0` is the point estimate.

    Raises:
        TeacherError: not such a JSON, or of a kind that is not evaluated here.
    """
    try:
        content = json.loads(raw)
        parts = [content] if "model_dict" in content else [content[str(i)] for i in range(len(content))]
        model_dict = parts[0]["model_dict"]
        names = model_dict["feature_names"]
        options = model_dict.get("feature_opts_dicts") or [{}] * len(names)
        features = [resolve(name, opts) for name, opts in zip(names, options, strict=True)]
        order = _canonical_order(features)
        models = [_svr(part["model_dict"], order) for part in parts]
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise TeacherError(f"{teacher_id}: not a VMAF model JSON: {error!r}") from error
    return Teacher(teacher_id, sha256(raw), raw, tuple(features[i] for i in order), models[0], tuple(models[1:]))


def _canonical_order(features: list[Feature]) -> list[int]:
    """The order of canonical-6 for a model of those six measures (its JSON has another), else the JSON's own."""
    bases = [feature.base for feature in features]
    return [bases.index(name) for name in CANONICAL] if set(bases) == set(CANONICAL) else list(range(len(bases)))


def _svr(model: dict[str, Any], order: list[int]) -> Svr:
    if model["norm_type"] != "linear_rescale":
        raise ValueError(f"norm_type {model['norm_type']}")
    header, _, body = model["model"].partition("\nSV\n")
    fields = dict(line.split(maxsplit=1) for line in header.splitlines())
    if fields["svm_type"] != "nu_svr" or fields["kernel_type"] != "rbf":
        raise ValueError(f"{fields['svm_type']} with kernel {fields['kernel_type']}")
    names = model["feature_names"]
    lines = body.strip().splitlines()
    if len(lines) != int(fields["total_sv"]):
        raise ValueError(f"{len(lines)} support vectors, {fields['total_sv']} announced")
    coefficients = np.empty(len(lines))
    vectors = np.zeros((len(lines), len(names)))  # libsvm leaves zeros out
    for row, line in enumerate(lines):
        first, *entries = line.split()
        coefficients[row] = float(first)
        for entry in entries:
            index, value = entry.split(":")
            vectors[row, int(index) - 1] = float(value)
    clip = model.get("score_clip")
    both = [0, *(i + 1 for i in order)]  # the score's own comes first
    return Svr(
        gamma=float(fields["gamma"]),
        rho=float(fields["rho"]),
        coefficients=coefficients,
        support_vectors=vectors[:, order],
        slopes=np.array(model["slopes"], dtype=np.float64)[both],
        intercepts=np.array(model["intercepts"], dtype=np.float64)[both],
        transform=_transform(model.get("score_transform")),
        clip=None if clip is None else (float(clip[0]), float(clip[1])),
        chroma=_chroma(model.get("chroma_correction_parameter"), [names[i] for i in order]),
    )


def _transform(entry: dict[str, Any] | None) -> ScoreTransform | None:
    # The models of 0.6 carry the phone transform but leave it switched off.
    if entry is None or entry.get("enabled") is not True:
        return None
    unknown = set(entry) - {"enabled", "p0", "p1", "p2", "out_gte_in", "out_lte_in"}
    if unknown:
        raise ValueError(f"score_transform with {', '.join(sorted(unknown))}")
    p0, p1, p2 = (float(entry.get(key, 0.0)) for key in ("p0", "p1", "p2"))
    return ScoreTransform(p0, p1, p2, entry.get("out_gte_in") == "true", entry.get("out_lte_in") == "true")


def _chroma(factor: float | None, names: list[str]) -> ChromaFromLuma | None:
    if not factor:
        return None
    chroma = [i for i, name in enumerate(names) if "speed_chroma" in name]
    luma = [i for i, name in enumerate(names) if "adm3" in name]
    if len(chroma) != 1 or len(luma) != 1:
        raise ValueError("chroma correction without one speed_chroma and one adm3 feature")
    return ChromaFromLuma(float(factor), chroma[0], luma[0])
