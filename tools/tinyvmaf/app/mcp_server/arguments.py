"""The types and descriptions of the tools' arguments."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tinyvmaf.app.mcp_server.limits import MAX_MODELS, MAX_ROWS, MAX_TEACHERS, MAX_TEXT
from tinyvmaf.model.third_party import FeedOptions
from tinyvmaf.vmaf.teacher import DEFAULT

_MODEL = Field(max_length=MAX_TEXT, description="id of a registered model, or path of an .onnx file below a root")

File = Annotated[
    str, Field(max_length=MAX_TEXT, description="path of a video below a root: absolute, or relative to a root")
]
Size = Annotated[
    str | None, Field(max_length=20, description="frame size of raw files (.yuv, .raw), WIDTHxHEIGHT; else null")
]
PixFmt = Annotated[
    str | None,
    Field(max_length=20, description="pixel format of raw files, such as yuv420p or yuv420p10le; else null"),
]
Inputs = Annotated[
    dict[Annotated[str, Field(max_length=20)], Annotated[str, Field(max_length=40)]] | None,
    Field(
        max_length=10,
        description="how the inputs are read, as options of `tinyvmaf score` without dashes: stream, range, matrix, "
        "film_grain, scale, depth, chroma, colour, sync, allow_errors; 'REF,DIS' gives each input a value of its own, "
        "as in {'range': 'full,limited'}; null for what the files say",
    ),
]


AloneInputs = Annotated[
    dict[Annotated[str, Field(max_length=20)], Annotated[str, Field(max_length=40)]] | None,
    Field(
        max_length=4,
        description="how the video is read, as options of `tinyvmaf score` without dashes: stream, matrix, film_grain, "
        "allow_errors; null for what the file says",
    ),
]


class FeedArguments(BaseModel):
    """The options of the command line, by their names."""

    model_config = ConfigDict(extra="forbid")

    feature_order: Annotated[str | None, Field(max_length=MAX_TEXT, description="A,B,...: its features in order")] = (
        None
    )
    input_mean: Annotated[str | None, Field(max_length=MAX_TEXT, description="X,Y,...: mean of each feature")] = None
    input_std: Annotated[str | None, Field(max_length=MAX_TEXT, description="X,Y,...: std of each feature")] = None
    normalisation: Annotated[str | None, Field(max_length=20, description="graph, sidecar or none")] = None


Feed = Annotated[
    FeedArguments | None,
    Field(description="how an .onnx file is fed, if the sidecar beside it does not say so; else null"),
]


def feed_options(feed: FeedArguments | None) -> FeedOptions:
    """For the model's file.

    Raises:
        UndescribedError: normalisation is none of its three words.
    """
    return FeedOptions() if feed is None else FeedOptions(**feed.model_dump())


Model = Annotated[str, _MODEL]
MaybeModel = Annotated[str | None, _MODEL]
TeacherIds = Annotated[
    list[Annotated[str, Field(max_length=100)]] | None,
    Field(
        max_length=MAX_TEACHERS,
        description=f"ids of VMAF models, see list_teachers; null: those of the tiny models, else {DEFAULT}",
    ),
]
ModelIds = Annotated[list[Model] | None, Field(max_length=MAX_MODELS, description="null: all registered models")]
BesideModels = Annotated[list[Model] | None, Field(max_length=MAX_MODELS, description="tiny models; null: none")]
AloneModels = Annotated[
    list[Model],
    Field(
        min_length=1,
        max_length=MAX_MODELS,
        description="models of kind no_reference: ids of registered ones, see list_models, or .onnx files below a root",
    ),
]
CorpusFile = Annotated[File | None, Field(description="null: the embedded corpus")]
DataRoot = Annotated[
    str, Field(max_length=MAX_TEXT, description="path of a folder below a root, which contains ref/ and dis/")
]
AssumeDims = Annotated[
    str | None, Field(max_length=40, description="geometry of every raw file, WIDTHxHEIGHT[:FORMAT]")
]
PerFrame = Annotated[bool, Field(description=f"also list every frame; for clips of up to {MAX_ROWS} frames")]
Count = Annotated[int, Field(ge=1, le=MAX_ROWS, description="number of frames to list")]
