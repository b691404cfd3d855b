"""Results about models, engines and teachers."""

import os

from tinyvmaf.app.mcp_server.results import (
    AgreementResult,
    CertificateResult,
    EngineResult,
    ModelAgreementResult,
    ModelDescriptionResult,
    RegisteredModelResult,
    TeacherResult,
)
from tinyvmaf.errors import ModelError, RegistryError, TeacherError
from tinyvmaf.judge.opened import faults, found
from tinyvmaf.measure.agreement import AgreementMetrics
from tinyvmaf.measure.teacher_agreement import ScoredFrames, teacher_agreement
from tinyvmaf.model import engines, registry
from tinyvmaf.model.subject import Subject
from tinyvmaf.model.third_party import FeedOptions
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import DEFAULT, KNOWN, load_built_in


def registered_model(subject: Subject) -> RegisteredModelResult:
    """A registered model, for the list.

    Raises:
        RegistryError: its sidecar cannot be read.
    """
    sidecar = subject.sidecar
    return RegisteredModelResult(
        id=subject.id,
        kind=sidecar.kind,
        tier=sidecar.tier,
        bytes=sidecar.bytes,
        sha256=subject.sha256,
        teacher=sidecar.teacher.id,
        feature_order=list(sidecar.feature_order),
        outputs=[one.name for one in sidecar.outputs],
        exact=sidecar.exact.word,
        as_registered=not registry.faults(subject),
    )


def model_description(name: str, options: FeedOptions, ffmpeg: str | None) -> ModelDescriptionResult:
    """Everything known about one model.

    Args:
        name: id of a registered model, or path of an `.onnx` file, with or without sidecar and card beside it.
        options: how the file is fed.
        ffmpeg: as for `--ffmpeg`.

    Raises:
        RegistryError: the sidecar is not valid.
    """
    with found(name, options, ffmpeg, needs_feed=False) as subject:
        wrong = faults(subject)
        sound = subject.fault is None
        sidecar = subject.sidecar if sound and subject.sidecar_path.is_file() else None
        card = subject.file.with_suffix(".md") if sound else None
        return ModelDescriptionResult(
            id=subject.id if subject.registered else subject.path.stem,
            sidecar=sidecar.as_dict() if sidecar else {},
            card=card.read_text(encoding="utf-8", errors="replace") if card and card.is_file() else "",
            faults=[one.replace(f"{subject.path.parent}{os.sep}", "") for one in wrong],
            certificate=_certificate(subject) if sound and not wrong else None,
            measured=dict(sidecar.measured) if sidecar else {},
            promised=dict(sidecar.promised) if sidecar else {},
        )


def _certificate(subject: Subject) -> CertificateResult | None:
    try:
        proof = subject.proof
    except (ModelError, RegistryError):  # already among the faults
        return None
    return CertificateResult(
        certified=proof.certified,
        exact_in_float64=proof.exact_in_float64,
        flush_to_zero_safe=proof.flush_to_zero_safe,
        accumulator_bits=proof.accumulator_bits,
        explanation=proof.explain(),
    )


def model_agreement(model: Subject, frames: ScoredFrames) -> ModelAgreementResult:
    """A model's agreement with its teacher; raises as `teacher_agreement`."""
    per_frame, per_clip = teacher_agreement(model, frames)
    return ModelAgreementResult(
        id=model.id,
        teacher=model.sidecar.teacher.id,
        bytes=len(model.data),
        frames=_agreement(per_frame),
        clips=None if per_clip is None else _agreement(per_clip),
    )


def _agreement(measured: AgreementMetrics) -> AgreementResult:
    return AgreementResult.model_validate(measured.as_dict())


def engine_list() -> list[EngineResult]:
    """Every known engine, the reference first."""
    return [
        EngineResult(name=row.name, here=row.ok, version=row.version, device=row.device, settings=row.settings)
        for row in engines.table()
    ]


def teacher(name: str, ffmpeg: FFmpeg) -> TeacherResult:
    """A published teacher, whether or not this libvmaf contains it."""
    try:
        found = load_built_in(ffmpeg, name)
    except TeacherError:
        found = None
    return TeacherResult(
        id=name,
        sha256=KNOWN[name] if found is None else found.sha256,
        here=found is not None,
        default=name == DEFAULT,
        support_vectors=None if found is None else len(found.svr.coefficients),
        features=[] if found is None else list(found.feature_names),
        bootstrap=found is not None and bool(found.bootstrap),
    )
