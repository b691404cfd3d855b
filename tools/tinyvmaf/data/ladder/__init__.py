"""The embedded corpus: a real encoding ladder, made by FFmpeg from a TOML spec.

Sources are files of installed Python and Debian packages and FFmpeg's generators, so nothing is downloaded. Each
process has one thread and scales bit-exactly: the same FFmpeg, spec and packages give the same bytes.
"""

from tinyvmaf.data.ladder.make import build, input_digest, package_file
from tinyvmaf.data.ladder.spec import Codec, LadderClip, LadderSource, Spec, clip_ids, load_spec

__all__ = [
    "Codec",
    "LadderClip",
    "LadderSource",
    "Spec",
    "build",
    "clip_ids",
    "input_digest",
    "load_spec",
    "package_file",
]
