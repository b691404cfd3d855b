"""The tools: each calls one function of the package. A tool's docstring is its description for the client."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

import anyio
from mcp.server.mcpserver import Context
from pydantic import Field

from tinyvmaf.app.mcp_server import describe, gate, models, scored
from tinyvmaf.app.mcp_server.arguments import (
    AloneInputs,
    AloneModels,
    AssumeDims,
    BesideModels,
    CorpusFile,
    Count,
    DataRoot,
    Feed,
    File,
    Inputs,
    MaybeModel,
    Model,
    ModelIds,
    PerFrame,
    PixFmt,
    Size,
    TeacherIds,
    feed_options,
)
from tinyvmaf.app.mcp_server.calls import Call, in_thread
from tinyvmaf.app.mcp_server.estimated import estimate
from tinyvmaf.app.mcp_server.limits import CALL_SECONDS, CALLS_AT_ONCE, GATE_SECONDS, GATES_AT_ONCE, require_few_files
from tinyvmaf.app.mcp_server.results import (
    ComparisonResult,
    CorpusResult,
    EnginesResult,
    EstimateResult,
    GateResult,
    ModelDescriptionResult,
    ModelsResult,
    ScoreResult,
    TeachersResult,
    WorstFramesResult,
)
from tinyvmaf.app.mcp_server.roots import Roots
from tinyvmaf.data import corpus
from tinyvmaf.data.embedded import embedded_corpus
from tinyvmaf.errors import ModelError, NotComparableError, TinyvmafError
from tinyvmaf.files import file_blake3
from tinyvmaf.judge.opened import read_whole
from tinyvmaf.measure.scoring import ScoredPair
from tinyvmaf.measure.teacher_agreement import corpus_frames, pair_frames
from tinyvmaf.model import registry
from tinyvmaf.model.subject import Subject
from tinyvmaf.vmaf.features import named
from tinyvmaf.vmaf.ffmpeg import FFmpeg, find_ffmpeg
from tinyvmaf.vmaf.teacher import KNOWN, load_teacher

_T = TypeVar("_T")
Ctx = Context[Any, Any]


class Tools:
    """The tools of one server. Each raises `TinyvmafError` with what is wrong and what to do."""

    def __init__(self, roots: Roots, ffmpeg: str | None) -> None:
        """Args:
        ffmpeg: path, as for `--ffmpeg`; None: find one.
        """
        self._roots, self._named_ffmpeg = roots, ffmpeg
        self._limiter = anyio.CapacityLimiter(CALLS_AT_ONCE)
        self._gates = anyio.CapacityLimiter(GATES_AT_ONCE)

    def all(self) -> Sequence[Callable[..., Any]]:
        """The tools, in the order in which clients see them."""
        return (
            self.vmaf_score,
            self.score_without_reference,
            self.worst_frames,
            self.compare_models,
            self.list_models,
            self.describe_model,
            self.list_teachers,
            self.list_engines,
            self.check_corpus,
            self.run_gate,
        )

    async def vmaf_score(
        self,
        reference: File,
        distorted: File,
        context: Ctx,
        size: Size = None,
        pix_fmt: PixFmt = None,
        inputs: Inputs = None,
        teachers: TeacherIds = None,
        models: BesideModels = None,
        feed: Feed = None,
        per_frame: PerFrame = False,
    ) -> ScoreResult:
        """Score a distorted video against its reference with the real libvmaf, and with tiny ONNX models, each beside
        its teacher, if some are named; those of kind no_reference see the distorted video alone. Frame n is compared
        with frame n; videos that differ in frame size, pixel format or frame count are refused."""
        request = scored.PairRequest(reference, distorted, size, pix_fmt, inputs or {})

        def work(call: Call) -> ScoreResult:
            pair = self._score(request, teachers or [], call, self._models(models or [], feed))
            return scored.result_of(pair, self._ffmpeg, per_frame=per_frame)

        return await self._do(context, work)

    async def score_without_reference(
        self,
        video: File,
        models: AloneModels,
        context: Ctx,
        size: Size = None,
        pix_fmt: PixFmt = None,
        inputs: AloneInputs = None,
        feed: Feed = None,
        per_frame: PerFrame = False,
    ) -> EstimateResult:
        """Estimate the VMAF of a video without its reference, by tiny ONNX models that see its decoded pictures alone,
        each frame at its own size. The scores are estimates, not VMAF: where the reference is at hand, call
        vmaf_score."""

        def work(call: Call) -> EstimateResult:
            found = self._models(models, feed)
            return estimate(
                video, (size, pix_fmt), inputs or {}, found, self._roots, self._ffmpeg, call, per_frame=per_frame
            )

        return await self._do(context, work)

    async def worst_frames(
        self,
        reference: File,
        distorted: File,
        context: Ctx,
        size: Size = None,
        pix_fmt: PixFmt = None,
        inputs: Inputs = None,
        model: MaybeModel = None,
        feed: Feed = None,
        count: Count = 5,
    ) -> WorstFramesResult:
        """List the frames of a pair with the lowest VMAF score; or, if a tiny model is named, the frames on which it
        differs most from its teacher."""
        request = scored.PairRequest(reference, distorted, size, pix_fmt, inputs or {})

        def work(call: Call) -> WorstFramesResult:
            tiny = [] if model is None else [self._model(model, feed)]
            _require_features(tiny)
            return scored.worst(self._score(request, [], call, tiny), count)

        return await self._do(context, work)

    async def compare_models(
        self,
        context: Ctx,
        models: ModelIds = None,
        reference: CorpusFile = None,
        distorted: CorpusFile = None,
        size: Size = None,
        pix_fmt: PixFmt = None,
        inputs: Inputs = None,
        feed: Feed = None,
    ) -> ComparisonResult:
        """Compare tiny models with their teachers, frame by frame: on a pair of videos, or on the 144 clips of the
        embedded corpus. Students have not been fitted to most of these clips."""

        def work(call: Call) -> ComparisonResult:
            tiny = self._models(models or [one.id for one in registry.subjects()], feed)
            of_pictures, small = [one for one in tiny if one.takes_pictures], list[Subject]()
            if models:
                _require_features(tiny)
            tiny = [one for one in tiny if not one.takes_pictures]
            if reference is None and distorted is None:
                teacher_of = partial(load_teacher, self._ffmpeg)
                frames = corpus_frames(embedded_corpus().read(), "the embedded corpus", teacher_of)
            elif reference is None or distorted is None:
                raise TinyvmafError("only one of reference and distorted is given", hint="give both, or neither")
            else:
                request = scored.PairRequest(reference, distorted, size, pix_fmt, inputs or {})
                try:
                    pair = self._score(request, [], call, tiny)
                except NotComparableError:  # the frames may be too small for chroma features
                    small = [one for one in tiny if any(named(name).measures == "chroma" for name in one.features)]
                    tiny = [one for one in tiny if one not in small]
                    if models or not small or not tiny:
                        raise
                    pair = self._score(request, [], call, tiny)
                frames = pair_frames(pair.table, pair.scores, distorted)
            found = []
            for number, one in enumerate(tiny):
                call.report(number, len(tiny))
                found.append(describe.model_agreement(one, frames))
            left_out = [one.id for one in (*small, *of_pictures)]
            ordered = sorted(found, key=lambda one: one.frames.rmse)
            return ComparisonResult(data=frames.name, models=ordered, left_out=left_out)

        return await self._do(context, work)

    async def list_models(self, context: Ctx) -> ModelsResult:
        """List the registered tiny models: kind, size, teacher, and whether their arithmetic is proven exact."""
        return await self._do(
            context, lambda _: ModelsResult(models=[describe.registered_model(one) for one in registry.subjects()])
        )

    async def describe_model(self, model: Model, context: Ctx, feed: Feed = None) -> ModelDescriptionResult:
        """Show a model's card, sidecar, certificate of exactness, and the values that the gates measured."""

        def work(call: Call) -> ModelDescriptionResult:
            del call
            with models.readable(model, self._roots) as name:
                return describe.model_description(name, feed_options(feed), self._named_ffmpeg)

        return await self._do(context, work)

    async def list_teachers(self, context: Ctx) -> TeachersResult:
        """List the published VMAF models, and which of them the libvmaf in use contains."""

        def work(call: Call) -> TeachersResult:
            del call
            teachers = [describe.teacher(name, self._ffmpeg) for name in KNOWN]
            return TeachersResult(ffmpeg=str(self._ffmpeg), teachers=teachers)

        return await self._do(context, work)

    async def list_engines(self, context: Ctx) -> EnginesResult:
        """List the known inference engines, which of them are installed here, and the device each runs on."""
        return await self._do(context, lambda _: EnginesResult(engines=describe.engine_list()))

    async def check_corpus(self, data_root: DataRoot, context: Ctx, assume_dims: AssumeDims = None) -> CorpusResult:
        """Check every file of a corpus and list everything that is wrong: names, pairs, links, frame counts,
        geometry, unreadable files, duplicates, golden files."""

        def work(call: Call) -> CorpusResult:
            there = corpus.scan(self._roots.folder(data_root), assume=assume_dims)
            require_few_files(len(there.references) + len(there.clips))

            def digest(path: Path) -> str:
                call.check()
                return file_blake3(path)

            found = corpus.check_corpus(there, self._ffmpeg, digest=digest, on_file=call.report)
            return CorpusResult.model_validate(corpus.findings_as_dict(there, found))

        return await self._do(context, work)

    async def run_gate(
        self,
        suite: Annotated[gate.Suite, Field(description="the suite to run")],
        context: Ctx,
        model: MaybeModel = None,
        feed: Feed = None,
    ) -> GateResult:
        """Run one suite of quality gates on a model, or on all registered models, and give the verdict. Takes seconds
        (golden) to minutes (loso, latency)."""
        with models.readable(model, self._roots) if model is not None else nullcontext() as name:
            async with self._gates:
                return await gate.run_suite(suite, name, context, feed=feed_options(feed), seconds=GATE_SECONDS)

    @cached_property
    def _ffmpeg(self) -> FFmpeg:
        return find_ffmpeg(self._named_ffmpeg)

    async def _do(self, context: Ctx, work: Callable[[Call], _T]) -> _T:
        return await in_thread(context, work, seconds=CALL_SECONDS, limiter=self._limiter)

    def _score(
        self, request: scored.PairRequest, teachers: Sequence[str], call: Call, models: Sequence[Subject]
    ) -> ScoredPair:
        return scored.score(request, teachers, self._roots, self._ffmpeg, call, models)

    def _models(self, names: Sequence[str], feed: Feed) -> list[Subject]:
        """Each once. How they are fed is said of the files."""
        several = len(names) > 1
        return [
            self._model(name, feed if name.endswith(".onnx") or not several else None) for name in dict.fromkeys(names)
        ]

    def _model(self, name: str, feed: Feed) -> Subject:
        with models.readable(name, self._roots) as known:
            return read_whole(known, feed_options(feed), self._named_ffmpeg)


def _require_features(models: Sequence[Subject]) -> None:
    """Hold that models take features, and so are compared with their teachers frame by frame.

    Raises:
        ModelError: one takes pictures.
    """
    if found := [one.id for one in models if one.takes_pictures]:
        raise ModelError(
            f"{found[0]} takes pictures, and only models of features are held against their teachers here",
            hint="vmaf_score and score_without_reference give the scores of models of kind no_reference",
        )
