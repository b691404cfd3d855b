"""The tools: what each takes, which function of the package it is, and what it answers with."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, TypeVar

import anyio
import numpy as np
from mcp.server.mcpserver import Context
from pydantic import Field

from tinyvmaf.app.mcp_server import compare, describe, gate, models, scored
from tinyvmaf.app.mcp_server.calls import Call, in_thread
from tinyvmaf.app.mcp_server.limits import (
    CALL_SECONDS,
    CALLS_AT_ONCE,
    GATE_SECONDS,
    GATES_AT_ONCE,
    MAX_CORPUS_FILES,
    MAX_MODELS,
    MAX_ROWS,
    MAX_TEACHERS,
    MAX_TEXT,
    LimitError,
)
from tinyvmaf.app.mcp_server.results import (
    Comparison,
    CorpusReport,
    Described,
    EngineRow,
    Engines,
    Models,
    Pooled,
    Score,
    TeacherRow,
    Teachers,
    TeacherScore,
    TinyScore,
    Verdict,
    WorstFrames,
)
from tinyvmaf.app.mcp_server.roots import Roots
from tinyvmaf.data import corpus
from tinyvmaf.errors import TeacherError, TinyvmafError
from tinyvmaf.files import file_blake3
from tinyvmaf.measure.scoring import TinyModel, pooled, tiny_model, tiny_scores
from tinyvmaf.model import engines, registry
from tinyvmaf.vmaf.ffmpeg import FFmpeg, find_ffmpeg
from tinyvmaf.vmaf.pooling import pool
from tinyvmaf.vmaf.teacher import DEFAULT, KNOWN, load_built_in

_T = TypeVar("_T")
Ctx = Context[Any, Any]

File = Annotated[str, Field(max_length=MAX_TEXT, description="video below a root: absolute, or relative to a root")]
Size = Annotated[
    str | None, Field(max_length=20, description="frame size of raw files (.yuv, .raw), WIDTHxHEIGHT; of others null")
]
PixFmt = Annotated[
    str | None, Field(max_length=20, description="pixel format of raw files, such as yuv420p or yuv420p10le")
]
Model = Annotated[
    str, Field(max_length=MAX_TEXT, description="id of a registered model, or an .onnx file below a root")
]
MaybeModel = Annotated[
    str | None, Field(max_length=MAX_TEXT, description="id of a registered model, or an .onnx file below a root")
]
TeacherIds = Annotated[
    list[Annotated[str, Field(max_length=100)]] | None,
    Field(max_length=MAX_TEACHERS, description=f"VMAF models, as list_teachers names them; {DEFAULT} if null"),
]
ModelIds = Annotated[list[Model] | None, Field(max_length=MAX_MODELS, description="all registered models if null")]


class Tools:
    """The tools of one server. Each raises `TinyvmafError` with what is wrong and what to do."""

    def __init__(self, roots: Roots, ffmpeg: str | None) -> None:
        """Args:
        ffmpeg: as `--ffmpeg`.
        """
        self._roots, self._named_ffmpeg = roots, ffmpeg
        self._limiter = anyio.CapacityLimiter(CALLS_AT_ONCE)
        self._gates = anyio.CapacityLimiter(GATES_AT_ONCE)

    def all(self) -> Sequence[Callable[..., Any]]:
        """In the order in which they are listed."""
        return (
            self.vmaf_score,
            self.worst_frames,
            self.compare_models,
            self.list_models,
            self.describe_model,
            self.list_teachers,
            self.list_engines,
            self.check_corpus,
            self.run_gate,
        )

    @cached_property
    def _ffmpeg(self) -> FFmpeg:
        return find_ffmpeg(self._named_ffmpeg)

    async def _do(self, context: Ctx, work: Callable[[Call], _T]) -> _T:
        return await in_thread(context, work, seconds=CALL_SECONDS, limiter=self._limiter)

    async def vmaf_score(
        self,
        reference: File,
        distorted: File,
        context: Ctx,
        size: Size = None,
        pix_fmt: PixFmt = None,
        teachers: TeacherIds = None,
        model: MaybeModel = None,
        per_frame: Annotated[bool, Field(description=f"list every frame; of clips of up to {MAX_ROWS}")] = False,
    ) -> Score:
        """Score a distorted video against its reference with the real libvmaf, and with a tiny ONNX model if one is
        named. Frame n is held against frame n; videos that differ in frame size, pixel format or frame count are
        refused."""
        request = scored.Request(reference, distorted, size, pix_fmt)

        def work(call: Call) -> Score:
            tiny = None if model is None else self._model(model)
            found = scored.score(request, teachers or [], self._roots, self._ffmpeg, call)
            if per_frame and len(found.table) > MAX_ROWS:
                raise LimitError(f"{len(found.table)} frames are too many to list", hint="worst_frames lists some")
            said = None if tiny is None else tiny_scores(tiny, found.table)
            more = {} if said is None else {said.id: said.scores}
            first = next(iter(found.scores.values()))
            return Score(
                ffmpeg=self._ffmpeg.version,
                libvmaf=found.table.version,
                frames=len(found.table),
                teachers=[
                    TeacherScore(
                        id=one.id,
                        sha256=one.sha256,
                        pooled=Pooled(**pooled(one.id, found.scores[one.id], found.table)),
                    )
                    for one in found.teachers
                ],
                tiny_model=None
                if said is None
                else TinyScore(
                    id=said.id,
                    sha256=said.sha256,
                    feature_order=said.features,
                    pooled=Pooled(**pool(said.scores)),
                    max_abs_difference=float(np.abs(said.scores - first).max()),
                ),
                per_frame=[found.frame(n, more) for n in range(len(found.table))] if per_frame else None,
            )

        return await self._do(context, work)

    async def worst_frames(
        self,
        reference: File,
        distorted: File,
        context: Ctx,
        size: Size = None,
        pix_fmt: PixFmt = None,
        model: MaybeModel = None,
        count: Annotated[int, Field(ge=1, le=MAX_ROWS, description="how many to list")] = 5,
    ) -> WorstFrames:
        """The frames of a pair that VMAF scores lowest; or, with a tiny model, those on which it is furthest from its
        teacher."""
        request = scored.Request(reference, distorted, size, pix_fmt)

        def work(call: Call) -> WorstFrames:
            tiny = None if model is None else self._model(model)
            teacher = DEFAULT if tiny is None else _teacher_of(tiny)
            found = scored.score(request, [teacher], self._roots, self._ffmpeg, call)
            said = None if tiny is None else tiny_scores(tiny, found.table).scores
            truth = found.scores[teacher]
            off = None if said is None else np.abs(said - truth)
            order = np.argsort(truth if off is None else -off, kind="stable")[:count]
            more = {} if tiny is None or said is None else {tiny.id: said}
            return WorstFrames(
                frames=len(found.table),
                by=f"score of {teacher}" if tiny is None else f"difference of {tiny.id} to {teacher}",
                worst=[found.frame(int(n), more) for n in order],
                differences=None if off is None else [float(off[n]) for n in order],
            )

        return await self._do(context, work)

    async def compare_models(
        self,
        context: Ctx,
        models: ModelIds = None,
        reference: Annotated[File | None, Field(description="null: the embedded corpus")] = None,
        distorted: Annotated[File | None, Field(description="null: the embedded corpus")] = None,
        size: Size = None,
        pix_fmt: PixFmt = None,
    ) -> Comparison:
        """Hold tiny models against their teachers, frame by frame: on a pair of videos, or on the 144 clips of the
        embedded corpus, most of which students have not been fitted to."""

        def work(call: Call) -> Comparison:
            names = models or [entry.id for entry in registry.entries()]
            tiny = [self._model(name) for name in dict.fromkeys(names)]
            if reference is None and distorted is None:
                rows: compare.Rows = compare.embedded()
            elif reference is None or distorted is None:
                raise TinyvmafError("reference and distorted go together")
            else:
                request = scored.Request(reference, distorted, size, pix_fmt)
                asked = list(dict.fromkeys(_teacher_of(one) for one in tiny))
                rows = compare.PairRows(scored.score(request, asked, self._roots, self._ffmpeg, call), distorted)
            found = []
            for number, one in enumerate(tiny):
                call.report(number, len(tiny))
                found.append(compare.compare(one, rows))
            return Comparison(data=rows.name, models=sorted(found, key=lambda one: one.frames.rmse))

        return await self._do(context, work)

    async def list_models(self, context: Ctx) -> Models:
        """The registered tiny models: kind, size, teacher, and whether their arithmetic is proven exact."""

        def work(call: Call) -> Models:
            del call
            return Models(models=[describe.row(entry) for entry in registry.entries()])

        return await self._do(context, work)

    async def describe_model(self, model: Model, context: Ctx) -> Described:
        """A model's card, sidecar, certificate of exactness, and the figures that its gates measured."""

        def work(call: Call) -> Described:
            del call
            with models.named(model, self._roots) as name:
                return describe.described(name)

        return await self._do(context, work)

    async def list_teachers(self, context: Ctx) -> Teachers:
        """The published VMAF models, and which of them the libvmaf in use carries."""

        def work(call: Call) -> Teachers:
            del call
            return Teachers(ffmpeg=str(self._ffmpeg), teachers=[self._teacher(name) for name in KNOWN])

        return await self._do(context, work)

    async def list_engines(self, context: Ctx) -> Engines:
        """The inference engines that are known, which are here, and what they run on."""

        def work(call: Call) -> Engines:
            del call
            rows = [
                EngineRow(name=row.name, here=row.ok, version=row.version, device=row.device, settings=row.settings)
                for row in engines.table()
            ]
            return Engines(engines=rows)

        return await self._do(context, work)

    async def check_corpus(
        self,
        data_root: Annotated[str, Field(max_length=MAX_TEXT, description="folder below a root, with ref/ and dis/")],
        context: Ctx,
        assume_dims: Annotated[
            str | None, Field(max_length=40, description="geometry of every raw file, WIDTHxHEIGHT[:FORMAT]")
        ] = None,
    ) -> CorpusReport:
        """Look at every file of a corpus and say all that is wrong with it: names, pairs, links, frame counts,
        geometry, unreadable files, duplicates, golden files."""

        def work(call: Call) -> CorpusReport:
            there = corpus.scan(self._roots.folder(data_root), assume=assume_dims)
            if len(there.references) + len(there.clips) > MAX_CORPUS_FILES:
                raise LimitError(f"more than {MAX_CORPUS_FILES} files")

            def digest(path: Path) -> str:
                call.check()
                return file_blake3(path)

            found = corpus.check_corpus(there, self._ffmpeg, digest=digest, on_file=call.report)
            return CorpusReport.model_validate(corpus.findings_as_dict(there, found))

        return await self._do(context, work)

    async def run_gate(
        self,
        suite: Annotated[gate.Suite, Field(description="which gates")],
        context: Ctx,
        model: MaybeModel = None,
    ) -> Verdict:
        """Run a suite of quality gates on a model, or on all that are registered, and give the verdict. Takes seconds
        (golden) to minutes (loso, latency)."""
        with models.named(model, self._roots) if model is not None else nullcontext() as name:
            async with self._gates:
                return await gate.run_suite(suite, name, context, seconds=GATE_SECONDS)

    def _model(self, name: str) -> TinyModel:
        with models.named(name, self._roots) as known:
            models.require_sound(known)
            return tiny_model(known)

    def _teacher(self, name: str) -> TeacherRow:
        try:
            teacher = load_built_in(self._ffmpeg, name)
        except TeacherError:
            return TeacherRow(
                id=name,
                sha256=KNOWN[name],
                here=False,
                default=name == DEFAULT,
                support_vectors=None,
                features=[],
                bootstrap=False,
            )
        return TeacherRow(
            id=name,
            sha256=teacher.sha256,
            here=True,
            default=name == DEFAULT,
            support_vectors=len(teacher.svr.coefficients),
            features=list(teacher.feature_names),
            bootstrap=bool(teacher.bootstrap),
        )


def _teacher_of(model: TinyModel) -> str:
    return model.sidecar.teacher.id
