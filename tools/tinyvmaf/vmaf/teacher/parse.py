"""Reads a teacher from the JSON of a VMAF model."""

import json
from typing import Any

import numpy as np

from tinyvmaf.errors import TeacherError
from tinyvmaf.files import sha256
from tinyvmaf.vmaf.features import CANONICAL, Feature, resolve
from tinyvmaf.vmaf.teacher.model import Teacher
from tinyvmaf.vmaf.teacher.svr import ChromaFromLuma, ScoreTransform, Svr


def parse(raw: bytes, teacher_id: str) -> Teacher:
    """Read a model's JSON: a single model, or a bootstrap collection whose model `0` is the point estimate.

    Raises:
        TeacherError: not a VMAF model, or of an unsupported kind.
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
    """Indices that sort the six features of a canonical-6 model; for other models, the order of the JSON."""
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
        raise ValueError(f"{len(lines)} support vectors, but total_sv {fields['total_sv']}")
    coefficients = np.empty(len(lines))
    vectors = np.zeros((len(lines), len(names)))  # libsvm leaves zeros out
    for row, line in enumerate(lines):
        first, *entries = line.split()
        coefficients[row] = float(first)
        for entry in entries:
            index, value = entry.split(":")
            vectors[row, int(index) - 1] = float(value)
    clip = model.get("score_clip")
    both = [0, *(i + 1 for i in order)]  # index 0 is that of the score
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
    # The 0.6 models contain the phone transform, but do not enable it.
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
        raise ValueError("chroma correction needs one speed_chroma and one adm3 feature")
    return ChromaFromLuma(float(factor), chroma[0], luma[0])
