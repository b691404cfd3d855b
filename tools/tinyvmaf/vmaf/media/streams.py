"""Which stream of a file is its video."""

import re
from dataclasses import dataclass
from pathlib import Path

from tinyvmaf.errors import MediaError

# FFmpeg's line: `  Stream #0:1[0x100](eng): Video: h264 (High), yuv420p(tv, bt709), 320x180, 25 fps (default)`.
_STREAM = re.compile(
    r"^(?:\[info\])? *Stream #0:(?P<index>\d+)(?:\[0x[0-9a-f]+\])?(?:\([^)]*\))?: (?P<type>\w+): (?P<about>.*)$",
    re.MULTILINE,
)
# Pictures that belong to a file but are not its film.
_PICTURES = ("(attached pic)", "(still image)", "(timed thumbnails)", "(dependent)")


@dataclass(frozen=True)
class Stream:
    """A stream as FFmpeg lists it."""

    index: int
    """In the file: 0 is the first stream of any type."""
    kind: str
    """`Video`, `Audio`, ..."""
    about: str

    @property
    def decoders(self) -> tuple[str, ...]:
        """FFmpeg's names of the codec and of its decoder."""
        named = re.match(r"([\w-]+)(?: \(([a-z0-9_-]+)\))?", self.about)
        return () if named is None else tuple(filter(None, named.groups()))

    @property
    def film(self) -> bool:
        """Whether it is a video, not a cover or a thumbnail."""
        return self.kind == "Video" and not any(word in self.about for word in _PICTURES)


def listed(stderr: str) -> list[Stream]:
    """The streams of the first input."""
    inputs = re.split(r"^(?:\[info\] *)?Stream mapping:|^(?:\[info\])? *Output #0", stderr, flags=re.MULTILINE)[0]
    return [Stream(int(one["index"]), one["type"], one["about"].rstrip()) for one in _STREAM.finditer(inputs)]


def chosen(path: Path, streams: list[Stream], asked: int | None) -> tuple[Stream, str]:
    """The stream to read, and a sentence if there was a choice.

    Players take the video that is marked as default, else the first one.

    Raises:
        MediaError: no video, or not the one that was asked for.
    """
    films = [stream for stream in streams if stream.film]
    names = ", ".join(f"{one.index} ({one.kind.lower()})" for one in streams)
    if asked is not None:
        for stream in streams:
            if stream.index == asked and stream.kind == "Video":
                return stream, f"stream {asked} of {path}, as asked"
        raise MediaError(f"{path}: stream {asked} is not a video", hint=f"its streams: {names or 'none'}")
    if not films:
        covers = [stream for stream in streams if stream.kind == "Video"]
        what = "only a cover picture" if covers else f"no video, only {names}" if names else "no video"
        hint = f"--stream {covers[0].index} scores the picture" if covers else None
        raise MediaError(f"{path}: it has {what}", hint=hint)
    default = [stream for stream in films if "(default)" in stream.about]
    taken = (default or films)[0]
    if len(films) == 1:
        rest = [stream for stream in streams if stream.kind == "Video" and not stream.film]
        return taken, f"stream {taken.index} of {path}, not its cover" if rest and rest[0].index < taken.index else ""
    return taken, f"stream {taken.index} of {path}, of videos {', '.join(str(one.index) for one in films)} (--stream N)"
